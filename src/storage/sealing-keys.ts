import { allTables } from './models/index.js';
import type { Sql } from './sql.js';
import { columnName } from './table.js';

/** Of a key, in hexadecimal digits: see vault/key-ring.ts. */
const fingerprintLength = 12;

/**
 * How many values each master key seals, by the key's fingerprint. A sealed value begins `v1.<fingerprint>.` (see
 * vault/vault.ts), and its column is named for it. A database of an earlier version may lack some columns.
 */
export async function sealingKeys(
  sql: Sql,
  columnsOf: (sql: Sql, table: string) => Promise<string[]> = sqliteColumns,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name: table, fields } of allTables) {
    const sealed = fields.filter((field) => field.endsWith('Sealed')).map(columnName);
    if (sealed.length === 0) continue;
    const present = new Set(await columnsOf(sql, table));
    for (const column of sealed.filter((name) => present.has(name))) {
      const found = await sql.all<{ id: string; number: number }>(
        `SELECT substr(${column}, 4, ${fingerprintLength}) AS id, count(*) AS number
         FROM ${table} WHERE ${column} IS NOT NULL GROUP BY 1`,
      );
      for (const { id, number } of found) counts.set(id, (counts.get(id) ?? 0) + number);
    }
  }
  return counts;
}

async function sqliteColumns(sql: Sql, table: string): Promise<string[]> {
  const info = await sql.all<{ name: string }>('SELECT name FROM pragma_table_info(?)', [table]);
  return info.map(({ name }) => name);
}
