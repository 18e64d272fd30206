import assert from 'node:assert/strict';
import { retryDeployments } from '../../src/actions/retry-deployments.js';
import { removeTarget } from '../../src/actions/change-target.js';
import type { Deployment, Target } from '../../src/core/model/index.js';
import { change, commit, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

const by = { name: 'Olga Operator' };
const hourMs = 60 * 60_000;

describeOnStores('retrying deployments', (store) => {
  let engine: Engine;
  let target: Target;

  beforeEach(async () => {
    engine = await store.engine();
    target = await engine.target({ branchPattern: 'main, dev' });
  });

  afterEach(() => engine.close());

  const retry = (
    wish: { ids: string[] } | { failedSince: number; targetId?: string; repositoryId?: string },
  ) => retryDeployments({ by, ...wish }, engine.requestDeps);

  async function push(digit: string, name = 'main'): Promise<Deployment> {
    const to = commit(digit);
    engine.bitbucket.refs.set(`branch:${name}`, { hash: to, message: 'm', author: 'a' });
    await engine.push([change({ name, to })]);
    const newest = (await engine.deployments(target.id)).at(-1);
    assert.ok(newest);
    return newest;
  }

  async function fails(digit: string, name = 'main'): Promise<Deployment> {
    engine.backend.onObserve = [() => ({ state: 'failed', reason: 'tests failed' })];
    const deployment = await push(digit, name);
    await engine.settle(5_000);
    engine.backend.onObserve = [];
    return deployment;
  }

  const byId = async (id: string): Promise<Deployment | null> =>
    engine.storage.read.deployments.byId(id);

  it('runs the same commit under a new deployment, and keeps the old one with its attempts', async () => {
    const dead = await fails('a');
    const { retried, refused } = await retry({ ids: [dead.id] });
    assert.deepEqual(refused, []);
    await engine.settle(5_000);
    const again = await byId(retried[0]?.deploymentId ?? '');
    assert.deepEqual(
      [again?.state, again?.cause, again?.causedBy, again?.commit, again?.slot],
      ['live', 'retry', by.name, dead.commit, dead.slot],
    );
    assert.equal((await byId(dead.id))?.state, 'failed');
    assert.equal((await engine.storage.read.attempts.ofDeployment(dead.id)).length, 1);
    const decision = await engine.storage.read.events.decision(dead.refChangeId ?? '', target.id);
    assert.equal(decision?.deploymentId, again?.id, 'the push shows what became of the retry');
  });

  it('cancels the automatic retry that is pending: nothing is sent twice', async () => {
    engine.backend.onTrigger = [() => ({ kind: 'retry', reason: 'busy' })];
    const pending = await push('a');
    await engine.step();
    assert.equal((await byId(pending.id))?.state, 'queued');
    engine.backend.onTrigger = [];
    await retry({ ids: [pending.id] });
    await engine.settle(24 * hourMs);
    assert.equal((await byId(pending.id))?.state, 'superseded');
    assert.match((await byId(pending.id))?.reason ?? '', /Olga Operator/);
    const sent = engine.backend.triggered.map(({ cause }) => cause);
    assert.deepEqual(sent, ['push', 'retry'], 'at once, and the automatic one never came');
  });

  it('refuses what is running, waiting, arrived, overtaken or not there, each with a reason', async () => {
    const old = await fails('a');
    const arrived = await push('b');
    await engine.settle(5_000);
    engine.backend.onObserve = [() => ({ state: 'building' })];
    const running = await push('c');
    await engine.step();
    const waiting = await push('d');
    const ids = [old, arrived, running, waiting].map(({ id }) => id);
    const { retried, refused } = await retry({ ids: [...ids, 'nobody'] });
    assert.deepEqual(retried, []);
    const why = refused.map((one) => one.why);
    assert.match(why[0] ?? '', /on its way/);
    assert.match(why[1] ?? '', /arrived/);
    assert.match(why[2] ?? '', /running/);
    assert.match(why[3] ?? '', /first turn/);
    assert.match(why[4] ?? '', /no such deployment/);
    assert.equal((await engine.deployments(target.id)).length, 4);
  });

  it('never puts a commit over a newer one of its branch', async () => {
    const old = await fails('a');
    await push('b');
    await engine.settle(5_000);
    const { refused } = await retry({ ids: [old.id] });
    assert.match(refused[0]?.why ?? '', /newer commit \(bbbbbbbbbbbb\)/);
  });

  it('refuses what failed on a target that was removed', async () => {
    const dead = await fails('a');
    await removeTarget({ targetId: target.id, by }, engine.laneDeps);
    assert.match((await retry({ ids: [dead.id] })).refused[0]?.why ?? '', /target was removed/);
  });

  describe('in bulk', () => {
    it('takes the last failure of each branch, once', async () => {
      await fails('a');
      const main = await fails('b');
      const dev = await fails('c', 'dev');
      const { retried } = await retry({ failedSince: 0 });
      assert.deepEqual(
        retried.map(({ id }) => id),
        [main.id, dev.id],
      );
      assert.deepEqual((await retry({ failedSince: 0 })).retried, [], 'they are on their way');
      await engine.settle(10_000);
      assert.deepEqual((await retry({ failedSince: 0 })).retried, [], 'they arrived');
    });

    it('leaves alone what failed earlier, and other targets', async () => {
      await fails('a');
      engine.clock.advance(25 * hourMs);
      const dev = await fails('b', 'dev');
      const since = engine.clock.now() - 24 * hourMs;
      assert.deepEqual((await retry({ failedSince: since, targetId: 'other' })).retried, []);
      const { retried } = await retry({ failedSince: since, targetId: target.id });
      assert.deepEqual(
        retried.map(({ id }) => id),
        [dev.id],
      );
    });

    it('takes one repository’s, and leaves alone all others', async () => {
      const main = await fails('a');
      const within = (repositoryId: string) => retry({ failedSince: 0, repositoryId });
      assert.deepEqual((await within('other')).retried, []);
      const { retried } = await within(target.repositoryId);
      assert.deepEqual(
        retried.map(({ id }) => id),
        [main.id],
      );
    });

    it('never goes behind something newer that is live on the target', async () => {
      const dead = await fails('a', 'dev');
      await push('b');
      await engine.settle(5_000);
      assert.deepEqual((await retry({ failedSince: 0 })).retried, []);
      assert.equal((await retry({ ids: [dead.id] })).retried.length, 1, 'but by name it may');
    });
  });
});
