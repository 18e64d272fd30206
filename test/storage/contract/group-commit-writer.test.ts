import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { InfrastructureError } from '../../../src/core/errors.js';
import { RunAgain } from '../../../src/core/run-again.js';
import { SqliteConnection } from '../../../src/storage/sqlite/connection.js';
import { postgresDialect } from '../../../src/storage/postgres/postgres-storage.js';
import { migratePostgres } from '../../../src/storage/postgres/schema.js';
import { WriterConnection as PostgresWriter } from '../../../src/storage/postgres/writer-connection.js';
import type { Sql } from '../../../src/storage/sql.js';
import { SqliteWriterConnection } from '../../../src/storage/sqlite/writer-connection.js';
import { sqliteDialect } from '../../../src/storage/sqlite/dialect.js';
import {
  GroupCommitWriter,
  type WriterConnection,
  type WriterDialect,
} from '../../../src/storage/group-commit-writer.js';
import { askPostgres, databaseOrSkip } from '../../support/postgres.js';
import { tempFolder } from '../../support/temp-folder.js';

interface Place {
  connection: WriterConnection & Sql;
  dialect: WriterDialect;
  /** The database takes no more writes, and takes them again. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  close(): Promise<void>;
}

describe('group commit writer (SQLite)', () => {
  define(onSqlite);
  defineForSqlite();
});

describe('group commit writer (PostgreSQL)', () => define(onPostgres));

async function onSqlite(): Promise<Place> {
  const folder = tempFolder('writer');
  const connection = await SqliteConnection.open(join(folder.path, 'test.sqlite'));
  return {
    connection: await SqliteWriterConnection.over(connection),
    dialect: sqliteDialect,
    refuse: () => connection.exec('PRAGMA query_only = 1'),
    accept: () => connection.exec('PRAGMA query_only = 0'),
    async close() {
      await connection.close();
      folder.remove();
    },
  };
}

async function onPostgres(context: Mocha.Context): Promise<Place> {
  const database = await databaseOrSkip(context);
  await migratePostgres(database.url);
  const { url } = database;
  const connection = new PostgresWriter({
    url,
    nodeId: randomUUID(),
    onForeignWrite: () => undefined,
  });
  const name = new URL(url).pathname.slice(1);
  const readOnly = async (on: boolean): Promise<void> => {
    await askPostgres(url, `ALTER DATABASE ${name} SET default_transaction_read_only = ${on}`);
    // It counts for new sessions; an operator's failover ends the old ones, too.
    await askPostgres(
      url,
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()',
    );
  };
  return {
    connection,
    dialect: postgresDialect,
    refuse: () => readOnly(true),
    accept: async () => {
      await askPostgres(url, 'SELECT 1');
      const admin = new URL(url);
      admin.searchParams.set('options', '-c default_transaction_read_only=off');
      await askPostgres(
        admin.href,
        `ALTER DATABASE ${name} SET default_transaction_read_only = off`,
      );
    },
    async close() {
      await connection.close();
      await database.drop();
    },
  };
}

function define(open: (context: Mocha.Context) => Promise<Place>): void {
  let place: Place;
  let connection: Place['connection'];
  let writer: GroupCommitWriter;

  before(async function () {
    this.timeout(60_000);
    place = await open(this);
    ({ connection } = place);
    const writes = new GroupCommitWriter(connection, { maxWaiting: 1, dialect: place.dialect });
    await writes.write(() => connection.run('CREATE TABLE notes (text TEXT NOT NULL UNIQUE)'));
  });

  beforeEach(async () => {
    writer = new GroupCommitWriter(connection, { maxWaiting: 50, dialect: place.dialect });
    await writer.write(() => connection.run('DELETE FROM notes'));
  });

  after(() => place?.close());

  const insert = (text: string) => (): Promise<number> =>
    connection.run('INSERT INTO notes (text) VALUES (?)', [text]);
  const texts = async (): Promise<string[]> => {
    const rows = await connection.all<{ text: string }>('SELECT text FROM notes ORDER BY text');
    return rows.map(({ text }) => text);
  };

  it('commits what waits together and answers each with its own result', async () => {
    const results = await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        writer.write(async () => {
          await insert(`n${index}`)();
          return index;
        }),
      ),
    );
    assert.deepEqual(
      results,
      Array.from({ length: 300 }, (_, index) => index),
    );
    assert.equal((await texts()).length, 300);
  });

  it('runs a batch that wants it again whole, without what it had written', async () => {
    let calls = 0;
    const add = writer.batched<string, string>(async (items) => {
      calls += 1;
      for (const item of items) await insert(calls === 1 ? `${item} guessed` : item)();
      if (calls === 1) throw new RunAgain();
      return items;
    });
    assert.deepEqual(await Promise.all([add('a'), add('b')]), ['a', 'b']);
    assert.equal(calls, 2);
    assert.deepEqual(await texts(), ['a', 'b']);
  });

  it('runs again what wants it beside others, and both are written once', async () => {
    let calls = 0;
    const add = writer.batched<string, string>(async (items) => {
      calls += 1;
      for (const item of items) await insert(item)();
      if (calls === 1) throw new RunAgain();
      return items;
    });
    await Promise.all([writer.write(insert('other')), add('a'), writer.write(insert('third'))]);
    assert.deepEqual(await texts(), ['a', 'other', 'third']);
  });

  it('loses only the changes of the job that failed', async () => {
    const boom = new Error('boom');
    const outcomes = await Promise.allSettled([
      writer.write(insert('first')),
      writer.write(insert('second')),
      writer.write(async () => {
        await insert('third')();
        throw boom;
      }),
      writer.write(insert('second')),
      writer.write(insert('fifth')),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
    );
    assert.equal(outcomes[2]?.status === 'rejected' && outcomes[2].reason, boom);
    assert.deepEqual(await texts(), ['fifth', 'first', 'second']);
  });

  it('a lone job that fails changes nothing and blocks nobody', async () => {
    const failing = writer.write(async () => {
      await insert('gone')();
      throw new Error('boom');
    });
    await assert.rejects(failing, /boom/);
    await writer.write(insert('kept'));
    assert.deepEqual(await texts(), ['kept']);
  });

  it('never loses a job that is added the moment the last one is committed', async () => {
    for (let round = 0; round < 200; round += 1) await writer.write(insert(`r${round}`));
    assert.equal((await texts()).length, 200);
  });

  it('hands items that wait together to one call, in order', async () => {
    const calls: (readonly string[])[] = [];
    const add = writer.batched<string, string>(async (items) => {
      calls.push(items);
      for (const item of items) await insert(item)();
      return items.map((item) => item.toUpperCase());
    });
    // While the first commit is on its way, the rest gathers.
    const results = await Promise.all(['a', 'b', 'c', 'd'].map((item) => add(item)));
    assert.deepEqual(results, ['A', 'B', 'C', 'D']);
    assert.ok(calls.length <= 2, `${calls.length} calls`);
    assert.deepEqual(calls.flat(), ['a', 'b', 'c', 'd']);
  });

  it('tries the items of a failed call one by one, so that a bad one fails alone', async () => {
    const add = writer.batched<string, string>(async (items) => {
      for (const item of items) {
        await insert(item)();
        if (item === 'bad') throw new Error('bad item');
      }
      return items;
    });
    const outcomes = await Promise.allSettled(['a', 'bad', 'c'].map((item) => add(item)));
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(await texts(), ['a', 'c']);
  });

  it('refuses more than it may hold instead of growing without end', async () => {
    const add = writer.batched<number, number>(async (items) => {
      for (const item of items) await insert(`x${item}`)();
      return items;
    });
    const outcomes = await Promise.allSettled(Array.from({ length: 60 }, (_, item) => add(item)));
    const refused = outcomes.filter(
      (outcome) =>
        outcome.status === 'rejected' &&
        outcome.reason instanceof InfrastructureError &&
        outcome.reason.code === 'storage_overloaded',
    );
    assert.equal(refused.length, 10);
    assert.equal((await texts()).length, 50);
    assert.equal(await add(99), 99, 'there is room again');
  });

  it('says storage_unavailable when the database takes no writes, and recovers by itself', async () => {
    await place.refuse();
    const refused = await Promise.allSettled([
      writer.write(insert('a')),
      writer.write(insert('b')),
    ]);
    assert.ok(
      refused.every(
        (outcome) =>
          outcome.status === 'rejected' &&
          outcome.reason instanceof InfrastructureError &&
          outcome.reason.code === 'storage_unavailable',
      ),
    );
    await place.accept();
    await writer.write(insert('a'));
    assert.deepEqual(await texts(), ['a']);
  });
}

/** What only a file that nobody else may write can meet. */
function defineForSqlite(): void {
  const folder = tempFolder('writer');
  let connection: SqliteConnection;

  before(async () => {
    connection = await SqliteConnection.open(join(folder.path, 'test.sqlite'));
    await connection.exec('CREATE TABLE notes (text TEXT NOT NULL UNIQUE)');
  });

  afterEach(() => connection.run('DELETE FROM notes'));

  after(async () => {
    await connection.close();
    folder.remove();
  });

  const insert = (text: string) => (): Promise<number> =>
    connection.run('INSERT INTO notes (text) VALUES (?)', [text]);
  const texts = async (): Promise<string[]> => {
    const rows = await connection.all<{ text: string }>('SELECT text FROM notes ORDER BY text');
    return rows.map(({ text }) => text);
  };

  it('keeps a commit whose successor could not begin because the file was busy', async () => {
    const other = await SqliteConnection.open(join(folder.path, 'test.sqlite'));
    await connection.exec('PRAGMA busy_timeout = 0');
    let isTaken = false;
    const interrupted = new GroupCommitWriter(
      {
        async exec(text) {
          if (text === 'COMMIT; BEGIN IMMEDIATE' && !isTaken) {
            isTaken = true;
            await connection.exec('COMMIT');
            await other.exec('BEGIN IMMEDIATE');
            await connection.exec('BEGIN IMMEDIATE').finally(() => other.exec('ROLLBACK'));
            return;
          }
          await connection.exec(text);
        },
      },
      { maxWaiting: 50, dialect: sqliteDialect },
    );
    let second: Promise<unknown> = Promise.resolve();
    const first = interrupted.write(async () => {
      await insert('first')();
      second = interrupted.write(insert('second'));
    });
    await first;
    await second;
    assert.equal(isTaken, true);
    assert.deepEqual(await texts(), ['first', 'second']);
    await connection.exec('PRAGMA busy_timeout = 5000');
    await other.close();
  });

  it('fails the jobs of a commit that failed, and goes on with the next ones', async () => {
    let fails = true;
    const failing = new GroupCommitWriter(
      {
        async exec(text) {
          if (text === 'COMMIT; BEGIN IMMEDIATE' && fails) {
            fails = false;
            throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' });
          }
          await connection.exec(text);
        },
      },
      { maxWaiting: 50, dialect: sqliteDialect },
    );
    let second: Promise<unknown> = Promise.resolve();
    const first = failing.write(async () => {
      await insert('first')();
      second = failing.write(insert('second'));
    });
    await assert.rejects(first, { code: 'storage_unavailable' });
    await second;
    assert.deepEqual(await texts(), ['second']);
  });

  describe('a transaction of one job', () => {
    let said: string[];
    let writer: GroupCommitWriter;
    let writing: SqliteWriterConnection;

    beforeEach(async () => {
      said = [];
      // What reaches the database, in order.
      const watched: Pick<SqliteConnection, 'exec' | 'all' | 'run'> = {
        exec: (text) => (said.push(text), connection.exec(text)),
        all: (text, values) => (said.push(text), connection.all(text, values)),
        run: (text, values) => (said.push(text), connection.run(text, values)),
      };
      writing = await SqliteWriterConnection.over(watched);
      writer = new GroupCommitWriter(writing, { maxWaiting: 50, dialect: sqliteDialect });
      said = [];
    });
    const add = (text: string): Promise<number> =>
      writing.run('INSERT INTO notes (text) VALUES (?)', [text]);
    const addAlone = (...all: string[]): Promise<number> =>
      writing.runAlone(`INSERT INTO notes (text) SELECT value FROM json_each(?)`, [
        JSON.stringify(all),
      ]);

    it('that is one statement is committed by it', async () => {
      await writer.write(() => addAlone('a', 'b'));
      assert.deepEqual(said, ['INSERT OR ABORT INTO notes (text) SELECT value FROM json_each(?)']);
      assert.deepEqual(await texts(), ['a', 'b']);
    });

    it('that is one statement leaves nothing behind when it fails halfway', async () => {
      await assert.rejects(
        writer.write(() => addAlone('a', 'b', 'a')),
        { code: 'SQLITE_CONSTRAINT' },
      );
      assert.equal(said.length, 1);
      assert.deepEqual(await texts(), []);
      await writer.write(() => addAlone('a'));
      assert.deepEqual(await texts(), ['a']);
    });

    it('begins with the first of several, and is rolled back whole', async () => {
      await writer.write(() => Promise.all([add('a'), add('b')]));
      assert.deepEqual([said[0], said.at(-1), said.length], ['BEGIN IMMEDIATE', 'COMMIT', 4]);
      const failing = writer.write(async () => {
        await add('c');
        await addAlone('d', 'a');
      });
      await assert.rejects(failing, { code: 'SQLITE_CONSTRAINT' });
      assert.deepEqual(await texts(), ['a', 'b']);
    });

    it('without a statement asks nothing of the database', async () => {
      await writer.write(() => Promise.resolve());
      assert.deepEqual(said, []);
    });

    it('does not go on behind the statement that was to be all of it', async () => {
      const more = writer.write(async () => {
        await addAlone('a');
        await add('b');
      });
      await assert.rejects(more, /there was to be one statement/);
      assert.deepEqual(await texts(), ['a']);
    });
  });

  it('pauses between two transactions, never inside one', async () => {
    const writer = new GroupCommitWriter(connection, { maxWaiting: 50, dialect: sqliteDialect });
    const open: boolean[] = [];
    let inside = false;
    const writes = Array.from({ length: 40 }, (_, index) =>
      writer.write(async () => {
        inside = true;
        await insert(`p${index}`)();
        inside = false;
      }),
    );
    const pauses = Array.from({ length: 3 }, () =>
      writer.pause(async () => {
        open.push(inside);
        // A transaction that was open would refuse this one.
        await connection.exec('BEGIN IMMEDIATE; COMMIT');
      }),
    );
    await Promise.all([...writes, ...pauses]);
    assert.deepEqual(open, [false, false, false]);
    assert.equal((await texts()).length, 40);
  });
}
