import assert from 'node:assert/strict';
import { badDisk, type BadDisk } from '../support/e2e/bad-disk.js';
import { Gate } from '../support/e2e/gate.js';
import { ObedientReceiver } from '../support/e2e/obedient-receiver.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';
import { tempFolder } from '../support/temp-folder.js';

/** What a deployment came to was never written: the disk said no when its backend had done it. */
describe('a disk in trouble while a deployment comes to its end', function () {
  this.timeout(60_000);
  const folder = tempFolder('bad-disk-at-the-end');
  let disk: BadDisk;
  let stage: Stage;
  let receiver: ObedientReceiver;
  let gate: Gate;

  before(async function () {
    const built = badDisk(folder.path);
    if (typeof built === 'string') {
      console.log(`\n*** THE DISK IN TROUBLE IS SKIPPED: ${built}. ***\n`);
      return this.skip();
    }
    disk = built;
    receiver = await ObedientReceiver.open();
    stage = await Stage.open({ ...disk.environment, SLIPWAY_ALLOW_PRIVATE_TARGETS: 'on' });
    gate = new Gate(`${stage.folder}/gate`);
    const here = { 'settings.buildCommand': 'sh build.sh', 'settings.outputFolder': 'dist' };
    await stage.addTarget({ name: 'Here', ...here });
    await stage.addTarget({ name: 'There', ...receiver.fields });
  });

  after(async () => {
    disk?.end();
    gate?.open();
    await stage?.close();
    await receiver?.close();
    folder.remove();
  });

  it('read-only, then full: the end is written after it, nothing is deployed twice, and both build statuses end', async () => {
    let letGo = (): void => undefined;
    receiver.hold = new Promise((resolve) => (letGo = resolve));
    const commit = await stage.bench.commit({
      message: 'Into a full disk',
      files: {
        'index.html': '<h1>Hello</h1>\n',
        'build.sh': `set -e\n${gate.script}mkdir -p dist\ncp index.html dist/\n`,
      },
    });
    await waitFor('the receiver to be asked', () => receiver.asked.length === 1);
    await gate.arrived();
    await waitFor('both build statuses to begin', async () => {
      const writes = await stage.statuses(commit);
      return new Set(writes.map(({ key }) => key)).size === 2;
    });

    // What the receiver answers is to be written, and what the build comes to.
    disk.begin('read-only');
    letGo();
    await waitFor('a settling to fail', () => stage.server.logged('lane.step_failed').length > 0);
    assert.equal(receiver.deployed.length, 1);
    disk.begin('full');
    gate.open();
    await waitFor('the build to be over', () => gate.arrivals.every((build) => !isAlive(build)));
    const { pid } = stage.server;
    disk.end();

    const rows = await stage.outcomes(commit, 2);
    assert.deepEqual(
      rows.map(({ state }) => state),
      ['live', 'live'],
      stage.server.stderr,
    );
    assert.equal(stage.server.pid, pid);
    assert.equal(receiver.asked.length, 1, 'looked up, not sent again');
    assert.equal(receiver.deployed.length, 1);
    assert.equal(gate.arrivals.length, 1, 'built once');
    const stored = await stage.rows('SELECT state FROM deployments');
    assert.deepEqual(stored, [{ state: 'live' }, { state: 'live' }]);
    const ends = await waitFor('both build statuses to end', async () => {
      const writes = (await stage.statuses(commit)).filter(({ state }) => state !== 'INPROGRESS');
      return new Set(writes.map(({ key }) => key)).size === 2 && writes;
    });
    assert.deepEqual(
      ends.map(({ state }) => state),
      ['SUCCESSFUL', 'SUCCESSFUL'],
    );
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
