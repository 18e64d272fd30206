import assert from 'node:assert/strict';
import { openStorage } from '../../../src/storage/open-storage.js';
import { transactionOver } from '../../../src/storage/stores/transaction.js';
import { databaseOrSkip, type TestDatabase } from '../../support/postgres.js';
import { silentLogger } from '../../support/silent-logger.js';
import { tempFolder } from '../../support/temp-folder.js';
import { everyCall, type Answer } from './every-call.js';
import { now } from './rows.js';

/**
 * The same calls on both databases, one after the other, and the same answers: what is right on one of them, as the engine's
 * tests show, is right on the other.
 */
describe('every call of the store', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let onSqlite: Answer[];

  before(async function () {
    database = await databaseOrSkip(this);
    onSqlite = await answers(null);
  });

  after(() => database?.drop());

  it('is made here', () => {
    const made = new Set(onSqlite.map(({ call }) => call));
    const nothing = { all: () => Promise.resolve([]), run: () => Promise.resolve(0) };
    const all = Object.entries(transactionOver(nothing, () => '')).flatMap(([store, methods]) =>
      Object.keys(methods as object).map((name) => `${store}.${name}`),
    );
    assert.deepEqual(
      all.filter((call) => !made.has(call)),
      [],
    );
  });

  it('answers the same on SQLite and on PostgreSQL', async () => {
    const onPostgres = await answers(database.url);
    assert.equal(onPostgres.length, onSqlite.length);
    for (const [index, { call, answer }] of onPostgres.entries()) {
      assert.deepEqual(answer, onSqlite[index]?.answer, `${call} (call ${index})`);
    }
  });
});

async function answers(databaseUrl: string | null): Promise<Answer[]> {
  const folder = tempFolder('every-call');
  const { next } = counting();
  const storage = await openStorage({
    ...{ dataDir: folder.path, databaseUrl, newId: next, now: () => now, logger: silentLogger() },
  });
  try {
    return await everyCall(storage);
  } finally {
    await storage.close();
    folder.remove();
  }
}

/** The same ids on both. */
function counting(): { next: () => string } {
  let count = 0;
  return { next: () => `id-${(count += 1)}` };
}
