import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runBackupCommand } from '../../src/commands/backup.js';
import { runExportCommand } from '../../src/commands/export.js';
import { runMigrateCommand } from '../../src/commands/migrate.js';
import { runRestoreCommand } from '../../src/commands/restore.js';
import { keptMasterKeys } from '../../src/vault/key-file.js';
import { createKeyRing } from '../../src/vault/key-ring.js';
import { createVault } from '../../src/vault/vault.js';
import { change, commit, createEngine, workspaceUuid, type Engine } from '../support/engine.js';
import { tempFolder } from '../support/temp-folder.js';
import { run } from './capture.js';

describe('commands on the data folder', () => {
  const folder = tempFolder('folder-commands');
  let engine: Engine;

  before(async () => {
    engine = await createEngine();
    await engine.target({ settings: { folder: 'web', token: 'target-secret-1' } });
    await engine.push([change({ to: commit('a') })]);
  });

  after(async () => {
    await engine.close();
    folder.remove();
  });

  const inFolder = (name: string): string => join(folder.path, name);

  describe('migrate', () => {
    it('says what it applied, and the next time that there is nothing to do', async () => {
      const dataDir = inFolder('migrated');
      const first = await run(runMigrateCommand, [], { dataDir });
      assert.equal(first.code, 0);
      assert.match(first.out, /^Applied 0001-initial\.\n/);
      const second = await run(runMigrateCommand, [], { dataDir });
      assert.deepEqual([second.code, second.out], [0, 'The database is up to date.\n']);
      const again = await createEngine({ dataDir });
      await again.storage.close();
    });

    it('refuses while a server runs', async () => {
      const { code, err } = await run(runMigrateCommand, [], { dataDir: engine.dataDir });
      assert.equal(code, 1);
      assert.match(err, /in use by a running Slipway/);
    });
  });

  describe('backup and restore', () => {
    it('says which master key is needed when it is not kept in the folder', async () => {
      const file = inFolder('without-key.tar');
      const { code, out, err } = await run(runBackupCommand, [file], { dataDir: engine.dataDir });
      assert.equal(code, 0);
      assert.match(out, /manifest|slipway\.sqlite/);
      assert.match(err, /sealed with master key [0-9a-f]{12}, which is not in it/);
      const dataDir = inFolder('restored');
      const restored = await run(runRestoreCommand, [file], { dataDir });
      assert.equal(restored.code, 0);
      assert.match(restored.err, /SLIPWAY_MASTER_KEY set to key [0-9a-f]{12}/);
    });

    it('opens the same secrets with the key it brought along', async () => {
      const dataDir = inFolder('with-key');
      mkdirSync(dataDir);
      const kept = createVault(createKeyRing([keptMasterKeys(dataDir)[0]]));
      const own = await createEngine({ dataDir });
      const target = await own.target();
      const sealed = kept.seal('the secret', 'row');
      await own.storage.write((tx) => tx.targets.update(target.id, 1, { secretsSealed: sealed }));
      const file = inFolder('with-key.tar');
      const backup = await run(runBackupCommand, [file], { dataDir });
      assert.match(backup.err, /^It holds the master key: whoever has this file .*\n$/);
      await own.storage.close();

      const elsewhere = inFolder('elsewhere');
      const restored = await run(runRestoreCommand, [file], { dataDir: elsewhere });
      assert.equal(restored.code, 0);
      assert.ok(!restored.err.includes('SLIPWAY_MASTER_KEY'));
      const again = await createEngine({ dataDir: elsewhere });
      const stored = (await again.storage.read.targets.byId(target.id))?.secretsSealed ?? '';
      const vault = createVault(createKeyRing([keptMasterKeys(elsewhere)[0]]));
      assert.equal(vault.open(stored, 'row'), 'the secret');
      const stranger = createVault(createKeyRing([randomBytes(32)]));
      assert.throws(() => stranger.open(stored, 'row'));
      await again.storage.close();
    });

    it('refuses a full folder without --force, and says what was moved with it', async () => {
      const file = inFolder('again.tar');
      await run(runBackupCommand, [file], { dataDir: engine.dataDir });
      const dataDir = inFolder('full');
      await run(runRestoreCommand, [file], { dataDir });
      const refused = await run(runRestoreCommand, [file], { dataDir });
      assert.equal(refused.code, 2);
      assert.match(refused.err, /is not empty .*--force/s);
      const forced = await run(runRestoreCommand, [file, '--force'], { dataDir });
      assert.equal(forced.code, 0);
      assert.match(forced.err, /What was there is in .*before-restore-/);
    });

    for (const command of [runBackupCommand, runRestoreCommand]) {
      it(`${command.name}: ends with 2 unless it is given one file`, async () => {
        for (const argv of [[], ['a', 'b'], ['a', '--nonsense']]) {
          const { code, err } = await run(command, argv, { dataDir: engine.dataDir });
          assert.equal(code, 2);
          assert.match(err, /^slipway (backup|restore): [^\n]+\n$/);
        }
      });
    }
  });

  describe('export', () => {
    it('writes a workspace as JSON lines while the server runs, with or without braces', async () => {
      const bare = workspaceUuid.replace(/[{}]/g, '');
      for (const uuid of [workspaceUuid, bare]) {
        const { code, out, err } = await run(runExportCommand, [uuid], { dataDir: engine.dataDir });
        assert.deepEqual([code, err], [0, '']);
        const types = out
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { type: string }).type);
        assert.ok(types.includes('deployment') && types.includes('ref_change'), types.join());
        assert.ok(!out.includes('target-secret-1'));
      }
    });

    it('ends with 1 when nothing is stored of it', async () => {
      const { code, out, err } = await run(runExportCommand, ['nobody'], {
        dataDir: engine.dataDir,
      });
      assert.deepEqual([code, out], [1, '']);
      assert.match(err, /nothing is stored of workspace nobody/);
    });
  });
});
