import type { Logger } from '../core/ports.js';
import { openPostgresStorage } from './postgres/postgres-storage.js';
import { openSqliteStorage } from './sqlite-storage.js';
import type { OpenStorage } from './storage.js';

export interface StorageOptions {
  /** Taken by this process on both databases: keys, the control socket and what the local backend builds are in it. */
  dataDir: string;
  /** `postgres://…`; null: SQLite in the data folder. */
  databaseUrl: string | null;
  newId: () => string;
  /** Every new id sorts behind this one, which another node has made. */
  startIdsAfter?: (id: string) => unknown;
  now: () => number;
  logger: Logger;
  /** On PostgreSQL: whether lanes that become due add a job for the waker. Asked each time; absent: never. */
  rings?: () => boolean;
}

/** Throws `ConfigError` or `InfrastructureError` with words for the operator. */
export function openStorage({ databaseUrl, ...options }: StorageOptions): Promise<OpenStorage> {
  return databaseUrl === null
    ? openSqliteStorage(options)
    : openPostgresStorage({ ...options, url: databaseUrl });
}
