import assert from 'node:assert/strict';
import type { LaneLease } from '../../src/core/model/index.js';
import { Worker, type WorkerOptions } from '../../src/queue/worker.js';
import { createEngine, type Engine } from '../support/engine.js';

/** A promise that a test settles when it wants to. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('worker', () => {
  let engine: Engine;
  let worker: Worker;

  beforeEach(async () => {
    engine = await createEngine();
  });

  afterEach(async () => {
    await worker.stop();
    await engine.close();
  });

  function start(
    step: (lease: LaneLease) => Promise<void>,
    more: Partial<WorkerOptions> = {},
  ): void {
    worker = new Worker({
      storage: engine.storage,
      lanes: {
        async begin({ limit, owner, leaseMs, servedLately }) {
          const claimed = await engine.storage.write((tx) =>
            tx.lanes.claim(limit, engine.clock.now(), leaseMs, owner, servedLately),
          );
          return { claimed: claimed.length, steps: claimed, nextDue: null };
        },
        async run({ lease }) {
          await step(lease);
          return null;
        },
      },
      background: [],
      clock: engine.clock.now,
      logger: engine.logger,
      concurrency: 2,
      ...more,
    });
    worker.start();
  }

  const release = async (lease: LaneLease): Promise<void> => {
    const change = { lease, dueAt: null, currentDeploymentId: null, failures: 0 };
    await engine.storage.write((tx) => tx.lanes.settle([change], engine.clock.now()));
  };
  const wake = async (...ids: string[]): Promise<void> => {
    await engine.storage.write((tx) => tx.lanes.wake(ids, engine.clock.now()));
    worker.wake();
  };

  it('steps a lane once it is woken, and leaves idle ones alone', async () => {
    const [a, b] = [await engine.target(), await engine.target({ name: 'Test' })];
    const stepped: string[] = [];
    const done = gate();
    start(async (lease) => {
      stepped.push(lease.targetId);
      await release(lease);
      done.open();
    });
    await wake(a.id);
    await done.opened;
    assert.deepEqual(stepped, [a.id]);
    assert.notEqual(a.id, b.id);
  });

  it('works on as many lanes at a time as it may, and on the next as soon as one is done', async () => {
    const targets = [];
    for (const name of ['A', 'B', 'C']) targets.push(await engine.target({ name }));
    const begun: string[] = [];
    const two = gate();
    const three = gate();
    const hold = gate();
    start(async (lease) => {
      begun.push(lease.targetId);
      if (begun.length === 2) two.open();
      if (begun.length === 3) three.open();
      else await hold.opened;
      await release(lease);
    });
    await wake(...targets.map(({ id }) => id));
    await two.opened;
    assert.equal(begun.length, 2);
    hold.open();
    await three.opened;
    assert.deepEqual([...begun].sort(), targets.map(({ id }) => id).sort());
  });

  it('survives a step that throws, and a background job that does', async () => {
    const target = await engine.target();
    const second = gate();
    let steps = 0;
    start(
      async (lease) => {
        steps += 1;
        if (steps === 1) {
          await release(lease);
          throw new Error('a bug');
        }
        await release(lease);
        second.open();
      },
      { background: [{ name: 'broken', run: () => Promise.reject(new Error('another')) }] },
    );
    await wake(target.id);
    while (!engine.logger.lines.some(({ message }) => message === 'lane.step_failed')) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await wake(target.id);
    await second.opened;
    assert.ok(engine.logger.lines.some(({ message }) => message === 'worker.job_failed'));
  });

  it('waits, when stopping, for the step that runs', async () => {
    const target = await engine.target();
    const begun = gate();
    const hold = gate();
    let finished = false;
    start(async (lease) => {
      begun.open();
      await hold.opened;
      await release(lease);
      finished = true;
    });
    await wake(target.id);
    await begun.opened;
    const stopped = worker.stop();
    hold.open();
    await stopped;
    assert.ok(finished);
  });

  it('works on lanes that were leased for it in another transaction, and lends no hands when it has none', async () => {
    const target = await engine.target();
    const begun = gate();
    const hold = gate();
    const ended: string[] = [];
    start(
      async (lease) => {
        begun.open();
        await hold.opened;
        await release(lease);
        ended.push(lease.targetId);
      },
      { concurrency: 1 },
    );
    const wish = worker.wish();
    assert.equal(wish?.limit, 1);
    const { clock, storage } = engine;
    const steps = await storage.write(async (tx) => {
      await tx.lanes.wake([target.id], clock.now());
      return tx.lanes.claim(wish.limit, clock.now(), wish.leaseMs, wish.owner);
    });
    worker.take({ claimed: 1, steps, nextDue: null }, wish);
    await begun.opened;
    assert.equal(worker.wish(), null);
    const stopped = worker.stop();
    hold.open();
    await stopped;
    assert.deepEqual(ended, [target.id]);
  });

  it('never works on more lanes than it may, however many take lanes for it at once', async () => {
    const targets: string[] = [];
    for (let index = 0; index < 24; index += 1) {
      targets.push((await engine.target({ name: `T${index}` })).id);
    }
    const { clock, storage } = engine;
    const hold = gate();
    const done = gate();
    const running = new Set<string>();
    let most = 0;
    let ended = 0;
    start(
      async (lease) => {
        running.add(lease.targetId);
        most = Math.max(most, running.size);
        await hold.opened;
        running.delete(lease.targetId);
        await release(lease);
        ended += 1;
        if (ended === targets.length) done.open();
      },
      { concurrency: 8 },
    );
    // Several at once, as pushes do, beside the worker's own claim.
    const borrow = async (): Promise<void> => {
      const wish = worker.wish();
      if (wish === null) return;
      const steps = await storage.write((tx) =>
        tx.lanes.claim(wish.limit, clock.now(), wish.leaseMs, wish.owner),
      );
      worker.take({ claimed: steps.length, steps, nextDue: null }, wish);
    };
    await storage.write((tx) => tx.lanes.wake(targets, clock.now()));
    const borrowed = [borrow(), borrow(), borrow()];
    worker.wake();
    await Promise.all([...borrowed, borrow(), borrow()]);
    while (running.size < 8) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(worker.wish(), null);
    hold.open();
    await done.opened;
    assert.equal(most, 8);
  });

  it('has its hands again when nothing was leased for a wish', () => {
    start(() => Promise.resolve(), { concurrency: 1 });
    const wish = worker.wish();
    assert.equal(wish?.limit, 1);
    assert.equal(worker.wish(), null);
    worker.giveBack(wish);
    assert.equal(worker.wish()?.limit, 1);
    worker.giveBack(wish);
  });

  it('notices that the clock was set back, and looks at what would have waited that much longer', async () => {
    const target = await engine.target();
    const stepped = gate();
    start(async (lease) => {
      await release(lease);
      stepped.open();
    });
    const { clock, storage } = engine;
    await storage.write((tx) => tx.lanes.wake([target.id], clock.now() + 60_000));
    clock.advance(-24 * 3_600_000);
    await stepped.opened;
    assert.ok(engine.logger.lines.some(({ message }) => message === 'worker.clock_went_back'));
  });

  it('lets a job gather what comes before it runs', async () => {
    const ran = gate();
    let waiting = 0;
    const runs: number[] = [];
    const run = (): Promise<number> => {
      runs.push(waiting);
      waiting = 0;
      ran.open();
      return Promise.resolve(0);
    };
    start(() => Promise.resolve(), { background: [{ name: 'job', gatherMs: 20, run }] });
    runs.length = 0;
    for (let i = 0; i < 10; i += 1) {
      waiting += 1;
      worker.wakeJob('job');
    }
    await ran.opened;
    assert.deepEqual(runs, [10]);
  });

  it('gives every workspace its turn: 5,000 lanes of one hold up a single push of another by one at most', async () => {
    const crowd = Array.from({ length: 5_000 }, (_, index) => ({
      targetId: `crowd-${String(index).padStart(5, '0')}`,
      repositoryId: 'r',
      workspaceUuid: '{crowd}',
    }));
    await engine.storage.write(async (tx) => {
      for (const lane of crowd) await tx.lanes.create(lane);
      for (let start = 0; start < crowd.length; start += 500) {
        const ids = crowd.slice(start, start + 500).map(({ targetId }) => targetId);
        await tx.lanes.wake(ids, engine.clock.now());
      }
    });
    engine.clock.advance(1_000);
    const single = await engine.target();
    await engine.storage.write((tx) => tx.lanes.wake([single.id], engine.clock.now()));
    const order: string[] = [];
    const done = gate();
    start(
      async (lease) => {
        order.push(lease.targetId);
        if (lease.targetId === single.id) done.open();
        await release(lease);
      },
      { concurrency: 1 },
    );
    await done.opened;
    assert.ok(order.indexOf(single.id) <= 1, `it came after ${order.indexOf(single.id)} others`);
  });
});
