import type { DatabaseFacts } from '../backup.js';
import { sealingKeys } from '../sealing-keys.js';
import type { Sql } from '../sql.js';
import { countNodes } from './locks.js';
import { appliedMigrations, openPostgresReadOnly } from './read-only.js';
import { openReaders } from './reader.js';
import { readFacts, type ServerFacts } from './schema.js';

/** What the server says of itself, and how many nodes use the database. */
export interface PostgresFacts extends ServerFacts {
  nodes: number;
}

export interface OpenExamination {
  facts: PostgresFacts;
  applied: string[];
  sealedBy(): Promise<Map<string, number>>;
  sql: Sql;
  close(): Promise<void>;
}

/** Looks at a server without changing anything. Throws `ConfigError` or `InfrastructureError`. */
export async function examinePostgres(url: string, now: () => number): Promise<OpenExamination> {
  const server = await readFacts(url, now);
  const readers = openReaders(url, null);
  const { sql } = readers;
  try {
    const [row] = await sql.all<{ nodes: number }>(countNodes);
    return {
      facts: { ...server, nodes: row?.nodes ?? 0 },
      applied: await appliedMigrations(sql),
      sealedBy: () => sealingKeys(sql, columnsOf),
      sql,
      close: () => readers.close(),
    };
  } catch (error) {
    await readers.close();
    throw error;
  }
}

/** What a backup says of the database it belongs to. Throws like `openPostgresReadOnly`. */
export async function factsOf(url: string): Promise<DatabaseFacts> {
  const storage = await openPostgresReadOnly(url);
  try {
    const { sql } = storage;
    const keys = await sealingKeys(sql, columnsOf);
    return { migrations: await appliedMigrations(sql), masterKeysNeeded: [...keys.keys()].sort() };
  } finally {
    await storage.close();
  }
}

export async function columnsOf(sql: Sql, table: string): Promise<string[]> {
  const rows = await sql.all<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = ?`,
    [table],
  );
  return rows.map(({ name }) => name);
}
