import { ConfigError } from '../../core/errors.js';
import { migrationNames } from '../migrations/index.js';
import type { ReadOnlyStorage } from '../read-only.js';
import type { Sql } from '../sql.js';
import { transactionOver } from '../stores/transaction.js';
import { openReaders } from './reader.js';
import { reachable } from './schema.js';

/**
 * The database beside whatever nodes use it; waits for nobody. Throws `ConfigError` when there is none or nothing in it,
 * `InfrastructureError('storage_unavailable')` when it cannot be reached.
 */
export async function openPostgresReadOnly(url: string): Promise<ReadOnlyStorage> {
  await reachable(url, { now: Date.now, logger: null });
  const readers = openReaders(url, null);
  const storage = {
    read: transactionOver(readers.sql, () => {
      throw new Error('a reader makes no ids');
    }),
    sql: readers.sql,
    close: () => readers.close(),
  };
  try {
    const applied = await appliedMigrations(readers.sql);
    if (applied.includes(migrationNames.at(-1) ?? '')) return storage;
    throw new ConfigError([
      applied.length === 0
        ? 'Nothing is in the database that DATABASE_URL names. The first start, or `slipway migrate`, makes its tables.'
        : 'The database is of an earlier version. Start Slipway, or run `slipway migrate`.',
    ]);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** Names of the migrations it has seen; none: it is empty. */
export async function appliedMigrations(sql: Sql): Promise<string[]> {
  const [table] = await sql.all<{ name: string | null }>(
    `SELECT to_regclass('migrations')::text AS name`,
  );
  if (!table?.name) return [];
  const rows = await sql.all<{ name: string }>('SELECT name FROM migrations ORDER BY name');
  return rows.map(({ name }) => name);
}
