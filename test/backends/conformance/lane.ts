import assert from 'node:assert/strict';
import { cancelDeployment } from '../../../src/actions/request-deployment.js';
import { saveConnection } from '../../../src/actions/save-connection.js';
import type { Backend } from '../../../src/core/backend.js';
import type { Deployment } from '../../../src/core/model/index.js';
import {
  change,
  commit as plainCommit,
  createEngine,
  workspaceUuid,
  type Engine,
} from '../../support/engine.js';
import { waitFor } from '../../support/e2e/wait-for.js';
import { tempFolder } from '../../support/temp-folder.js';
import { testClock } from '../../support/test-clock.js';

/** What the next calls that would start a deployment meet, until told otherwise. */
export type Trouble =
  | 'none'
  /** A plain refusal, for good, in whose words every secret is repeated. */
  | 'refuses'
  /** The same, with a success. */
  | 'refuses_softly'
  /** 503, without doing anything. */
  | 'fails'
  /** 429. */
  | 'throttles'
  /** Our credential is no longer good. */
  | 'distrusts'
  /** Does it, then the connection breaks. */
  | 'loses_answer'
  /** The connection breaks before anything is done. */
  | 'loses_request'
  /** Does it, and never answers. */
  | 'hangs'
  /** Does it, but answers with a web page. */
  | 'answers_nonsense';

/** A backend and a fake of its service that keeps its own count of what it really started. */
export interface LaneBench {
  backend: Backend;
  /** Form values of a target, and of its connection where the backend has accounts. */
  settings: Record<string, string>;
  connection?: Record<string, string>;
  /** Must be found in nothing that is stored. */
  secrets: readonly string[];
  meet(trouble: Trouble): void;
  /** Where the branch of the repository stands: what a head-only service builds. */
  headIs(commit: string): void;
  /** Commits of the deployments that were really started there, in order. */
  started(): string[];
  /** The commit that is pushed as this one; where only commits that are really there will do. */
  commitOf?(digit: string): string;
  /** For a backend that needs more of Slipway than calls. Again after a restart. */
  attach?(engine: Engine): void;
  /** Everything that runs there ends. Default well. */
  finish(how?: 'live' | 'failed'): Promise<void>;
  close(): Promise<void>;
}

const by = { name: 'Ada Example' };
const hour = 3_600_000;

/**
 * What every backend owes to people, seen from their pushes: each is answered, nothing is deployed twice, success is never
 * claimed without knowing. `src/core/backend.ts` and the lane together, against the service's own count.
 */
export function laneConformance(
  name: string,
  open: (clock: () => number) => Promise<LaneBench>,
  options: {
    /** What cannot happen to it, and why: said in the list of tests. */
    without?: Partial<Record<Trouble, string>>;
    /** Where it takes an answer that makes no sense for a refusal: nothing is claimed then, and nothing sent again. */
    takesNonsenseFor?: 'refusal';
  } = {},
): void {
  const { without = {} } = options;
  describe(`${name} behind a lane`, () => {
    const folder = tempFolder('conformance');
    let bench: LaneBench;
    let engine: Engine;
    let target: string;
    let clock: ReturnType<typeof testClock>;
    let runs = 0;

    beforeEach(async () => {
      clock = testClock(Date.now());
      bench = await open(clock.now);
      const before = { clock, masterKey: Buffer.alloc(32, ++runs) };
      const dataDir = `${folder.path}/${runs}`;
      engine = await createEngine({ backend: bench.backend, before, dataDir });
      bench.attach?.(engine);
      const connectionId = await connected();
      target = (await engine.target({ settings: bench.settings, connectionId })).id;
    });
    afterEach(async () => {
      await engine.close();
      await bench.close();
    });
    after(() => folder.remove());

    it('deploys a push once and says that it is live', async () => {
      await push('a');
      await engine.settle();
      await bench.finish();
      await settleFor(hour);
      await ends('live', [commit('a')], 'SUCCESSFUL');
    });

    it('is called under the name of its host, so that one that answers nobody is spared', async () => {
      await push('a');
      await engine.settle();
      const { closed } = engine.laneDeps.breakers.counts(clock.now());
      // Only what is no network has none.
      assert.equal(closed, without.fails === undefined ? 1 : 0);
      // What still runs would write when the store is closed.
      await bench.finish();
      await settleFor(hour);
    });

    it('says that it failed, and why', async () => {
      await push('a');
      await engine.settle();
      await bench.finish('failed');
      await settleFor(hour);
      const ended = await ends('failed', [commit('a')], 'FAILED');
      assert.match(ended.reason ?? '', /\w{3}/);
    });

    it('a burst during one deployment costs exactly one more, of the newest commit', async () => {
      await push('a');
      await engine.settle();
      for (const digit of ['b', 'c', 'd']) await push(digit);
      await engine.settle();
      await bench.finish();
      await settleFor(60_000);
      await bench.finish();
      await settleFor(hour);
      assert.deepEqual(bench.started(), [commit('a'), commit('d')]);
      const states = (await engine.deployments(target)).map(({ state }) => state);
      assert.deepEqual(states, ['live', 'superseded', 'superseded', 'live']);
    });

    for (const trouble of ['refuses', 'refuses_softly'] as const) {
      on(trouble)(
        `when the service ${words(trouble)}, that ends it in words, and pauses the target instead of failing each push`,
        async () => {
          bench.meet(trouble);
          await push('a');
          await settleFor(hour);
          const ended = await ends('failed', [], 'FAILED');
          assert.match(ended.reason ?? '', /\w{3}/);
          assert.ok((await engine.storage.read.targets.byId(target))?.hold);
          // It repeated every secret in its words.
          await storedNoSecret();
        },
      );
    }

    for (const trouble of ['fails', 'throttles'] as const) {
      on(trouble)(
        `when the service ${trouble} at first, it is deployed once in the end`,
        async () => {
          bench.meet(trouble);
          await push('a');
          await settleFor(3_000);
          assert.deepEqual(bench.started(), []);
          bench.meet('none');
          await settleFor(10 * 60_000);
          await bench.finish();
          await settleFor(hour);
          await ends('live', [commit('a')], 'SUCCESSFUL');
        },
      );
    }

    on('distrusts')('a refused credential is said, and nothing else is sent with it', async () => {
      bench.meet('distrusts');
      await push('a');
      await settleFor(hour);
      const [waits] = await engine.deployments(target);
      assert.deepEqual(bench.started(), []);
      assert.notEqual(waits?.state, 'live');
      assert.match(waits?.reason ?? '', /\w{3}/);
      if (bench.backend.account) {
        assert.equal((await connectionOf())?.state, 'broken');
        assert.equal((await engine.storage.read.targets.byId(target))?.hold, null);
      } else {
        assert.ok((await engine.storage.read.targets.byId(target))?.hold);
      }
    });

    for (const trouble of ['loses_answer', 'hangs', 'answers_nonsense'] as const) {
      on(trouble)(
        `done, but the service ${words(trouble)}: never twice, and never success unseen`,
        async () => {
          bench.meet(trouble);
          await push('a');
          await settleFor(1_000);
          bench.meet('none');
          await settleFor(5 * 60_000);
          await bench.finish();
          await settleFor(hour);
          if (trouble === 'answers_nonsense' && options.takesNonsenseFor === 'refusal') {
            await ends('failed', [commit('a')], 'FAILED');
          } else {
            await isHonest(1);
          }
        },
      );
    }

    on('loses_request')(
      'lost on the way: sent again only where that is known to be safe',
      async () => {
        bench.meet('loses_request');
        await push('a');
        await settleFor(1_000);
        bench.meet('none');
        await settleFor(5 * 60_000);
        await bench.finish();
        await settleFor(hour);
        await isHonest(canTell() ? 1 : 0);
      },
    );

    on('hangs')(
      'killed between the call and its answer: never twice, and never success unseen',
      async () => {
        bench.meet('hangs');
        await push('a');
        // The write that would settle it fails, as it would be missing had the process been killed.
        const dying = engine.step().catch(() => undefined);
        await waitFor('the service to begin', () => bench.started().length > 0);
        const { dataDir, masterKey } = engine;
        await engine.storage.close();
        await dying;
        bench.meet('none');
        engine = await createEngine({
          dataDir,
          backend: bench.backend,
          before: { clock, masterKey },
        });
        bench.attach?.(engine);
        await settleFor(5 * 60_000);
        await bench.finish();
        await settleFor(hour);
        await isHonest(1);
      },
    );

    it('cancels what runs, where it can', async function () {
      if (!bench.backend.capabilities.cancel) {
        console.log('    not here, this backend cannot cancel:');
        return this.skip();
      }
      await push('a');
      await settleFor(2_000);
      await waitFor('the service to begin', () => bench.started().length > 0);
      const [running] = await engine.deployments(target);
      await cancelDeployment({ deploymentId: running?.id ?? '', by }, engine.requestDeps);
      await settleFor(hour);
      await ends('stopped', [commit('a')], 'STOPPED');
    });

    it('keeps its secrets out of everything that is stored', async () => {
      for (const trouble of ['answers_nonsense', 'loses_answer', 'none'] as const) {
        if (without[trouble] !== undefined) continue;
        bench.meet(trouble);
        await push(trouble === 'none' ? 'c' : trouble === 'loses_answer' ? 'b' : 'a');
        await settleFor(5 * 60_000);
        await bench.finish();
        await settleFor(hour);
      }
      await storedNoSecret();
    });

    async function storedNoSecret(): Promise<void> {
      const { read } = engine.storage;
      const deployments = await engine.deployments(target);
      const attempts = await Promise.all(
        deployments.map(({ id }) => read.attempts.ofDeployment(id)),
      );
      const rows = { deployments, attempts, target: await read.targets.byId(target) };
      const text = JSON.stringify({ ...rows, connection: await connectionOf() });
      for (const secret of bench.secrets) assert.ok(!text.includes(secret), 'a secret was stored');
    }

    function on(trouble: Trouble): (title: string, run: () => Promise<void>) => void {
      const impossible = without[trouble];
      if (impossible === undefined) return it;
      return (title) => void it.skip(`${title}: not here, ${impossible}`);
    }

    function commit(digit: string): string {
      return bench.commitOf?.(digit) ?? plainCommit(digit);
    }

    /** It can find out whether a request arrived, or repeating it does no harm. */
    function canTell(): boolean {
      const { lookup, idempotent } = bench.backend.capabilities;
      return lookup || idempotent;
    }

    async function isHonest(started: number): Promise<void> {
      assert.deepEqual(
        bench.started(),
        Array.from({ length: started }, () => commit('a')),
      );
      const [ended] = await engine.deployments(target);
      if (canTell()) {
        await ends('live', bench.started(), 'SUCCESSFUL');
        return;
      }
      assert.equal(ended?.state, 'stopped', ended?.reason ?? '');
      assert.equal(engine.bitbucket.statuses.at(-1)?.status.state, 'STOPPED');
    }

    async function ends(state: string, started: string[], status: string): Promise<Deployment> {
      const [ended] = (await engine.deployments(target)).reverse();
      assert.equal(ended?.state, state, ended?.reason ?? '');
      assert.deepEqual(bench.started(), started);
      assert.equal(engine.bitbucket.statuses.at(-1)?.status.state, status);
      return ended;
    }

    /** The clock goes on by itself: what is due in between is done. */
    async function settleFor(ms: number): Promise<void> {
      const until = clock.now() + ms;
      await engine.settle(ms);
      clock.advance(Math.max(0, until - clock.now()));
      await engine.settle();
    }

    async function push(digit: string): Promise<void> {
      bench.headIs(commit(digit));
      await engine.push([change({ to: commit(digit) })]);
    }

    async function connected(): Promise<string | null> {
      if (!bench.connection) return null;
      const form = {
        ...{ connectionId: null, expectedVersion: 0, workspaceUuid, by, name: 'Account' },
        ...{ backend: bench.backend.id, settings: bench.connection },
      };
      return (await saveConnection(form, { ...engine.requestDeps, vault: engine.vault })).id;
    }

    async function connectionOf() {
      const saved = await engine.storage.read.targets.byId(target);
      return saved?.connectionId ? engine.storage.read.connections.byId(saved.connectionId) : null;
    }
  });
}

function words(trouble: string): string {
  return trouble.replace(/_/g, ' ');
}
