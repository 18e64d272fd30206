import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '../support/e2e/cli.js';
import { Stage } from '../support/e2e/stage.js';

describe('a machine that is lost', function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.open();
    await stage.addTarget();
  });
  after(() => stage?.close());

  it('goes on from a backup in an empty folder: same targets and secrets, the next push is deployed, the one before not again', async () => {
    const first = await stage.bench.commit({ message: 'Before the loss' });
    assert.equal((await stage.outcome(first)).state, 'live');
    const file = join(stage.folder, 'backup.tar');
    const env = { SLIPWAY_DATA_DIR: stage.dataDir };
    // While the server runs.
    const backup = await runCli(['backup', file], { env });
    assert.equal(backup.code, 0, backup.stderr);

    await stage.server.kill();
    renameSync(stage.dataDir, join(stage.folder, 'lost'));
    // Pushed while there was nobody.
    const missed = await stage.bench.commit({ message: 'While it was down' });
    const restore = await runCli(['restore', file], { env });
    assert.equal(restore.code, 0, restore.stderr);

    await stage.start();
    const next = await stage.bench.commit({ message: 'After the restore' });
    assert.equal((await stage.outcome(next)).state, 'live', stage.server.stderr);
    assert.equal((await stage.finalStatuses(next)).at(-1)?.state, 'SUCCESSFUL');
    const rows = await stage.rows('SELECT "commit" AS hash, state FROM deployments ORDER BY id');
    const of = (commit: string) => rows.filter(({ hash }) => hash === commit);
    assert.equal(of(first).length, 1, 'what was live before is not deployed again');
    assert.ok(
      of(missed).every(({ state }) => state !== 'failed'),
      'what was missed is not failed',
    );
  });
});
