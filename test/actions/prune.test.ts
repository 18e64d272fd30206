import assert from 'node:assert/strict';
import { createPruner, type PruneOptions } from '../../src/actions/prune.js';
import { removeTarget } from '../../src/actions/change-target.js';
import { rollBack } from '../../src/actions/request-deployment.js';
import type { Observation } from '../../src/core/backend.js';
import type { Target } from '../../src/core/model/index.js';
import type { Storage } from '../../src/core/ports.js';
import { change, commit, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

const dayMs = 24 * 60 * 60_000;
const hourMs = 60 * 60_000;
const failed = (): Observation => ({ state: 'failed', reason: 'npm run build ended with 1' });
const live = (): Observation => ({ state: 'live' });

describeOnStores('pruning', (store) => {
  let engine: Engine;
  let target: Target;
  /** Rows each transaction deleted. */
  let slices: number[];

  beforeEach(async () => {
    engine = await store.engine();
    target = await engine.target();
    slices = [];
  });

  afterEach(() => engine.close());

  /** A pruner of its own, due at once. */
  function pruner(options: Partial<PruneOptions> = {}, signal?: AbortSignal) {
    const { storage, clock, logger } = engine;
    const counting: Storage = {
      ...storage,
      write: async (work) => {
        const result = await storage.write(work);
        if (typeof result === 'number') slices.push(result);
        return result;
      },
    };
    const pause = (): Promise<void> => Promise.resolve();
    const deps = { storage: counting, clock: clock.now, random: () => 0.5, logger, pause };
    const job = createPruner({ ...deps, ...(signal ? { signal } : {}) }, options);
    clock.advance(Math.max(job.dueAt() - clock.now(), 0));
    return job;
  }

  const few = { keepPerTarget: 3, keepLivePerTarget: 2 };
  const digits = '123456789abcdef';

  /** As Bitbucket tells of it, and then has it. */
  async function push(to: string, name = 'main'): Promise<void> {
    engine.bitbucket.refs.set(`branch:${name}`, { hash: to, message: 'm', author: 'a' });
    await engine.push([change({ name, to })]);
  }

  /** One push and its deployment for each, to their ends. */
  async function deployed(ends: readonly (() => Observation)[]): Promise<string[]> {
    const start = (await engine.deployments(target.id)).length;
    for (const [index, end] of ends.entries()) {
      engine.backend.onObserve = [end];
      await push(commit(digits[start + index] ?? '0'));
      await engine.settle(5_000);
    }
    return (await engine.deployments(target.id)).slice(start).map(({ id }) => id);
  }

  const kept = async (): Promise<string[]> =>
    (await engine.deployments(target.id)).map(({ id }) => id);

  const count = async (table: string): Promise<number> => {
    const [row] = await store.rows(engine, `SELECT count(*) AS n FROM ${table}`);
    return Number(row?.['n']);
  };

  it('keeps the newest of a target, what is live, and what went live last, however old', async () => {
    const ids = await deployed([live, live, live, failed, failed, failed, failed]);
    const told = { sequence: 1, state: 'live', url: null, logUrl: null, message: null } as const;
    const report = { ...told, deploymentId: ids[0] ?? '', commit: null, reportedAt: 0 };
    await engine.storage.write((tx) => tx.backendReports.save(report));
    engine.clock.advance(100 * dayMs);
    await pruner(few).run();
    // The two newest that went live (the second is the live one) and the newest three of all.
    assert.deepEqual(await kept(), [ids[1], ids[2], ...ids.slice(-3)]);
    assert.equal((await engine.storage.read.targets.byId(target.id))?.liveDeploymentId, ids[2]);
    assert.deepEqual(await engine.storage.read.attempts.ofDeployment(ids[0] ?? ''), []);
    assert.equal((await engine.storage.read.attempts.ofDeployment(ids[6] ?? '')).length, 1);
    assert.equal(await count('backend_reports'), 0);
    const orphans = '(SELECT id FROM deployments)';
    assert.equal(await count(`attempts WHERE deployment_id NOT IN ${orphans}`), 0);
    assert.equal(await count(`status_reports WHERE deployment_id NOT IN ${orphans}`), 0);
  });

  it('keeps what is younger than the limit', async () => {
    const ids = await deployed([live, failed, failed, failed, failed]);
    engine.clock.advance(89 * dayMs);
    assert.equal(await pruner(few).run(), 0);
    assert.deepEqual(await kept(), ids);
  });

  it('keeps the live one even when nothing else protects it', async () => {
    const ids = await deployed([live, failed, failed, failed, failed]);
    engine.clock.advance(100 * dayMs);
    await pruner({ keepPerTarget: 1, keepLivePerTarget: 0 }).run();
    assert.deepEqual(await kept(), [ids[0], ids[4]]);
  });

  it('keeps the release that a rollback brought back', async () => {
    const ids = await deployed([live, live, live]);
    await rollBack({ deploymentId: ids[0] ?? '', by: { name: 'Ada' } }, engine.requestDeps);
    await engine.settle(5_000);
    engine.clock.advance(100 * dayMs);
    await pruner({ keepPerTarget: 1, keepLivePerTarget: 0 }).run();
    const left = await engine.deployments(target.id);
    assert.deepEqual(
      left.map(({ id, cause }) => [id, cause]),
      [
        [ids[0], 'push'],
        [left[1]?.id, 'rollback'],
      ],
    );
  });

  it('never takes what has not ended, nor what Bitbucket is still owed a status for', async () => {
    engine.backend.onTrigger = [() => ({ kind: 'retry', reason: 'busy' })];
    await push(commit('a'));
    await engine.step();
    const [waiting] = await kept();
    engine.clock.advance(100 * dayMs);
    await pruner({ keepPerTarget: 0, keepLivePerTarget: 0 }).run();
    assert.deepEqual(await kept(), [waiting]);

    engine.backend.onTrigger = [() => ({ kind: 'rejected', reason: 'no such branch there' })];
    await engine.step();
    engine.clock.advance(100 * dayMs);
    assert.equal((await engine.deployments(target.id))[0]?.state, 'failed');
    await pruner({ keepPerTarget: 0, keepLivePerTarget: 0 }).run();
    assert.deepEqual(await kept(), [waiting], 'its status is not written yet');
    await engine.settle();
    await pruner({ keepPerTarget: 0, keepLivePerTarget: 0 }).run();
    assert.deepEqual(await kept(), []);
  });

  it('has a most that no target exceeds, whatever the age', async () => {
    const ids = await deployed([failed, failed, failed, failed, failed, failed]);
    engine.clock.advance(hourMs);
    await pruner({ mostPerTarget: 2 }).run();
    assert.deepEqual(await kept(), ids, 'not within the first two days');
    engine.clock.advance(2 * dayMs);
    await pruner({ mostPerTarget: 2 }).run();
    assert.deepEqual(await kept(), ids.slice(-2));
  });

  it('takes pushes, decisions and events whose deployments are gone, but not where a ref stands', async () => {
    const first = target;
    target = await engine.target({ branchPattern: 'main, docs', name: 'Test' });
    await removeTarget({ targetId: first.id, by: { name: 'Ada' } }, engine.laneDeps);
    await push(commit('d'), 'docs');
    await engine.settle(5_000);
    await deployed([live, live, failed, failed, live]);
    assert.equal(await count('events'), 6);
    engine.clock.advance(100 * dayMs);
    await pruner({ keepPerTarget: 2, keepLivePerTarget: 0 }).run();
    const names = await engine.storage.read.events.recentRefChanges(target.repositoryId, 100);
    assert.deepEqual(
      names.map(({ name, to }) => [name, to?.[0]]),
      [
        ['main', '6'],
        ['main', '5'],
        ['docs', 'd'],
      ],
    );
    assert.ok(names.every(({ decisions }) => decisions.length === 1));
    assert.equal(await count('events'), 3);
    assert.equal(await count('decisions'), 3);
  });

  it('keeps nothing of a branch that was deleted long ago', async () => {
    await engine.push([change({ name: 'gone', to: commit('d') })]);
    await engine.push([change({ name: 'gone', to: null, kind: 'delete' })]);
    await engine.settle();
    engine.clock.advance(100 * dayMs);
    await pruner().run();
    assert.equal(await count('ref_changes'), 0);
    assert.equal(await count('events'), 0);
  });

  it('cannot be used to put an old commit live: its event, sent again, still meets the head', async () => {
    await deployed([live, live, live]);
    engine.clock.advance(100 * dayMs);
    await pruner({ keepPerTarget: 1, keepLivePerTarget: 0 }).run();
    assert.equal(await count('ref_changes'), 1, 'the event to be replayed is forgotten');
    const before = engine.backend.triggered.length;
    await engine.push([change({ from: commit('1'), to: commit('2') })], { deliveryId: 'replayed' });
    await engine.settle();
    assert.equal(engine.backend.triggered.length, before);
    assert.equal((await engine.deployments(target.id)).length, 1);
  });

  it('deletes in slices, and what it deleted is what it says', async () => {
    await deployed([live, failed, failed, failed, failed, failed]);
    engine.clock.advance(100 * dayMs);
    const tables = [
      'deployments',
      'attempts',
      'status_reports',
      'decisions',
      'ref_changes',
      'events',
    ];
    const all = async (): Promise<number> =>
      (await Promise.all(tables.map(count))).reduce((sum, one) => sum + one, 0);
    const before = await all();
    const rows = await pruner({ ...few, sliceRows: 4 }).run();
    assert.equal(rows, before - (await all()));
    assert.ok(rows > 8, `${rows} rows`);
    assert.ok(slices.length > 2 && slices.every((one) => one <= 4), slices.join());
  });

  it('does a bounded amount a run, goes on a minute later, and then rests for about an hour', async () => {
    await deployed([live, failed, failed, failed, failed, failed, failed, failed]);
    engine.clock.advance(100 * dayMs);
    const job = pruner({ ...few, sliceRows: 4, slicesPerRun: 2 });
    const first = await job.run();
    assert.ok(first > 0 && first <= 8, `${first} rows`);
    assert.equal(await job.run(), 0, 'not due');
    assert.equal(job.dueAt(), engine.clock.now() + 60_000);
    let runs = 0;
    while (job.dueAt() - engine.clock.now() <= 60_000) {
      assert.ok((runs += 1) < 50, 'it comes to an end');
      engine.clock.advance(60_000);
      await job.run();
    }
    assert.equal(job.dueAt(), engine.clock.now() + hourMs);
    assert.ok(runs > 2, `${runs} runs`);
    assert.equal((await kept()).length, 4);
  });

  it('begins no other slice once the server stops', async () => {
    await deployed([live, failed, failed, failed, failed]);
    engine.clock.advance(100 * dayMs);
    const stopping = new AbortController();
    const job = pruner({ keepPerTarget: 1 }, stopping.signal);
    stopping.abort();
    assert.equal(await job.run(), 0);
  });

  it('forgets a removed target once its history is old', async () => {
    await deployed([live, failed]);
    await removeTarget({ targetId: target.id, by: { name: 'Ada' } }, engine.laneDeps);
    engine.clock.advance(10 * dayMs);
    await pruner().run();
    assert.ok(await engine.storage.read.targets.byId(target.id), 'its history is young');
    engine.clock.advance(100 * dayMs);
    // What was live on it is nothing to it any more.
    await engine.storage.write((tx) => tx.targets.touch(target.id, { liveDeploymentId: null }));
    await pruner().run();
    assert.equal(await engine.storage.read.targets.byId(target.id), null);
    assert.equal(await engine.storage.read.lanes.byTarget(target.id), null);
  });
});
