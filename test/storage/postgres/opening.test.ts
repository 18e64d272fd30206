import assert from 'node:assert/strict';
import { ConfigError, InfrastructureError } from '../../../src/core/errors.js';
import { openPostgresStorage } from '../../../src/storage/postgres/postgres-storage.js';
import { askPostgres, databaseOrSkip, type TestDatabase } from '../../support/postgres.js';
import { silentLogger } from '../../support/silent-logger.js';
import { tempFolder } from '../../support/temp-folder.js';

/** What an operator reads who has configured it wrongly. */
describe('opening a PostgreSQL', function () {
  this.timeout(30_000);
  const folder = tempFolder('opening');
  let database: TestDatabase;

  before(async function () {
    database = await databaseOrSkip(this);
  });

  after(async () => {
    await database?.drop();
    folder.remove();
  });

  function open(change: (url: URL) => void = () => undefined) {
    const url = new URL(database.url);
    change(url);
    return openPostgresStorage({
      ...{ dataDir: folder.path, url: url.href, newId: () => 'x', now: Date.now },
      logger: silentLogger(),
    });
  }

  async function problem(change: (url: URL) => void): Promise<string> {
    try {
      await (await open(change)).close();
    } catch (error) {
      assert.ok(
        error instanceof ConfigError || error instanceof InfrastructureError,
        String(error),
      );
      const all = `${error.message} ${JSON.stringify(error)} ${String(error.stack)}`;
      assert.doesNotMatch(all, /letmein/, 'a password is never repeated');
      return error.message;
    }
    throw new Error('it opened');
  }

  it('says what is wrong, and gives the data folder back', async () => {
    const password = (url: URL) => (url.password = 'letmein');
    assert.match(await problem(password), /refuses the user or password/);
    assert.match(await problem((url) => (url.pathname = '/nowhere')), /does not exist/);
    assert.match(
      await problem((url) => (url.hostname = 'no-such-host.invalid')),
      /its host cannot be (found|looked up)/,
    );
    assert.match(await problem((url) => (url.port = '9')), /nothing listens there/);
    const needsTls = (url: URL) => url.searchParams.set('sslmode', 'verify-full');
    assert.match(await problem(needsTls), /takes no TLS/);
    const storage = await open();
    assert.equal(storage.kind, 'postgres');
    await storage.close();
  });

  it('wants a database in UTF-8', async () => {
    await askPostgres(
      database.url,
      `CREATE DATABASE slipway_test_ascii ENCODING 'SQL_ASCII' TEMPLATE template0`,
    );
    assert.match(await problem((url) => (url.pathname = '/slipway_test_ascii')), /UTF8/);
    await askPostgres(database.url, 'DROP DATABASE slipway_test_ascii');
  });

  it('needs no more than the right to make tables', async () => {
    await askPostgres(database.url, `CREATE ROLE slipway_test_guest LOGIN PASSWORD 'letmein'`);
    const guest = (url: URL): void => {
      url.username = 'slipway_test_guest';
      url.password = 'letmein';
    };
    const fresh = await databaseAsGuest(database);
    assert.match(await problem(onto(fresh, guest)), /may not create tables/);
    await askPostgres(fresh, 'GRANT CREATE ON SCHEMA public TO slipway_test_guest');
    const storage = await open(onto(fresh, guest));
    assert.equal(await storage.nodes(), 1);
    await storage.close();
    const name = new URL(fresh).pathname.slice(1);
    await askPostgres(database.url, `DROP DATABASE ${name} WITH (FORCE)`);
    await askPostgres(database.url, 'DROP ROLE slipway_test_guest');
  });
});

async function databaseAsGuest(database: TestDatabase): Promise<string> {
  const url = new URL(database.url);
  url.pathname = '/slipway_test_rights';
  await askPostgres(database.url, 'CREATE DATABASE slipway_test_rights');
  await askPostgres(url.href, 'REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  return url.href;
}

function onto(other: string, change: (url: URL) => void): (url: URL) => void {
  return (url) => {
    url.pathname = new URL(other).pathname;
    change(url);
  };
}
