import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Checkpointer } from '../../src/storage/sqlite/checkpointer.js';
import { SqliteConnection } from '../../src/storage/sqlite/connection.js';
import { GroupCommitWriter } from '../../src/storage/group-commit-writer.js';
import { sqliteDialect } from '../../src/storage/sqlite/dialect.js';
import { silentLogger } from '../support/silent-logger.js';
import { tempFolder } from '../support/temp-folder.js';
import { waitFor } from '../support/e2e/wait-for.js';

describe('checkpointer', () => {
  const folder = tempFolder('checkpointer');
  after(() => folder.remove());

  it('moves what was committed into the database file beside the writer, which never does it itself', async () => {
    const file = join(folder.path, 'test.sqlite');
    const connection = await SqliteConnection.open(file);
    await connection.exec('CREATE TABLE notes (text TEXT NOT NULL)');
    const writer = new GroupCommitWriter(connection, {
      maxWaiting: 10,
      onCommit: () => checkpointer.committed(),
      dialect: sqliteDialect,
    });
    const checkpointer = await Checkpointer.open(file, writer, silentLogger());
    const text = 'x'.repeat(10_000);
    for (let each = 0; each < 64; each += 1) {
      await writer.write(() => connection.run('INSERT INTO notes VALUES (?)', [text]));
    }
    await waitFor('the rows in the file', () => statSync(file).size > 64 * text.length);
    await checkpointer.close();
    const [count] = await connection.all<{ n: number }>('SELECT count(*) AS n FROM notes');
    assert.equal(count?.n, 64);
    await connection.close();
  });

  it('lets the log start again at its beginning once the writer has nothing to do', async () => {
    const file = join(folder.path, 'again.sqlite');
    const connection = await SqliteConnection.open(file);
    await connection.exec('CREATE TABLE notes (text TEXT NOT NULL)');
    const writer = new GroupCommitWriter(connection, {
      maxWaiting: 10,
      onCommit: () => checkpointer.committed(),
      dialect: sqliteDialect,
    });
    const checkpointer = await Checkpointer.open(file, writer, silentLogger());
    const write = (): Promise<number> =>
      writer.write(() => connection.run('INSERT INTO notes VALUES (?)', ['x'.repeat(10_000)]));
    for (let each = 0; each < 70; each += 1) await write();
    const pages = async (): Promise<number> => {
      await write();
      const [row] = await connection.all<{ log: number }>('PRAGMA wal_checkpoint(NOOP)');
      return row?.log ?? Infinity;
    };
    assert.ok((await pages()) > 100, 'until then it grows');
    await waitFor('the log from its beginning', async () => (await pages()) < 20, { everyMs: 700 });
    await checkpointer.close();
    await connection.close();
  });
});
