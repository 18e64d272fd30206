import assert from 'node:assert/strict';
import type { LaneLease, Target } from '../../../src/core/model/index.js';
import type { Engine } from '../../support/engine.js';
import { describeOnStores } from '../../support/stores.js';

describeOnStores('the queue in the store', (store) => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await store.engine();
  });

  afterEach(() => engine.close());

  describe('lanes', () => {
    const claim = async (limit = 10, leaseMs = 15_000) => {
      const lanes = await engine.storage.write((tx) =>
        tx.lanes.claim(limit, engine.clock.now(), leaseMs, 'me'),
      );
      return lanes.map(({ lease }) => lease);
    };
    const giveBack = (lease: LaneLease) => {
      const change = { lease, dueAt: null, currentDeploymentId: null, failures: 0 };
      return engine.storage.write((tx) => tx.lanes.settle([change], engine.clock.now()));
    };

    it('leases a due lane to one worker, with a number that grows', async () => {
      const target = await engine.target();
      assert.deepEqual(await claim(), [], 'an idle lane is nobody’s');
      await engine.storage.write((tx) => tx.lanes.wake([target.id], engine.clock.now()));
      const [first] = await claim();
      assert.equal(first?.fencing, 1);
      assert.deepEqual(await claim(), [], 'leased');
      engine.clock.advance(15_000);
      const [second] = await claim();
      assert.equal(second?.fencing, 2);
      const held = await engine.storage.write(async (tx) => [
        first ? await tx.lanes.holds(first, engine.clock.now()) : null,
        second ? await tx.lanes.holds(second, engine.clock.now()) : null,
      ]);
      assert.deepEqual(held, [false, true]);
    });

    it('does not lose a wake-up that comes while the lane is worked on', async () => {
      const target = await engine.target();
      await engine.storage.write((tx) => tx.lanes.wake([target.id], engine.clock.now()));
      const [lease] = await claim();
      assert.ok(lease);
      await engine.storage.write((tx) => tx.lanes.wake([target.id], engine.clock.now()));
      await giveBack(lease);
      const [next] = await claim();
      assert.ok(next, 'due again at once');
      await giveBack(next);
      assert.equal((await engine.storage.read.lanes.byTarget(target.id))?.dueAt, null);
    });

    it('gives back only what is still held, each with its own next time', async () => {
      const targets: Target[] = [];
      for (const name of ['A', 'B', 'C']) targets.push(await engine.target({ name }));
      const now = engine.clock.now();
      await engine.storage.write((tx) =>
        tx.lanes.wake(
          targets.map(({ id }) => id),
          now,
        ),
      );
      const leases = await claim();
      const changes = leases.map((lease, index) => ({
        lease: index === 1 ? { ...lease, fencing: 7 } : lease,
        dueAt: now + 1_000 * (index + 1),
        currentDeploymentId: `d${index}`,
        failures: index,
      }));
      const held = await engine.storage.write((tx) => tx.lanes.settle(changes, now));
      const [a, b, c] = leases.map(({ targetId }) => targetId);
      assert.deepEqual([...held.keys()].sort(), [a, c].sort());
      const lanes = await Promise.all(
        leases.map(({ targetId }) => engine.storage.read.lanes.byTarget(targetId)),
      );
      assert.deepEqual(
        lanes.map((lane) => [lane?.dueAt, lane?.currentDeploymentId, lane?.failures]),
        [
          [now + 1_000, 'd0', 0],
          [now, null, 0],
          [now + 3_000, 'd2', 2],
        ],
      );
      assert.ok(lanes[1]?.leaseOwner, `${b} is still leased`);
    });

    it('says which leases were lost when renewing, and keeps the others', async () => {
      const [a, b] = [await engine.target(), await engine.target({ name: 'Test' })];
      await engine.storage.write((tx) => tx.lanes.wake([a.id, b.id], engine.clock.now()));
      const leases = await claim();
      engine.clock.advance(15_000);
      const [taken] = await claim(1);
      const lost = await engine.storage.write((tx) =>
        tx.lanes.renew(leases, engine.clock.now() + 15_000),
      );
      assert.deepEqual(lost, [taken?.targetId]);
      assert.deepEqual(await claim(), []);
    });
  });

  it('gives status reports of one commit out in order, one at a time', async () => {
    const base = {
      deploymentId: 'd',
      repositoryId: 'r',
      commit: 'c',
      key: 'k',
      name: 'n',
      description: '',
      url: 'https://slipway.example/',
      refName: null,
      attempts: 0,
      settledAt: null,
      error: null,
      createdAt: 0,
      dueAt: engine.clock.now(),
    };
    await engine.storage.write(async (tx) => {
      await tx.statusReports.insert([
        { ...base, id: '1', state: 'INPROGRESS' },
        { ...base, id: '2', state: 'SUCCESSFUL' },
        { ...base, id: '3', state: 'INPROGRESS', key: 'other' },
      ]);
    });
    const claim = async (): Promise<string[]> => {
      const now = engine.clock.now();
      const due = await engine.storage.write((tx) =>
        tx.statusReports.claimDue(9, now, now + 60_000),
      );
      return due.map(({ id }) => id).sort();
    };
    assert.deepEqual(await claim(), ['1', '3']);
    assert.deepEqual(await claim(), [], 'the newer one waits for the older');
    await engine.storage.write((tx) =>
      tx.statusReports.settle([{ id: '1', patch: { dueAt: null, settledAt: 1 } }]),
    );
    assert.deepEqual(await claim(), ['2']);
    engine.clock.advance(60_000);
    assert.deepEqual(await claim(), ['2', '3'], 'a crash in between is repeated');
  });
});
