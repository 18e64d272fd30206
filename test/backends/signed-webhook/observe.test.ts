import assert from 'node:assert/strict';
import type { BackendDeployment, Observation } from '../../../src/core/backend.js';
import { commit, openBench } from './support/bench.js';

type Bench = Awaited<ReturnType<typeof openBench>>;

const minute = 60_000;

describe('what became of it', () => {
  let bench: Bench;
  let deployment: BackendDeployment;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    bench = await openBench();
    deployment = { deploymentId: 'd_1', target: bench.target, commit, backendRef: 'run-1' };
  });

  afterEach(() => bench.close());

  function told(observation: Observation | null): void {
    bench.reports.kept.set('d_1', { observation, heardAt: bench.clock() });
  }

  async function observe(): Promise<Observation> {
    return (await bench.backend.observe?.(deployment, signal)) ?? assert.fail('no observe');
  }

  it('is what the receiver reported, without asking it', async () => {
    told({ state: 'deploying', url: 'https://ferry.example/', progress: { step: 'Copying' } });
    const { pollAfterMs, ...seen } = await observe();
    assert.deepEqual(seen, {
      state: 'deploying',
      url: 'https://ferry.example/',
      progress: { step: 'Copying' },
    });
    assert.equal(pollAfterMs, 5 * minute);
    assert.deepEqual(bench.receiver.calls, []);
  });

  it('is queued before the first report', async () => {
    told(null);
    assert.equal((await observe()).state, 'queued');
    bench.reports.kept.clear();
    assert.equal((await observe()).state, 'queued');
  });

  for (const state of ['live', 'failed', 'stopped', 'handed_off']) {
    it(`stays ${state} however long ago that was`, async () => {
      const end = { state, reason: 'so it is' } as Observation;
      told(end);
      bench.advance(1_000 * minute);
      assert.deepEqual(await observe(), end);
    });
  }

  it('ends as stopped after the set silence, and says where to look', async () => {
    told(null);
    bench.advance(58 * minute);
    const last = await observe();
    assert.equal(last.state, 'queued');
    assert.ok(Math.abs((last.pollAfterMs ?? 0) - 2 * minute) < 5_000, `${last.pollAfterMs}`);
    bench.advance(2 * minute);
    assert.deepEqual(await observe(), {
      state: 'stopped',
      reason:
        'Sent, but the receiver reported nothing for 60 minutes; look there for how it ended.',
    });
  });

  it('counts the silence from the last report, by the setting of the target', async () => {
    const settings = { ...bench.target.settings, silenceMinutes: 1 };
    deployment = { ...deployment, target: { ...bench.target, settings } };
    told({ state: 'building', url: 'https://ferry.example/' });
    bench.advance(minute - 5_000);
    told({ state: 'deploying' });
    bench.advance(minute - 5_000);
    assert.equal((await observe()).state, 'deploying');
    bench.advance(5_000);
    const seen = await observe();
    assert.equal(seen.state, 'stopped');
    assert.match(seen.reason ?? '', /nothing for a minute;/);
  });

  it('knows the commit by its first digits, and says when it is another', async () => {
    told({ state: 'live', commit: commit.slice(0, 12).toUpperCase() });
    assert.equal((await observe()).commit, commit);
    told({ state: 'live', commit: 'ffffffffffff' });
    assert.equal((await observe()).commit, 'ffffffffffff');
  });

  it('needs no look-up when a report came although no answer did', async () => {
    told({ state: 'building' });
    const sent = { ...deployment, backendRef: null };
    assert.deepEqual(await bench.backend.lookup?.(sent, signal), {
      kind: 'found',
      backendRef: 'd_1',
    });
    assert.deepEqual(bench.receiver.calls, []);
  });

  it('stops looking up after the set silence, so that the lane can go on', async () => {
    bench.receiver.answers(500);
    told(null);
    const sent = { ...deployment, backendRef: null };
    bench.advance(59 * minute);
    // The clock is ahead of the receiver's by now; what counts here is that it gave no usable answer.
    assert.equal((await bench.backend.lookup?.(sent, signal))?.kind, 'undecided');
    bench.advance(minute);
    assert.equal((await bench.backend.lookup?.(sent, signal))?.kind, 'found');
    assert.equal((await observe()).state, 'stopped');
  });
});
