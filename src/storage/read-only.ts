import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'sqlite3';
import { ConfigError, InfrastructureError } from '../core/errors.js';
import type { Reader } from '../core/ports.js';
import { loadSqlite } from './sqlite/driver.js';
import type { Sql, SqlValue } from './sql.js';
import { transactionOver } from './stores/transaction.js';

export interface ReadOnlyStorage {
  read: Reader;
  sql: Sql;
  close(): Promise<void>;
}

export const databaseName = 'slipway.sqlite';

const busyTimeoutMs = 5_000;

/**
 * The database of a data folder that a running Slipway may own: WAL lets others read beside the writer. Sees what is
 * committed; takes no lock that a push would wait for.
 *
 * Throws `ConfigError` when there is none, `InfrastructureError('storage_unavailable')` when it cannot be read.
 */
export async function openReadOnly(dataDir: string): Promise<ReadOnlyStorage> {
  const file = join(dataDir, databaseName);
  if (!existsSync(file)) {
    throw new ConfigError([
      `There is no database in ${dataDir}. Name the data folder with SLIPWAY_DATA_DIR or --data-dir.`,
    ]);
  }
  const database = await open(file);
  database.configure('busyTimeout', busyTimeoutMs);
  const sql = sqlOver(database);
  return {
    read: transactionOver(sql, () => {
      throw new Error('a reader makes no ids');
    }),
    sql,
    close: () => new Promise((resolve) => database.close(() => resolve())),
  };
}

function open(file: string): Promise<Database> {
  const sqlite3 = loadSqlite();
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(file, sqlite3.OPEN_READONLY, (error) => {
      if (error) reject(unreadable(error));
      else resolve(database);
    });
  });
}

function sqlOver(database: Database): Sql {
  return {
    all: <Row>(text: string, values: readonly SqlValue[] = []) =>
      new Promise<Row[]>((resolve, reject) => {
        database.all<Row>(text, values, (error, rows) => {
          if (error) reject(unreadable(error));
          else resolve(rows);
        });
      }),
    run: () => Promise.reject(new Error('this connection only reads')),
  };
}

function unreadable(cause: Error): Error {
  return new InfrastructureError('storage_unavailable', cause.message, { cause });
}
