import assert from 'node:assert/strict';
import { createForgetter } from '../../src/actions/forget-workspace.js';
import { createPruner } from '../../src/actions/prune.js';
import { createSilenceJob } from '../../src/wiring/forge-silence.js';
import { endSilentForge } from '../../src/actions/end-silent-forge.js';
import { noteForgeCall } from '../../src/actions/note-forge-call.js';
import type { CareJob } from '../../src/actions/care-job.js';
import { change, commit, createEngine, workspaceUuid, type Engine } from '../support/engine.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

describe('what deletes by age, when the clock jumps', () => {
  let engine: Engine;
  /** Time as it really passes. */
  let steadyMs: number;

  beforeEach(async () => {
    engine = await createEngine();
    steadyMs = 0;
  });
  afterEach(() => engine.close());

  function passes(ms: number): void {
    steadyMs += ms;
    engine.clock.advance(ms);
  }

  const deps = () => ({
    ...engine,
    clock: engine.clock.now,
    steady: () => steadyMs,
    random: () => 0.5,
    pause: () => Promise.resolve(),
  });

  async function runDue(job: CareJob): Promise<number> {
    passes(Math.max(0, job.dueAt() - engine.clock.now()));
    return job.run();
  }

  /** Three that failed and one that went live, all of this hour. */
  async function history(): Promise<() => Promise<number>> {
    const target = await engine.target();
    for (const digit of ['a', 'b', 'c', 'd']) {
      engine.backend.onObserve = [
        () => (digit === 'a' ? { state: 'live' } : { state: 'failed', reason: 'no' }),
      ];
      await engine.push([change({ to: commit(digit) })]);
      await engine.settle(5_000);
    }
    return async () => (await engine.deployments(target.id)).length;
  }

  const few = { keepPerTarget: 1, keepLivePerTarget: 0 };

  it('forward by half a year: nothing young is pruned, and nothing at all once it is set right', async () => {
    const left = await history();
    const job = createPruner(deps(), few);
    engine.clock.advance(180 * dayMs);
    for (let run = 0; run < 20; run += 1) assert.equal(await runDue(job), 0);
    assert.equal(await job.turn(), true, 'nor where another keeps the time');
    assert.equal(await left(), 4);
    assert.equal(engine.logger.lines.filter(({ message }) => /clock/.test(message)).length, 1);
    engine.clock.advance(-180 * dayMs);
    for (let run = 0; run < 30; run += 1) assert.equal(await runDue(job), 0);
    assert.equal(await left(), 4);
  });

  it('forward for good, a machine that slept: it goes on a day later', async () => {
    const left = await history();
    const job = createPruner(deps(), few);
    engine.clock.advance(180 * dayMs);
    assert.equal(await runDue(job), 0);
    passes(dayMs);
    assert.ok((await runDue(job)) > 0);
    assert.equal(await left(), 2);
  });

  it('back by days: it does not wait for the clock to be there again', async () => {
    const left = await history();
    passes(100 * dayMs);
    engine.clock.advance(30 * dayMs);
    const job = createPruner(deps(), few);
    engine.clock.advance(-30 * dayMs);
    const before = steadyMs;
    assert.ok((await runDue(job)) > 0);
    assert.ok(steadyMs - before <= 2 * hourMs, `${(steadyMs - before) / hourMs} hours`);
    assert.equal(await left(), 2);
  });

  it('a removed workspace keeps its days to think again', async () => {
    const left = await history();
    const now = engine.clock.now();
    await engine.storage.write((tx) =>
      tx.installations.save({
        ...{ id: engine.ids.next(), door: 'connect', externalId: 'key', workspaceUuid },
        ...{ state: 'removed', secretSealed: null, installedBy: null },
        ...{ createdAt: now, updatedAt: now },
      }),
    );
    const job = createForgetter({ ...deps(), backend: () => engine.backend });
    engine.clock.advance(60 * dayMs);
    assert.equal(await runDue(job), 0);
    assert.equal(await left(), 4);
    passes(dayMs);
    assert.ok((await runDue(job)) > 0, 'the control: it would have gone');
  });

  describe('Forge’s silence', () => {
    const installationId = '4e4e4e4e-0000-4000-8000-000000000001';

    async function called(): Promise<void> {
      await noteForgeCall(
        {
          ...{ kind: 'schedule', installationId, workspaceUuid, environmentType: 'PRODUCTION' },
          environmentId: '66666666-0000-4000-8000-000000000000',
          systemToken: null,
        },
        { ...deps(), waker: { wake: () => undefined } },
      );
    }

    const silence = () =>
      createSilenceJob(deps(), () =>
        endSilentForge({
          ...deps(),
          tokenIsTaken: () => Promise.resolve(true),
          onEnd: () => undefined,
        }),
      );

    /** How many were ended in that time. */
    async function endedWithin(job: ReturnType<typeof silence>, ms: number): Promise<number> {
      let ended = 0;
      const until = steadyMs + ms;
      while (steadyMs < until) {
        passes(10 * minuteMs);
        if (job.dueAt() <= engine.clock.now()) ended += await job.run();
      }
      return ended;
    }

    it('days forward, nobody’s app counts as uninstalled', async () => {
      await called();
      const job = silence();
      assert.equal(await endedWithin(job, hourMs), 0);
      await called();
      engine.clock.advance(3 * dayMs);
      assert.equal(await endedWithin(job, hourMs), 0);
      assert.equal(await job.turn(), true);
      await called();
      assert.equal(await endedWithin(job, dayMs - hourMs), 0);
    });

    it('is not heard by a server that was away for days itself', async () => {
      await called();
      passes(3 * dayMs);
      const job = silence();
      assert.equal(await endedWithin(job, 2 * hourMs), 0);
      assert.equal(await endedWithin(job, 2 * hourMs), 1, 'three calls were missed');
    });

    it('is looked for although the clock went back by days', async () => {
      await called();
      passes(2 * dayMs);
      engine.clock.advance(7 * dayMs);
      const job = silence();
      engine.clock.advance(-7 * dayMs);
      assert.equal(await endedWithin(job, 4 * hourMs), 1);
    });
  });
});
