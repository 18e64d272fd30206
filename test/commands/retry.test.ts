import assert from 'node:assert/strict';
import { renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runRetryCommand } from '../../src/commands/retry.js';
import type { Deployment, Target } from '../../src/core/model/index.js';
import { controlCommands } from '../../src/doors/control-commands.js';
import {
  controlSocketName,
  openControlSocket,
  type ControlSocket,
} from '../../src/doors/control-socket.js';
import { change, commit, createEngine, type Engine } from '../support/engine.js';
import { silentLogger } from '../support/silent-logger.js';
import { tempFolder } from '../support/temp-folder.js';
import { run } from './capture.js';

describe('slipway retry', () => {
  const folder = tempFolder('retry');
  let engine: Engine;
  let target: Target;
  let dead: Deployment;
  let control: ControlSocket | null;

  beforeEach(async () => {
    const dataDir = join(folder.path, `data-${Math.random()}`);
    engine = await createEngine({ dataDir });
    target = await engine.target();
    engine.backend.onObserve = [() => ({ state: 'failed', reason: 'tests failed' })];
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(5_000);
    engine.backend.onObserve = [];
    dead = (await engine.deployments(target.id)).at(-1) as Deployment;
    control = await openControlSocket({
      path: join(dataDir, controlSocketName),
      commands: controlCommands(
        engine.requestDeps,
        () => Promise.resolve([]),
        () => Promise.reject(new Error('not in this test')),
      ),
      logger: silentLogger(),
    });
  });

  afterEach(async () => {
    await control?.close();
    await engine.close();
  });

  after(() => folder.remove());

  const retry = (...argv: string[]) =>
    run(runRetryCommand, argv, { dataDir: engine.dataDir, now: engine.clock.now });

  /** Ends the server that owns the folder; later ones are opened on it again. */
  async function stopServer(): Promise<void> {
    await control?.close();
    control = null;
    await engine.storage.close();
  }

  it('goes through the running server, which runs it at once', async () => {
    const { code, out, err } = await retry(dead.id);
    assert.deepEqual([code, err], [0, '']);
    const retried = (await engine.deployments(target.id)).at(-1);
    assert.equal(out, `${dead.id}  → ${retried?.id}, commit aaaaaaaaaaaa\n`);
    await engine.settle(5_000);
    assert.deepEqual(
      (await engine.deployments(target.id)).map(({ state, cause }) => [state, cause]),
      [
        ['failed', 'push'],
        ['live', 'retry'],
      ],
    );
  });

  it('takes all that failed, since a time and of a target', async () => {
    engine.clock.advance(3 * 60 * 60_000);
    assert.match((await retry('--failed', '--since', '2h')).out, /^Nothing was retried\.\n$/);
    assert.match((await retry('--failed', '--target', 'other')).out, /^Nothing was retried\.\n$/);
    const { code, out } = await retry('--failed', '--since', '4h', '--target', target.id, '--json');
    assert.equal(code, 0);
    const { retried, more } = JSON.parse(out) as { retried: { id: string }[]; more: boolean };
    assert.deepEqual([retried.map(({ id }) => id), more], [[dead.id], false]);
  });

  it('says why one was refused, and ends with 1', async () => {
    const { code, out } = await retry(dead.id, 'nobody');
    assert.equal(code, 1);
    assert.match(
      out,
      /^\S{26} {2}→ \S{26}, commit aaaaaaaaaaaa\nnobody {2}not retried: There is no/,
    );
  });

  it('does it by itself when no server runs, and says that it waits', async () => {
    await stopServer();
    const { code, out } = await retry(dead.id);
    assert.equal(code, 0);
    assert.match(out, /they wait until it starts\.\n$/);
    engine = await createEngine({ dataDir: engine.dataDir });
    const [, waiting] = await engine.deployments(target.id);
    assert.deepEqual([waiting?.state, waiting?.cause], ['queued', 'retry']);
  });

  it('does it by itself also beside the socket of a server that was killed', async () => {
    await stopServer();
    const left = await openControlSocket({
      path: join(engine.dataDir, 'other.sock'),
      commands: {},
      logger: silentLogger(),
    });
    const path = join(engine.dataDir, controlSocketName);
    renameSync(join(engine.dataDir, 'other.sock'), path);
    await left.close();
    assert.ok(statSync(path).isSocket());
    const { code } = await retry(dead.id);
    assert.equal(code, 0);
    engine = await createEngine({ dataDir: engine.dataDir });
    assert.equal((await engine.deployments(target.id)).length, 2);
  });

  it('changes nothing when a server owns the folder and does not answer', async () => {
    await control?.close();
    control = null;
    const { code, out, err } = await retry(dead.id);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /in use by a running Slipway/);
    assert.match(err, /try again/);
    assert.equal((await engine.deployments(target.id)).length, 1);
  });

  for (const argv of [
    [],
    ['--failed', 'ID'],
    ['ID', '--since', '1h'],
    ['--failed', '--since', 'yesterday'],
    ['--nonsense'],
  ]) {
    it(`${argv.join(' ') || 'nothing'}: ends with 2 and one line`, async () => {
      const { code, out, err } = await retry(...argv);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, /^slipway retry: [^\n]+\n$/);
    });
  }
});
