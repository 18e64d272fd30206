import assert from 'node:assert/strict';
import { acceptEvents, type InboundEvent } from '../../src/actions/accept-events.js';
import type { Begun, ClaimWish } from '../../src/actions/step-lane.js';
import { createPushTaker } from '../../src/actions/take-pushes.js';
import { digest } from '../../src/lib/digest.js';
import { change, commit, repositoryUuid, workspaceUuid, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

describeOnStores('take pushes', (store) => {
  let engine: Engine;
  let taken: Begun[];
  let wakes: number;
  let forgotten: number;
  let givenBack: number;
  let wish: ClaimWish | null;
  let take: (event: InboundEvent) => Promise<unknown>;

  beforeEach(async () => {
    engine = await store.engine();
    [taken, wakes, forgotten, givenBack] = [[], 0, 0, 0];
    wish = { limit: 10, owner: 'test', leaseMs: 15_000, servedLately: [] };
    const { storage, laneDeps, lanes } = engine;
    take = createPushTaker({
      storage,
      accept: acceptEvents({ ...laneDeps, ...laneDeps.routing, digest }),
      lanes: {
        beginIn: (tx, wanted) => lanes.beginIn(tx, wanted),
        forget(begun) {
          forgotten += begun.steps.length;
          lanes.forget(begun);
        },
      },
      hands: {
        wish: () => wish,
        take: (begun) => taken.push(begun),
        giveBack: () => (givenBack += 1),
        wake: () => (wakes += 1),
      },
    });
  });

  afterEach(() => engine.close());

  let deliveries = 0;
  const push = (to: string, name = 'main'): InboundEvent => ({
    source: engine.source,
    workspaceUuid,
    deliveryId: `push-${++deliveries}`,
    eventKey: 'repo:push',
    attemptNumber: 1,
    receivedAt: engine.clock.now(),
    event: {
      kind: 'push',
      repository: {
        uuid: repositoryUuid,
        workspaceUuid,
        workspaceSlug: 'acme',
        workspaceName: 'Acme',
        fullName: 'acme/site',
        name: 'site',
        mainBranch: 'main',
        isPrivate: true,
      },
      actor: null,
      changes: [change({ to, name, from: commit('0') })],
    },
  });

  it('leases the lane in the transaction that stores the push: the call is all that is left to do', async () => {
    const target = await engine.target();
    await take(push(commit('a')));
    assert.deepEqual(
      taken.flatMap(({ steps }) => steps.map((step) => [step.kind, step.deployment.commit])),
      [['trigger', commit('a')]],
    );
    assert.equal((await engine.deployments(target.id))[0]?.state, 'building');
    assert.equal((await engine.begin()).claimed, 0, 'nobody else may get it');
    assert.equal(wakes, 0, 'nothing is left for the worker to look for');
  });

  it('leases once for a batch', async () => {
    await engine.target();
    await Promise.all([take(push(commit('a'))), take(push(commit('b'), 'other'))]);
    assert.equal(taken.flatMap(({ steps }) => steps).length, 1);
  });

  it('leases nothing for a push that deploys nothing', async () => {
    await engine.target();
    await take(push(commit('a'), 'other'));
    assert.deepEqual([taken.length, wakes], [0, 0]);
  });

  it('leaves the lane to the worker when all hands are busy', async () => {
    await engine.target();
    wish = null;
    await take(push(commit('a')));
    assert.deepEqual([taken.length, wakes], [0, 1]);
    assert.equal((await engine.begin()).claimed, 1);
  });

  it('takes what was committed only, and once, when another job of the transaction fails', async () => {
    const target = await engine.target();
    // Holds the writer, so that the push and the bad job wait together.
    const first = engine.storage.write(() => Promise.resolve());
    const pushed = take(push(commit('a')));
    const bad = engine.storage.write(() => Promise.reject(new Error('bad job')));
    await Promise.all([first, pushed, assert.rejects(bad, /bad job/)]);
    const steps = taken.flatMap((each) => each.steps);
    assert.equal(steps.length, 1);
    assert.equal(forgotten, 1, 'what the lost transaction planned gave its slots back');
    assert.equal(givenBack, 1, 'and its hands');
    const [deployment] = await engine.deployments(target.id);
    assert.equal(deployment?.state, 'building');
    const attempts = await engine.storage.read.attempts.ofDeployments([deployment.id]);
    assert.equal(attempts.length, 1);
  });

  it('gives back what was planned when the push cannot be stored at all', async () => {
    await engine.target();
    const { storage } = engine;
    const full = Object.assign(new Error('full'), { code: store.full });
    const held = storage.write(() => Promise.resolve());
    const pushed = take(push(commit('a')));
    const broken = storage.write(() => Promise.reject(full));
    await Promise.all([held, assert.rejects(broken), assert.rejects(pushed)]);
    assert.deepEqual([taken.length, forgotten, givenBack], [0, 1, 1]);
  });

  it('gives its hands back when no lane can be leased', async () => {
    await engine.target();
    engine.lanes.beginIn = () => Promise.reject(new Error('no lease'));
    await assert.rejects(take(push(commit('a'))), /no lease/);
    assert.equal(taken.length, 0);
    assert.ok(givenBack > 0);
  });
});
