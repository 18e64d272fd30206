import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../src/demo/free-port.js';
import { schemaKey } from '../../src/storage/postgres/locks.js';
import { runCli } from '../support/e2e/cli.js';
import { SlipwayServer } from '../support/e2e/slipway.js';
import { waitFor } from '../support/e2e/wait-for.js';
import {
  databaseOrSkip,
  startPostgres,
  type PostgresControl,
  type TestPostgres,
} from '../support/postgres.js';
import { tempFolder } from '../support/temp-folder.js';

/** Both are started at once, as by docker or systemd, and the database is the slower one. */
describe('a PostgreSQL that comes later than the node', function () {
  this.timeout(60_000);
  const folder = tempFolder('database-later');
  const open: SlipwayServer[] = [];
  let postgres: TestPostgres;
  let control: PostgresControl;
  let isAway = false;

  before(async function () {
    // Says why, where it cannot be had.
    await (await databaseOrSkip(this)).drop();
    postgres = await startPostgres();
    control = postgres.control ?? assert.fail('it is ours');
  });

  async function goAway(): Promise<void> {
    await control.stop();
    isAway = true;
  }

  async function comeBack(): Promise<void> {
    await control.start();
    isAway = false;
  }

  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
    // Where a test failed half-way, too.
    if (isAway) await comeBack();
  });

  after(async () => {
    await postgres?.close();
    folder.remove();
  });

  const settings = (name: string, url: string, port = 0) => ({
    SLIPWAY_BITBUCKET_URL: 'http://127.0.0.1:9',
    SLIPWAY_BITBUCKET_API_URL: 'http://127.0.0.1:9',
    SLIPWAY_MASTER_KEY: randomBytes(32).toString('base64'),
    SLIPWAY_DATA_DIR: join(folder.path, name),
    DATABASE_URL: url,
    PORT: String(port),
  });

  async function begun(name: string, url: string) {
    const port = await freePort();
    const server = SlipwayServer.begin(settings(name, url, port));
    open.push(server);
    const ask = async (path: string, method = 'GET') => {
      const { status, headers } = await fetch(`http://127.0.0.1:${port}${path}`, { method });
      return [status, headers.get('retry-after') !== null] as const;
    };
    return { server, ask };
  }

  const waiting = (server: SlipwayServer, reason: RegExp) =>
    waitFor(
      `a line that says ${String(reason)}`,
      () => server.logged('storage.waiting').find((line) => reason.test(String(line['reason']))),
      { otherwise: () => server.stderr },
    );

  it('is waited for: it says so, is alive and not ready, and goes on by itself', async () => {
    const database = await postgres.createDatabase();
    await goAway();
    const { server, ask } = await begun('later', database.url);
    const line = await waiting(server, /nothing listens there/);
    assert.match(
      String(line['database']),
      /^PostgreSQL at 127\.0\.0\.1:\d+, database slipway_test_/,
    );
    assert.ok(Number(line['givesUpInMs']) > 30_000, JSON.stringify(line));
    assert.deepEqual(await ask('/healthz'), [200, false]);
    assert.deepEqual(await ask('/readyz'), [503, true]);
    assert.deepEqual(await ask('/connect/events', 'POST'), [503, true]);
    assert.deepEqual(await ask('/'), [503, true]);
    await comeBack();
    await server.listening();
    assert.deepEqual(await ask('/readyz'), [200, false]);
    assert.doesNotMatch(server.stderr, /not-a-secret/);
    assert.equal((await server.stop()).code, 0);
  });

  it('may go away again in the middle of the start', async () => {
    const database = await postgres.createDatabase();
    const holder = new pg.Client({ connectionString: database.url });
    holder.on('error', () => undefined);
    await holder.connect();
    await holder.query(`SELECT pg_advisory_lock(${schemaKey})`);
    const { server } = await begun('again', database.url);
    await waitFor('the node to stand in its migration', async () => {
      const { rows } = await holder.query(
        `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
      );
      return rows.length > 0;
    });
    await goAway();
    await waiting(server, /nothing listens there/);
    await comeBack();
    await server.listening();
    assert.equal((await server.stop()).code, 0);
  });

  it('is not waited for any longer after SIGTERM', async () => {
    await goAway();
    const { server } = await begun('stopped', postgres.url);
    await waiting(server, /nothing listens there/);
    const { code, ms } = await server.stop();
    assert.equal(code, 0, server.stderr);
    assert.ok(ms < 3_000, `${ms} ms`);
  });

  it('is not waited for when it is there and refuses', async () => {
    const wrong = new URL(postgres.url);
    wrong.password = 'letmein';
    const nowhere = new URL(postgres.url);
    nowhere.pathname = '/nowhere';
    for (const [url, words] of [
      [wrong, /refuses the user or password/],
      [nowhere, /does not exist/],
    ] as const) {
      const { code, stderr, ms } = await runCli(['start'], { env: settings('refused', url.href) });
      assert.equal(code, 2, stderr);
      assert.match(stderr, words);
      assert.doesNotMatch(stderr, /letmein|storage\.waiting/);
      assert.ok(ms < 8_000, `${ms} ms`);
    }
  });
});
