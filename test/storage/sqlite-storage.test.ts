import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { QueryTypes, Sequelize } from 'sequelize';
import { ConfigError, InfrastructureError } from '../../src/core/errors.js';
import { lockDataFolder } from '../../src/storage/data-folder.js';
import { allTables } from '../../src/storage/models/index.js';
import { columnName } from '../../src/storage/table.js';
import { createEngine, type Engine } from '../support/engine.js';
import { tempFolder } from '../support/temp-folder.js';

describe('SQLite storage', () => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await createEngine();
  });

  afterEach(() => engine.close());

  it('has the same columns in its migrations as in its models', async () => {
    const sequelize = new Sequelize({
      dialect: 'sqlite',
      storage: join(engine.dataDir, 'slipway.sqlite'),
      logging: false,
    });
    for (const table of allTables) {
      const columns = await sequelize.query<{ name: string }>(
        `SELECT name FROM pragma_table_info('${table.name}')`,
        { type: QueryTypes.SELECT },
      );
      assert.deepEqual(
        columns.map(({ name }) => name).sort(),
        table.fields.map(columnName).sort(),
        table.name,
      );
    }
    await sequelize.close();
  });

  it('opens again what it wrote', async () => {
    const target = await engine.target({ settings: { folder: 'web', token: 'secret-token' } });
    const { dataDir } = engine;
    await engine.storage.close();
    const again = await createEngine({ dataDir });
    assert.deepEqual(await again.storage.read.targets.byId(target.id), target);
    await again.storage.close();
    engine = await createEngine();
  });

  it('frees every lease at the next start', async () => {
    const target = await engine.target();
    await engine.storage.write((tx) => tx.lanes.wake([target.id], engine.clock.now()));
    await engine.storage.write((tx) => tx.lanes.claim(1, engine.clock.now(), 3_600_000, 'me'));
    const { dataDir } = engine;
    await engine.storage.close();
    const again = await createEngine({ dataDir });
    const lane = await again.storage.read.lanes.byTarget(target.id);
    assert.deepEqual([lane?.leaseOwner, lane?.leaseUntil], [null, null]);
    assert.equal(lane?.dueAt, again.clock.now());
    await again.storage.close();
    engine = await createEngine();
  });
});

describe('data folder', () => {
  const folder = tempFolder('folder');
  let owner: ChildProcess | null = null;
  after(() => {
    owner?.kill('SIGKILL');
    folder.remove();
  });

  it('belongs to one process, and is free again when that one is killed', async () => {
    const dataDir = join(folder.path, 'owned');
    const child = spawn(
      process.execPath,
      [
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        `const { lockDataFolder } = await import(${JSON.stringify(
          new URL('../../src/storage/data-folder.ts', import.meta.url).href,
        )});
         await lockDataFolder(${JSON.stringify(dataDir)});
         process.stdout.write('locked');
         setInterval(() => undefined, 1000);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    owner = child;
    await once(child.stdout, 'data');
    await assert.rejects(
      lockDataFolder(dataDir),
      (error) =>
        error instanceof InfrastructureError &&
        error.code === 'data_folder_owned' &&
        error.message.includes(`process ${child.pid}`),
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = await lockDataFolder(dataDir);
    await lock.release();
  });

  it('says what to do when it cannot be written', async function () {
    if (process.getuid?.() === 0) {
      const inTheWay = join(folder.path, 'file');
      // Root may write everywhere, so for root the obstacle is a file where the folder should be.
      await lockDataFolder(inTheWay).then((lock) => lock.release());
      await assert.rejects(lockDataFolder(join(inTheWay, 'owner.json', 'below')), ConfigError);
      return;
    }
    const readOnly = join(folder.path, 'read-only');
    mkdirSync(readOnly);
    chmodSync(readOnly, 0o500);
    await assert.rejects(
      lockDataFolder(readOnly),
      (error) => error instanceof ConfigError && error.message.includes('SLIPWAY_DATA_DIR'),
    );
  });
});
