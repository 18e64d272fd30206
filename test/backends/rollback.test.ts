import assert from 'node:assert/strict';
import { setAutomatic } from '../../src/actions/change-target.js';
import { rollBack } from '../../src/actions/request-deployment.js';
import { saveConnection } from '../../src/actions/save-connection.js';
import type { Deployment } from '../../src/core/model/index.js';
import { change, commit, createEngine, workspaceUuid, type Engine } from '../support/engine.js';
import { tempFolder } from '../support/temp-folder.js';
import { testClock } from '../support/test-clock.js';
import { openCoolify } from './coolify/support/coolify-service.js';
import type { LaneBench } from './conformance/lane.js';
import { openLane as openDigitalOcean } from './digitalocean/support/bench.js';
import { openRender } from './render/support/render-service.js';
import { laneOf } from './support/service-bench.js';
import { openVercel } from './vercel/support/vercel-service.js';

const by = { name: 'Ada Example' };
const hour = 3_600_000;
const services: Record<string, (clock: () => number) => Promise<LaneBench>> = {
  digitalocean: openDigitalOcean,
  render: laneOf(openRender),
  vercel: laneOf(openVercel),
  coolify: laneOf(openCoolify),
};

/** The same for every backend that can: back without building, then held until a person resumes. */
describe('a rollback', () => {
  for (const [name, open] of Object.entries(services)) {
    it(`at ${name} holds automatic deploys until a person resumes them`, async () => {
      const folder = tempFolder('rollback');
      const clock = testClock(Date.now());
      const bench = await open(clock.now);
      const before = { clock, masterKey: Buffer.alloc(32, 1) };
      const engine = await createEngine({ backend: bench.backend, before, dataDir: folder.path });
      try {
        await play(engine, bench, clock);
      } finally {
        await engine.close();
        await bench.close();
        folder.remove();
      }
    });
  }
});

async function play(
  engine: Engine,
  bench: LaneBench,
  clock: ReturnType<typeof testClock>,
): Promise<void> {
  const form = {
    ...{ connectionId: null, expectedVersion: 0, workspaceUuid, by, name: 'Account' },
    ...{ backend: bench.backend.id, settings: bench.connection ?? {} },
  };
  const connection = await saveConnection(form, { ...engine.requestDeps, vault: engine.vault });
  const { id } = await engine.target({ settings: bench.settings, connectionId: connection.id });
  const last = async (): Promise<Deployment> => {
    const found = (await engine.deployments(id)).at(-1);
    assert.ok(found);
    return found;
  };
  /** It runs there, ends well, and is seen to; twice, as a service may need a second step for it. */
  const settle = async (): Promise<void> => {
    for (let step = 0; step < 3; step += 1) {
      await engine.settle(60_000);
      await bench.finish();
    }
    await engine.settle(hour);
    clock.advance(1_000);
  };
  const push = async (digit: string): Promise<void> => {
    bench.headIs(commit(digit));
    const head = { hash: commit(digit), message: 'Change something', author: 'Ada Example' };
    engine.bitbucket.refs.set('branch:main', head);
    await engine.push([change({ to: commit(digit) })]);
    await settle();
  };

  await push('a');
  const first = await last();
  await push('b');
  assert.equal((await last()).state, 'live');

  await rollBack({ deploymentId: first.id, by }, engine.requestDeps);
  await settle();
  const back = await last();
  assert.deepEqual([back.cause, back.state, back.commit], ['rollback', 'live', commit('a')]);
  const target = await engine.storage.read.targets.byId(id);
  assert.equal(target?.liveDeploymentId, back.id);
  assert.equal(target.hold?.reason, `rolled back to ${commit('a').slice(0, 12)}`);
  assert.deepEqual(bench.started(), [commit('a'), commit('b')], 'nothing was built for it');

  await push('c');
  assert.equal((await last()).id, back.id, 'a held push deploys nothing');
  const [held] = await engine.storage.read.events.recentRefChanges(target.repositoryId, 1);
  assert.equal(held?.decisions[0]?.reasonCode, 'held');

  await setAutomatic({ targetId: id, on: true, by }, engine.laneDeps);
  await push('d');
  assert.deepEqual([(await last()).commit, (await last()).state], [commit('d'), 'live']);
}
