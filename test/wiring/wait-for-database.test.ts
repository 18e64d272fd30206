import assert from 'node:assert/strict';
import { ConfigError, InfrastructureError } from '../../src/core/errors.js';
import { databasePatienceMs, onceDatabaseIsThere } from '../../src/wiring/wait-for-database.js';
import { silentLogger } from '../support/silent-logger.js';

const away = () => new InfrastructureError('storage_unavailable', 'nothing listens there');

describe('waiting for the database at the start', () => {
  function waiting(patienceMs = databasePatienceMs) {
    const logger = silentLogger();
    const lines = () => logger.lines.map(({ fields }) => fields);
    return { lines, options: { database: 'PostgreSQL at db:5432', logger, patienceMs } };
  }

  it('begins anew until it is there, with growing pauses, and says how it is', async () => {
    const { lines, options } = waiting();
    let tries = 0;
    const begun = await onceDatabaseIsThere(() => {
      tries += 1;
      return tries < 3 ? Promise.reject(away()) : Promise.resolve('begun');
    }, options);
    assert.equal(begun, 'begun');
    assert.deepEqual(
      lines().map(({ database, reason, nextTryMs }) => [database, reason, nextTryMs]),
      [250, 500].map((ms) => ['PostgreSQL at db:5432', 'nothing listens there', ms]),
    );
    assert.equal(lines()[0]?.['givesUpInMs'], databasePatienceMs);
  });

  it('ends with words when its patience is over', async () => {
    const { lines, options } = waiting(400);
    await assert.rejects(
      onceDatabaseIsThere(() => Promise.reject(away()), options),
      ({ code, message, advice }: InfrastructureError) =>
        code === 'database_absent' &&
        /within a minute.*: PostgreSQL at db:5432: nothing listens there$/.test(message) &&
        /start Slipway again/.test(advice),
    );
    assert.deepEqual(lines()[0]?.['nextTryMs'], 250);
    assert.ok(Number(lines()[1]?.['nextTryMs']) <= 150, 'the last try is when patience ends');
  });

  it('waits for nothing else', async () => {
    const { lines, options } = waiting();
    for (const error of [new ConfigError(['wrong']), new Error('a mistake of ours')]) {
      await assert.rejects(
        onceDatabaseIsThere(() => Promise.reject(error), options),
        error,
      );
    }
    assert.deepEqual(lines(), []);
  });
});
