import { Sequelize } from 'sequelize';
import { ConfigError } from '../../core/errors.js';
import type { Logger } from '../../core/ports.js';
import { migrate } from '../migrations/index.js';
import { defineModels } from '../models/index.js';
import { codeOf, isDatabaseFailure, named } from './errors.js';
import { graceMs, readStatementMs } from './limits.js';
import { schemaKey } from './locks.js';
import { refusal } from './refusal.js';
import { clientConfig, Session } from './session.js';

/** The oldest version that PostgreSQL itself still mends. */
const oldestVersion = 14;
export interface ServerFacts {
  /** `15.18`. */
  version: string;
  major: number;
  encoding: string;
  /** Whether a commit survives a power cut. */
  isDurable: boolean;
  /** Our clock against the server's, ms; positive: ours is ahead. */
  skewMs: number;
}

/** Clocks that differ by more than this are told of: leases and schedules are times of the nodes' own. */
export const mostSkewMs = 2_000;

/**
 * Throws `ConfigError` where waiting mends nothing, and `InfrastructureError('storage_unavailable')` with the reason in words
 * where it may.
 */
export async function readFacts(url: string, now: () => number): Promise<ServerFacts> {
  const session = await opened(url);
  try {
    const [facts] = (await session.exec(
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
         current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
         extract(epoch FROM clock_timestamp()) * 1000 AS at`,
    )) as { rows: Record<'version' | 'number' | 'encoding' | 'fsync' | 'at', string>[] }[];
    const { version = '', number, encoding = '', fsync, at } = facts?.rows[0] ?? {};
    return {
      version: version.split(' ', 1)[0] ?? version,
      major: Math.floor(Number(number) / 10_000),
      encoding,
      isDurable: fsync === 'on',
      skewMs: Math.round(now() - Number(at)),
    };
  } finally {
    await session.close();
  }
}

/** Whether this can be our database: reached, new enough, in UTF-8, with clocks that agree. Throws like `readFacts`. */
export async function reachable(
  url: string,
  { now, logger }: { now: () => number; logger: Logger | null },
): Promise<void> {
  const { major, encoding, isDurable, skewMs } = await readFacts(url, now);
  if (major < oldestVersion) {
    throw new ConfigError([
      `DATABASE_URL leads to PostgreSQL ${major}; Slipway needs ${oldestVersion} or newer.`,
    ]);
  }
  if (encoding !== 'UTF8') {
    throw new ConfigError([
      `The database is kept in ${encoding}. Make one with ENCODING 'UTF8': names and messages hold any letter.`,
    ]);
  }
  if (!isDurable) logger?.warn({ fsync: 'off' }, 'storage.commits_not_durable');
  if (Math.abs(skewMs) > mostSkewMs) logger?.warn({ skewMs }, 'storage.clock_differs');
}

async function opened(url: string): Promise<Session> {
  const limits = { statementMs: readStatementMs, plans: 'fresh' } as const;
  try {
    return await Session.open(url, readStatementMs + graceMs, limits);
  } catch (error) {
    throw refusal(error);
  }
}

/**
 * Brings the schema up to date; returns the names of what was applied. All of it in one transaction, which other nodes that
 * start at the same time wait for: it is there as a whole or not at all.
 */
export async function migratePostgres(url: string): Promise<string[]> {
  const { user, password, database, ...dialectOptions } = clientConfig(url);
  const { host = 'localhost', port = 5432 } = dialectOptions;
  const sequelize = new Sequelize(database ?? '', user ?? '', String(password ?? ''), {
    ...{ dialect: 'postgres', host, port, dialectOptions, logging: false },
    // One connection, so that every statement is in our transaction.
    pool: { max: 1, min: 0, idle: 600_000 },
  });
  defineModels(sequelize);
  try {
    await sequelize.query(`BEGIN; SELECT pg_advisory_xact_lock(${schemaKey})`);
    const applied = await migrate(sequelize);
    await sequelize.query('COMMIT');
    return applied;
  } catch (error) {
    throw schemaProblem(error);
  } finally {
    await sequelize.close();
  }
}

/** For `slipway migrate`: beside running nodes, which go on. Throws like `reachable` and `migratePostgres`. */
export async function migrateServer(url: string, now: () => number): Promise<string[]> {
  await readFacts(url, now);
  return migratePostgres(url);
}

function schemaProblem(error: unknown): unknown {
  const original = (error as { original?: unknown; parent?: unknown }).original ?? error;
  if (codeOf(original) === '42501') {
    return new ConfigError([
      'The user in DATABASE_URL may not create tables. Make it the owner of the database, or grant it CREATE on the schema.',
    ]);
  }
  return isDatabaseFailure(named(original).code) ? refusal(original) : error;
}
