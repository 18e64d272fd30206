import { allTables } from './models/index.js';
import type { Sql } from './sql.js';
import { columnName } from './table.js';

/**
 * How many values each master key seals, by the key's fingerprint. A sealed value begins `v1.<fingerprint>.` (see
 * vault/vault.ts), and its column is named for it. A database of an earlier version may lack some columns.
 */
export async function sealingKeys(sql: Sql): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name: table, fields } of allTables) {
    const sealed = fields.filter((field) => field.endsWith('Sealed')).map(columnName);
    if (sealed.length === 0) continue;
    const info = await sql.all<{ name: string }>('SELECT name FROM pragma_table_info(?)', [table]);
    const present = new Set(info.map(({ name }) => name));
    for (const column of sealed.filter((name) => present.has(name))) {
      const found = await sql.all<{ id: string; number: number }>(
        `SELECT substr(${column}, 4, instr(substr(${column}, 4), '.') - 1) AS id, count(*) AS number
         FROM ${table} WHERE ${column} IS NOT NULL GROUP BY 1`,
      );
      for (const { id, number } of found) counts.set(id, (counts.get(id) ?? 0) + number);
    }
  }
  return counts;
}
