import assert from 'node:assert/strict';
import pg from 'pg';
import { askPostgres, startPostgres, type TestPostgres } from './postgres.js';

/** What the cluster's tests stand on: a server that can be stopped and comes back with everything it had acknowledged. */
describe('PostgreSQL for tests', function () {
  this.timeout(60_000);
  let server: TestPostgres;

  before(async () => {
    server = await startPostgres();
  });

  after(() => server.close());

  it('starts by itself, also as root, and comes back from a stop with what it had', async () => {
    const { url } = await server.createDatabase('kept');
    await askPostgres(url, 'CREATE TABLE notes (text TEXT)');
    await askPostgres(url, `INSERT INTO notes VALUES ('kept')`);
    await server.control?.stop();
    await assert.rejects(askPostgres(url, 'SELECT 1'));
    await server.control?.start();
    assert.deepEqual(await askPostgres(url, 'SELECT text FROM notes'), [{ text: 'kept' }]);
  });

  it('drops a database that is still in use', async () => {
    const database = await server.createDatabase();
    const { url } = database;
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    await database.drop();
    await assert.rejects(askPostgres(url, 'SELECT 1'), /does not exist/);
    await client.end().catch(() => undefined);
  });
});
