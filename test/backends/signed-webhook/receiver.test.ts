import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cancelDeployment, rollBack } from '../../../src/actions/request-deployment.js';
import type { Deployment, Target } from '../../../src/core/model/index.js';
import { newSecret } from '../../../src/lib/standard-webhooks.js';
import { change, commit } from '../../support/engine.js';
import { tempFolder } from '../../support/temp-folder.js';
import { openSlipway, type TestSlipway } from './support/slipway.js';

const example = join(import.meta.dirname, '../../../docs/examples/receiver.mjs');
const by = { name: 'Ada Example' };

/** The very file that the docs offer, as a process of its own, against the backend and the API door. */
describe('docs/examples/receiver.mjs', () => {
  const secret = newSecret();
  let slipway: TestSlipway;
  let folder: ReturnType<typeof tempFolder>;
  let receiver: ChildProcess;
  let url: string;
  let target: Target;

  beforeEach(async () => {
    slipway = await openSlipway();
    folder = tempFolder('receiver');
    receiver = await startReceiver();
    target = await slipway.engine.target({ settings: { url, secret } });
  });

  afterEach(async () => {
    await stopReceiver();
    folder.remove();
    await slipway.close();
  });

  async function startReceiver(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [example], {
      env: { SECRET: secret, FOLDER: folder.path, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    url = `http://127.0.0.1:${/^listening on (\d+)$/.exec(line)?.[1] ?? assert.fail(line)}/hook`;
    return child;
  }

  async function stopReceiver(): Promise<void> {
    if (receiver.exitCode !== null) return;
    receiver.kill();
    await once(receiver, 'exit');
  }

  function release(): { commit: string; folder: string; clone_url: string; username: string } {
    return JSON.parse(readFileSync(join(folder.path, 'current.json'), 'utf8')) as ReturnType<
      typeof release
    >;
  }

  async function credentialsUsed(): Promise<boolean[]> {
    return (await slipway.grantsUsedAt()).map((usedAt) => usedAt !== null);
  }

  async function newest(): Promise<Deployment> {
    return (await slipway.engine.deployments(target.id)).at(-1) ?? assert.fail('no deployment');
  }

  /** Steps the lane whenever the API has taken a report, until the newest deployment is at an end. */
  async function toItsEnd(): Promise<Deployment> {
    for (;;) {
      const reported = slipway.nextReport();
      while ((await slipway.engine.step()) > 0);
      const deployment = await newest();
      if (deployment.finishedAt !== null) return deployment;
      await reported;
    }
  }

  async function push(digit: string): Promise<Deployment> {
    await slipway.engine.push([change({ to: commit(digit) })]);
    return toItsEnd();
  }

  it('takes a push live: verified, accepted, cloned with the one-time credential, reported', async () => {
    const deployment = await push('a');
    assert.equal(deployment.state, 'live');
    assert.equal(deployment.backendRef, deployment.id);
    assert.deepEqual(release(), {
      commit: commit('a'),
      folder: deployment.id,
      clone_url: 'https://bitbucket.example/acme/site.git',
      username: 'x-token-auth',
    });
    assert.deepEqual(await credentialsUsed(), [true]);
    const last = await slipway.report(deployment.id);
    assert.deepEqual([last?.state, last?.sequence], ['live', 2]);
  });

  it('does nothing for a ping, and nothing for what is not signed', async () => {
    await assert.rejects(
      slipway.engine.target({ settings: { url, secret: newSecret() } }),
      (error: { fields?: object }) => Object.keys(error.fields ?? {}).join() === 'settings.secret',
    );
    for (const headers of [{}, { 'webhook-timestamp': String(Math.floor(Date.now() / 1000)) }]) {
      assert.equal((await fetch(url, { method: 'POST', body: '{}', headers })).status, 401);
    }
    assert.throws(() => release(), /ENOENT/);
  });

  it('switches back to an earlier release, and refuses one that it does not have', async () => {
    const first = await push('a');
    await push('b');
    assert.equal(release().commit, commit('b'));
    await rollBack({ deploymentId: first.id, by }, slipway.engine.requestDeps);
    assert.equal((await toItsEnd()).state, 'live');
    assert.equal(release().commit, commit('a'));
    const second = (await slipway.engine.deployments(target.id))[1] ?? assert.fail('no second');
    await stopReceiver();
    folder.remove();
    receiver = await startReceiver();
    await slipway.engine.storage.write((tx) =>
      tx.targets.update(target.id, target.version, { settings: { ...target.settings, url } }),
    );
    await rollBack({ deploymentId: second.id, by }, slipway.engine.requestDeps);
    const refused = await toItsEnd();
    assert.equal(refused.state, 'failed');
    assert.match(refused.reason ?? '', /that release is gone/);
  });

  it('is sent the same again after a crash of ours, and does not do it twice', async () => {
    const { storage, clock } = slipway.engine;
    const first = await push('a');
    const reports = () =>
      slipway.logger.lines.filter(({ message }) => message === 'callback.received').length;
    assert.equal(reports(), 2);
    // As if nothing of it had been settled.
    await storage.write(async (tx) => {
      await tx.deployments.update(first.id, { state: 'queued', finishedAt: null });
      await tx.lanes.wake([target.id], clock.now());
    });
    await slipway.engine.step();
    assert.equal((await newest()).state, 'building');
    const tries = await storage.read.attempts.ofDeployment(first.id);
    assert.deepEqual(
      tries.map(({ kind, outcome }) => [kind, outcome]),
      [
        ['trigger', 'accepted'],
        ['trigger', 'accepted'],
      ],
    );
    // A round trip later it would have begun to report.
    assert.equal((await fetch(url, { method: 'POST' })).status, 401);
    assert.equal(reports(), 2);
    assert.deepEqual(await credentialsUsed(), [true, false]);
  });

  it('stops what runs when it is told to, and leaves the release before it in place', async () => {
    const { bitbucket, requestDeps } = slipway.engine;
    await push('a');
    // The lane asks first, before it sends; the receiver then waits for its credential until we have cancelled.
    let asked = 0;
    let give = (): void => undefined;
    const held = new Promise<void>((resolve) => (give = resolve));
    const original = bitbucket.cloneCredential.bind(bitbucket);
    bitbucket.cloneCredential = async () => {
      asked += 1;
      if (asked > 1) await held;
      return original();
    };
    await slipway.engine.push([change({ to: commit('b') })]);
    const building = slipway.nextReport();
    await slipway.engine.step();
    await building;
    await cancelDeployment({ deploymentId: (await newest()).id, by }, requestDeps);
    await slipway.engine.step();
    give();
    assert.equal((await toItsEnd()).state, 'stopped');
    assert.equal(release().commit, commit('a'));
  });
});
