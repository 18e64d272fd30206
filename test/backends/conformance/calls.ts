import assert from 'node:assert/strict';
import type {
  Backend,
  BackendDeployment,
  BackendTarget,
  LookupResult,
  TriggerOutcome,
  TriggerRequest,
} from '../../../src/core/backend.js';

/** How the other side behaves. A bench leaves out what its vendor cannot do. */
export type Behaviour =
  /** Takes what it is sent. */
  | 'accepts'
  /** Says no, for good. */
  | 'refuses'
  /** Says no, for good, with a success. */
  | 'refuses_softly'
  /** Our credential is wrong. */
  | 'distrusts'
  /** Wants no more calls at all. */
  | 'is_gone'
  /** Names the time after which to come again: 90 s. */
  | 'throttles'
  /** Deploys something else right now. */
  | 'is_busy'
  /** Fails with a status of its own. */
  | 'fails'
  /** Nobody listens. */
  | 'is_away'
  /** Reads the request, then breaks the connection. */
  | 'cuts'
  /** Reads the request and says nothing. */
  | 'is_slow'
  /** Sends everybody somewhere else. */
  | 'redirects'
  /** Answers a success that it does not mean: a login page. */
  | 'answers_nonsense'
  /** Refuses, and repeats in its words every secret it was given. */
  | 'repeats_secrets'
  /** Knows the deployment that it is asked for. */
  | 'knows_it'
  /** Knows for certain that it does not. */
  | 'knows_it_not';

export interface Bench {
  backend: Backend;
  target: BackendTarget;
  /** Must appear in nothing that the backend says. */
  secrets: readonly string[];
  behave(behaviour: Behaviour): Promise<void> | void;
  request(more?: Partial<TriggerRequest>): TriggerRequest;
  /** When what is looked up was sent, Unix ms: long enough ago for its absence to be proven. Default now. */
  sentAt?(): number;
  /** The keys under which the other side was asked to start something, in order. */
  startedUnder(): Promise<string[]> | string[];
  close(): Promise<void>;
}

const outcomes: Record<string, TriggerOutcome['kind']> = {
  accepts: 'accepted',
  refuses: 'rejected',
  refuses_softly: 'rejected',
  distrusts: 'rejected',
  is_gone: 'rejected',
  redirects: 'rejected',
  answers_nonsense: 'rejected',
  repeats_secrets: 'rejected',
  throttles: 'retry',
  is_busy: 'retry',
  fails: 'retry',
  is_away: 'retry',
  cuts: 'unknown',
  is_slow: 'unknown',
};

/** What every backend owes to the lane, whatever its vendor: `src/core/backend.ts` in examples. */
export function backendConformance(
  name: string,
  open: () => Promise<Bench>,
  options: {
    /** What cannot happen to it, and why: said in the list of tests. */
    without?: Partial<Record<Behaviour, string>>;
    /** Where its vendor's answer means something else than usual. */
    means?: Partial<Record<Behaviour, TriggerOutcome['kind']>>;
    /** Where looking it up learns less, or more, than usual. */
    lookup?: Partial<Record<Behaviour, LookupResult['kind']>>;
  } = {},
): void {
  const { without = {} } = options;
  const expected = { ...outcomes, ...options.means };
  describe(`${name} as a backend`, () => {
    let bench: Bench;

    beforeEach(async () => {
      bench = await open();
    });

    afterEach(() => bench.close());

    const trigger = (more: Partial<TriggerRequest> = {}): Promise<TriggerOutcome> =>
      bench.backend.trigger(bench.request(more), new AbortController().signal);

    const sent = (backendRef: string | null = null): BackendDeployment => {
      const { deploymentId, target, commit } = bench.request();
      const at = bench.sentAt?.() ?? Date.now();
      return { deploymentId, target, commit, backendRef, sent: { first: at, last: at } };
    };

    const signal = (): AbortSignal => new AbortController().signal;

    for (const [behaviour, kind] of Object.entries(expected)) {
      const title = `calls it ${kind} when the other side ${words(behaviour)}`;
      const impossible = without[behaviour as Behaviour];
      if (impossible !== undefined) {
        it.skip(`${title}: not here, ${impossible}`);
        continue;
      }
      it(title, async () => {
        await bench.behave(behaviour as Behaviour);
        const outcome = await trigger();
        assert.equal(outcome.kind, kind, JSON.stringify(outcome));
        if (outcome.kind === 'accepted') assert.notEqual(outcome.backendRef, '');
        else assert.match(outcome.reason, /\w{3}/);
        hasNoSecrets(outcome);
      });
    }

    it('asks to reconnect only where the credential is wrong', async () => {
      for (const behaviour of ['distrusts', 'refuses'] as const) {
        if (without[behaviour] !== undefined) continue;
        await bench.behave(behaviour);
        const outcome = await trigger();
        const asks = outcome.kind === 'rejected' && outcome.needsReconnect === true;
        assert.equal(asks, behaviour === 'distrusts');
      }
    });

    if (without.throttles === undefined) {
      it('passes on how long to wait', async () => {
        await bench.behave('throttles');
        const outcome = await trigger();
        assert.equal(outcome.kind === 'retry' && outcome.retryAfterMs, 90_000);
      });
    }

    it('sends every try of one deployment under one key, and another one under another', async () => {
      if (!bench.backend.capabilities.idempotent) return;
      if (without.fails !== undefined) {
        await bench.behave('accepts');
        for (const fencing of [1, 2]) {
          assert.equal((await trigger({ fencing })).kind, 'accepted');
        }
        assert.equal((await bench.startedUnder()).length, 1);
        return;
      }
      await bench.behave('fails');
      await trigger({ fencing: 1 });
      await trigger({ fencing: 2 });
      await bench.behave('accepts');
      await trigger({ fencing: 3 });
      const other = { deploymentId: 'd_other', idempotencyKey: 'd_other' };
      await trigger({ ...other, fencing: 4 });
      const [first, second, third, last, ...more] = await bench.startedUnder();
      assert.ok(first);
      assert.deepEqual([second, third], [first, first]);
      assert.notEqual(last, first);
      assert.deepEqual(more, []);
    });

    it('checks without starting anything, and names the field that is wrong', async () => {
      await bench.behave('accepts');
      const fine = await bench.backend.check(bench.target, signal());
      assert.equal(fine.ok, true, JSON.stringify(fine));
      for (const behaviour of ['distrusts', 'is_away', 'redirects', 'answers_nonsense'] as const) {
        if (without[behaviour] !== undefined) continue;
        await bench.behave(behaviour);
        const result = await bench.backend.check(bench.target, signal());
        assert.equal(result.ok, false, behaviour);
        for (const { field, message } of result.ok ? [] : result.problems) {
          assert.match(message, /^\S.*[.?]$/s);
          if (field !== null) assert.ok(field in bench.backend.settings.shape, field);
        }
        hasNoSecrets(result);
      }
      assert.deepEqual(await bench.startedUnder(), []);
    });

    it('finds what was sent without an answer, or proves that it is not there', async () => {
      assert.equal(bench.backend.lookup !== undefined, bench.backend.capabilities.lookup);
      if (!bench.backend.lookup) return;
      await bench.behave('knows_it');
      assert.equal((await bench.backend.lookup(sent(), signal())).kind, 'found');
      await bench.behave('knows_it_not');
      assert.equal((await bench.backend.lookup(sent(), signal())).kind, 'absent');
      for (const behaviour of [
        'fails',
        'cuts',
        'is_slow',
        'answers_nonsense',
        'is_away',
      ] as const) {
        if (without[behaviour] !== undefined) continue;
        await bench.behave(behaviour);
        const result = await bench.backend.lookup(sent(), signal());
        assert.equal(result.kind, options.lookup?.[behaviour] ?? 'undecided', behaviour);
        hasNoSecrets(result);
      }
      assert.deepEqual(await bench.startedUnder(), []);
    });

    it('cancels, and says so when it could not', async () => {
      assert.equal(bench.backend.cancel !== undefined, bench.backend.capabilities.cancel);
      if (!bench.backend.cancel) return;
      await bench.behave('accepts');
      const outcome = await trigger();
      const ref = outcome.kind === 'accepted' ? outcome.backendRef : null;
      assert.equal((await bench.backend.cancel(sent(ref), signal())).kind, 'cancelled');
      for (const behaviour of ['fails', 'cuts', 'is_away'] as const) {
        if (without[behaviour] !== undefined) continue;
        await bench.behave(behaviour);
        const result = await bench.backend.cancel(sent(ref), signal());
        assert.equal(result.kind, 'failed', behaviour);
        hasNoSecrets(result);
      }
    });

    it('stops waiting when it is told to', async function () {
      if (without.is_slow !== undefined) {
        console.log(`    not here, ${without.is_slow}:`);
        return this.skip();
      }
      await bench.behave('is_slow');
      const outcome = await bench.backend.trigger(bench.request(), AbortSignal.timeout(50));
      assert.equal(outcome.kind, 'unknown');
    });

    it('keeps its secrets sealed: they are marked, and nothing else holds them', () => {
      const plain = JSON.stringify(bench.target.settings);
      for (const secret of bench.secrets) assert.ok(!plain.includes(secret));
      const { settings, account } = bench.backend;
      const { secrets, connection } = bench.target;
      for (const key of Object.keys(secrets)) assert.ok(isMarked(settings, key), key);
      for (const key of Object.keys(connection?.secrets ?? {})) {
        assert.ok(account && isMarked(account.settings, key), key);
      }
    });

    function hasNoSecrets(said: unknown): void {
      const text = JSON.stringify(said);
      for (const secret of bench.secrets) assert.ok(!text.includes(secret), text);
    }
  });
}

function isMarked({ shape }: Backend['settings'], key: string): boolean {
  const field = (shape as Record<string, { meta(): { secret?: boolean } | undefined }>)[key];
  return field?.meta()?.secret === true;
}

function words(behaviour: string): string {
  return behaviour.replace(/_/g, ' ');
}
