import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ConfigError, SlipwayError } from '../../src/core/errors.js';
import type { Target } from '../../src/core/model/index.js';
import { createBackup } from '../../src/storage/backup.js';
import { lockDataFolder } from '../../src/storage/data-folder.js';
import { restoreBackup } from '../../src/storage/restore.js';
import { keptMasterKeys } from '../../src/vault/key-file.js';
import { change, commit, createEngine, type Engine } from '../support/engine.js';
import { readDatabase } from '../support/e2e/database.js';
import { tempFolder } from '../support/temp-folder.js';

const now = Date.UTC(2027, 0, 2, 3, 4, 5);

describe('backup and restore', () => {
  const folder = tempFolder('backup');
  let engine: Engine;
  let target: Target;
  let file: string;
  let places = 0;

  before(async () => {
    // Owned and in use all the time, as by a running server.
    engine = await createEngine();
    keptMasterKeys(engine.dataDir);
    target = await engine.target({ settings: { folder: 'web', token: 'target-secret-1' } });
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(5_000);
    file = join(folder.path, 'slipway.tar');
    await createBackup({ dataDir: engine.dataDir, file, now });
  });

  after(async () => {
    await engine.close();
    folder.remove();
  });

  const place = (): string => join(folder.path, `data-${(places += 1)}`);
  const restore = (dataDir: string, more: { file?: string; force?: boolean } = {}) =>
    restoreBackup({ dataDir, file, force: false, now, ...more });
  const configProblem = (words: RegExp) => (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, words);
    return true;
  };

  it('is one file for its owner alone, written while the folder is in use', () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder.path), ['slipway.tar'], 'nothing is left beside it');
  });

  it('is a tar file with a list of what is in it', () => {
    const names = execFileSync('tar', ['tf', file], { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(names, ['manifest.json', 'slipway.sqlite', 'master.key']);
    const text = execFileSync('tar', ['xOf', file, 'manifest.json'], { encoding: 'utf8' });
    const manifest = JSON.parse(text) as Record<string, unknown>;
    assert.equal(manifest['createdAt'], new Date(now).toISOString());
    assert.ok((manifest['migrations'] as string[]).includes('0001-initial'));
    assert.equal((manifest['masterKeysNeeded'] as string[]).length, 1);
    const key = execFileSync('tar', ['xOf', file, 'master.key']);
    assert.deepEqual(key, readFileSync(join(engine.dataDir, 'master.key')));
  });

  it('brings everything back, ready to be opened', async () => {
    const dataDir = place();
    const { movedAside } = await restore(dataDir);
    assert.equal(movedAside, null);
    assert.equal(statSync(join(dataDir, 'master.key')).mode & 0o777, 0o600);
    const again = await createEngine({ dataDir });
    assert.deepEqual(
      await again.storage.read.targets.byId(target.id),
      await engine.storage.read.targets.byId(target.id),
    );
    assert.deepEqual(await again.deployments(target.id), await engine.deployments(target.id));
    await again.storage.close();
    assert.deepEqual(keptMasterKeys(dataDir)[0], keptMasterKeys(engine.dataDir)[0]);
  });

  it('is of one moment, and later writes are not in it', async () => {
    const dataDir = place();
    await engine.push([change({ to: commit('b') })]);
    await restore(dataDir);
    const rows = await readDatabase(join(dataDir, 'slipway.sqlite'), 'SELECT id FROM deployments');
    assert.equal(rows.length, 1);
    assert.equal((await engine.deployments(target.id)).length, 2);
  });

  it('does not overwrite a file', async () => {
    const before = readFileSync(file);
    await assert.rejects(
      createBackup({ dataDir: engine.dataDir, file, now }),
      configProblem(/exists already/),
    );
    assert.deepEqual(readFileSync(file), before);
  });

  it('says so when there is no database, or no place for the file', async () => {
    await assert.rejects(
      createBackup({ dataDir: place(), file: join(folder.path, 'x.tar'), now }),
      configProblem(/There is no database/),
    );
    await assert.rejects(
      createBackup({ dataDir: engine.dataDir, file: join(folder.path, 'no', 'x.tar'), now }),
      configProblem(/cannot be written/),
    );
    assert.ok(!existsSync(join(folder.path, 'x.tar')));
  });

  describe('restore', () => {
    it('refuses a folder that is not empty, and leaves it as it is', async () => {
      const dataDir = place();
      mkdirSync(dataDir);
      writeFileSync(join(dataDir, 'slipway.sqlite'), 'precious');
      await assert.rejects(restore(dataDir), configProblem(/is not empty \(slipway\.sqlite\)/));
      assert.deepEqual(readdirSync(dataDir), ['slipway.sqlite']);
    });

    it('moves aside what was there when it is forced, with its write-ahead log', async () => {
      const dataDir = place();
      mkdirSync(dataDir);
      for (const name of ['slipway.sqlite', 'slipway.sqlite-wal', 'master.key']) {
        writeFileSync(join(dataDir, name), `old ${name}`);
      }
      const { movedAside } = await restore(dataDir, { force: true });
      assert.ok(movedAside !== null && movedAside.startsWith(join(dataDir, 'before-restore-')));
      assert.deepEqual(readdirSync(movedAside).sort(), [
        'master.key',
        'slipway.sqlite',
        'slipway.sqlite-wal',
      ]);
      assert.equal(readFileSync(join(movedAside, 'master.key'), 'utf8'), 'old master.key');
      assert.ok(!existsSync(join(dataDir, 'slipway.sqlite-wal')));
      const again = await createEngine({ dataDir });
      assert.ok(await again.storage.read.targets.byId(target.id));
      await again.storage.close();
    });

    it('refuses while a server owns the folder, forced or not', async () => {
      const dataDir = place();
      const lock = await lockDataFolder(dataDir);
      await assert.rejects(
        restore(dataDir, { force: true }),
        (error) => error instanceof SlipwayError && error.code === 'data_folder_owned',
      );
      await lock.release();
      await restore(dataDir);
    });

    const damages: [string, (bytes: Buffer) => void][] = [
      ['one bit of the database', (bytes) => bytes.writeUInt8((bytes[9_000] ?? 0) ^ 1, 9_000)],
      ['a header', (bytes) => bytes.write('another-name', 512 * 3)],
      ['its beginning', (bytes) => bytes.fill(0, 0, 512)],
    ];
    for (const [what, damage] of damages) {
      it(`refuses a backup with ${what} changed, before anything is put in place`, async () => {
        const dataDir = place();
        const damaged = join(folder.path, `damaged-${places}.tar`);
        const bytes = readFileSync(file);
        damage(bytes);
        writeFileSync(damaged, bytes);
        await assert.rejects(
          restore(dataDir, { file: damaged }),
          configProblem(/Nothing was changed/),
        );
        assert.ok(!existsSync(join(dataDir, 'slipway.sqlite')));
        await restore(dataDir);
      });
    }

    it('refuses a backup that was cut short, another file, and one that is not there', async () => {
      const dataDir = place();
      const short = join(folder.path, 'short.tar');
      writeFileSync(short, readFileSync(file));
      truncateSync(short, statSync(file).size - 4_096);
      await assert.rejects(restore(dataDir, { file: short }), configProblem(/Nothing was changed/));
      const other = join(folder.path, 'other.tar');
      writeFileSync(other, 'x'.repeat(10_000));
      await assert.rejects(
        restore(dataDir, { file: other }),
        configProblem(/no backup of Slipway/),
      );
      const none = join(folder.path, 'none.tar');
      await assert.rejects(restore(dataDir, { file: none }), configProblem(/cannot be read/));
      assert.ok(!existsSync(join(dataDir, 'slipway.sqlite')));
    });

    it('writes nowhere but into the folder, whatever names a backup holds', async () => {
      const work = place();
      mkdirSync(work);
      const manifest = {
        format: 'slipway-backup',
        version: 1,
        createdAt: '',
        migrations: [],
        masterKeysNeeded: [],
        files: [
          { name: '../evil', size: 1, sha256: '' },
          { name: 'slipway.sqlite', size: 1, sha256: '' },
        ],
      };
      writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
      const evil = join(folder.path, 'evil.tar');
      execFileSync('tar', ['cf', evil, '--format=ustar', '-C', work, 'manifest.json']);
      const dataDir = place();
      await assert.rejects(
        restore(dataDir, { file: evil }),
        configProblem(/does not belong there/),
      );
      assert.ok(!existsSync(join(dataDir, 'evil')) && !existsSync(join(folder.path, 'evil')));
    });
  });
});
