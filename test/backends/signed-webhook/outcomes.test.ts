import assert from 'node:assert/strict';
import type { Observation, TriggerOutcome } from '../../../src/core/backend.js';
import { openBench } from './support/bench.js';

type Bench = Awaited<ReturnType<typeof openBench>>;

interface Row {
  status: number;
  body?: object | string;
  headers?: Record<string, string>;
  outcome: TriggerOutcome;
  /** Default: it goes on, and is looked at again when its receiver has been silent. */
  said?: Observation;
}

const accepted = { kind: 'accepted', backendRef: 'd_1' } as const;
const rejected = (reason: string) => ({ kind: 'rejected', reason }) as const;
const retry = (reason: string, retryAfterMs?: number) =>
  ({ kind: 'retry', reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }) as const;

/** Its host answered well: nothing for a breaker to count. */
const busy = (reason: string, retryAfterMs?: number) =>
  ({ ...retry(reason, retryAfterMs), isBusy: true }) as const;
const handedOff = {
  state: 'handed_off',
  reason: 'Handed to the receiver; it does not report the result.',
} as unknown as Observation;

const goesOn: Observation = { state: 'queued', pollAfterMs: 5 * 60_000 };

/** reference/deploy-backends.md §3.2 and §5. */
const rows: Row[] = [
  { status: 202, outcome: accepted },
  { status: 200, body: {}, outcome: accepted },
  { status: 200, body: 'ok', headers: { 'content-type': 'text/plain' }, outcome: accepted },
  { status: 201, body: '{"external_id": broken', outcome: accepted },
  { status: 202, body: [1, 2], outcome: accepted },
  { status: 202, body: { external_id: 'run-1' }, outcome: { ...accepted, backendRef: 'run-1' } },
  { status: 202, body: { external_id: 42 }, outcome: { ...accepted, backendRef: '42' } },
  { status: 202, body: { external_id: '', url: 'javascript:alert(1)' }, outcome: accepted },
  { status: 202, body: { external_id: 'x'.repeat(201) }, outcome: accepted },
  {
    status: 202,
    body: { url: 'https://ci.example/run/1' },
    outcome: accepted,
    said: { state: 'queued', url: 'https://ci.example/run/1', pollAfterMs: 5 * 60_000 },
  },
  {
    status: 200,
    body: { state: 'live', url: 'https://ferry.example/' },
    outcome: accepted,
    said: { state: 'live', url: 'https://ferry.example/' },
  },
  {
    status: 200,
    body: { state: 'failed', message: 'no\nspace' },
    outcome: accepted,
    said: { state: 'failed', reason: 'no space' },
  },
  { status: 204, outcome: accepted, said: handedOff },
  {
    status: 200,
    body: { state: 'exploded' },
    outcome: rejected('It answered with a state that we do not know: exploded.'),
  },
  { status: 301, outcome: rejected('It redirects (301); enter the address it leads to.') },
  { status: 304, outcome: rejected('It redirects (304); enter the address it leads to.') },
  { status: 400, outcome: rejected('The receiver refused it (400)') },
  { status: 404, outcome: rejected('The receiver refused it (404)') },
  { status: 405, outcome: rejected('The receiver refused it (405)') },
  {
    status: 422,
    body: { message: 'no environment "Production"' },
    outcome: rejected('The receiver refused it (422): no environment "Production"'),
  },
  { status: 410, outcome: rejected('The receiver wants no more deployments (410)') },
  {
    status: 401,
    outcome: {
      ...rejected(
        'The receiver does not accept our signature (401); does it have the same secret?',
      ),
      needsReconnect: true,
    },
  },
  {
    status: 403,
    outcome: {
      ...rejected(
        'The receiver does not accept our signature (403); does it have the same secret?',
      ),
      needsReconnect: true,
    },
  },
  { status: 409, outcome: busy('the receiver is busy with this target (409)') },
  {
    status: 409,
    headers: { 'retry-after': '30' },
    outcome: busy('the receiver is busy with this target (409)', 30_000),
  },
  { status: 408, outcome: retry('the receiver answered 408') },
  { status: 425, outcome: retry('the receiver answered 425') },
  { status: 429, outcome: busy('the receiver answered 429', 60_000) },
  {
    status: 429,
    headers: { 'retry-after': '7' },
    outcome: busy('the receiver answered 429', 7_000),
  },
  { status: 500, outcome: retry('the receiver answered 500') },
  { status: 502, outcome: retry('the receiver answered 502') },
  {
    status: 503,
    headers: { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' },
    body: { message: 'down for maintenance' },
    outcome: retry('the receiver answered 503: down for maintenance', 0),
  },
  { status: 504, outcome: retry('the receiver answered 504') },
];

describe('what an answer means', () => {
  let bench: Bench;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    bench = await openBench();
  });

  afterEach(() => bench.close());

  for (const { status, body, headers, outcome, said = goesOn } of rows) {
    const sent = [status, body === undefined ? '' : JSON.stringify(body).slice(0, 60), headers];
    it(`${sent.map((part) => JSON.stringify(part)).join(' ')} → ${outcome.kind}`, async () => {
      bench.receiver.answers(status, body, headers);
      const expected = outcome.kind === 'accepted' ? { ...outcome, observation: said } : outcome;
      assert.deepEqual(await bench.backend.trigger(bench.request(), signal), expected);
      assert.deepEqual(await bench.backend.rollback?.(bench.rollbackRequest(), signal), expected);
      assert.deepEqual(bench.reports.noted, [], 'it is settled with the outcome');
    });
  }

  it('reads no answer that is larger than 64 KiB, and looks up instead', async () => {
    bench.receiver.answers(200, 'x'.repeat(70_000));
    const outcome = await bench.backend.trigger(bench.request(), signal);
    assert.equal(outcome.kind, 'unknown');
  });

  it('rejects an address that may not be called, without a word of where it leads', async () => {
    for (const url of [
      'https://169.254.169.254/hook',
      'http://deploy.example/',
      'https://[fd00::1]/',
    ]) {
      const target = { ...bench.target, settings: { url } };
      const outcome = await bench.backend.trigger(bench.request({ target }), signal);
      assert.deepEqual(
        outcome,
        rejected(
          `${new URL(url).host} may not be called from here: only https, and no private or reserved network.`,
        ),
      );
    }
    assert.deepEqual(bench.receiver.calls, []);
  });

  it('tries again when the credential token cannot be kept: nothing was sent', async () => {
    const failing = await openBench();
    try {
      const { backend } = failing;
      Object.assign(failing.offers, { push: () => assert.fail('the disk is full') });
      const outcome = await backend.trigger(failing.request(), signal);
      assert.equal(outcome.kind, 'retry');
      assert.deepEqual(failing.receiver.calls, []);
    } finally {
      await failing.close();
    }
  });

  it('finds by look-up only what is said to be there, and takes over what is said of it', async () => {
    const { deploymentId, target, commit } = bench.request();
    const ask = () =>
      bench.backend.lookup?.({ deploymentId, target, commit, backendRef: null }, signal);
    bench.receiver.answers(200, { found: true, external_id: 'run-9', state: 'failed' });
    assert.deepEqual(await ask(), { kind: 'found', backendRef: 'run-9' });
    assert.deepEqual(bench.reports.noted, [{ state: 'failed' }]);
    bench.reports.kept.clear();
    bench.receiver.answers(404, { found: false });
    assert.deepEqual(await ask(), { kind: 'absent' });
    // A bare 404 may come from a proxy; none of these proves anything.
    for (const [status, body] of [
      [404, {}],
      [404, 'gone'],
      [200, {}],
      [204, undefined],
      [500, { found: false }],
    ] as const) {
      bench.receiver.answers(status, body);
      assert.equal((await ask())?.kind, 'undecided', `${status}`);
    }
  });

  it('answers a cancel by what the receiver says', async () => {
    const { deploymentId, target, commit } = bench.request();
    const cancel = () =>
      bench.backend.cancel?.({ deploymentId, target, commit, backendRef: 'run-1' }, signal);
    bench.receiver.answers(202);
    assert.deepEqual(await cancel(), { kind: 'cancelled' });
    bench.receiver.answers(409);
    assert.deepEqual(await cancel(), { kind: 'too_late' });
    bench.receiver.answers(404);
    assert.deepEqual(await cancel(), { kind: 'failed', reason: 'the receiver answered 404' });
    bench.receiver.answers(200, { state: 'stopped', message: 'killed' });
    assert.deepEqual(await cancel(), { kind: 'cancelled' });
    assert.deepEqual(bench.reports.noted, [{ state: 'stopped', reason: 'killed' }]);
    const asked = bench.receiver.calls.length;
    assert.deepEqual(await cancel(), { kind: 'too_late' });
    assert.equal(bench.receiver.calls.length, asked);
  });
});
