import type { SealedReads, SealedWrites } from '../../core/people.js';
import type { Sql } from '../sql.js';

/** Names of tables and columns come from our own list, never from outside. */
export function sealedStore(sql: Sql): SealedReads & SealedWrites {
  return {
    async notUnder(keyId, { table, column, idColumn }, after, limit) {
      const rows = await sql.all<{ id: string; sealed: string }>(
        `SELECT ${idColumn} AS id, ${column} AS sealed FROM ${table}
         WHERE ${idColumn} > ? AND ${column} IS NOT NULL AND substr(${column}, 4, ?) <> ?
         ORDER BY ${idColumn} LIMIT ?`,
        [after, keyId.length, keyId, limit],
      );
      return rows.map(({ id, sealed }) => ({ id, sealed }));
    },
    async replace({ table, column, idColumn }, id, from, to) {
      const changed = await sql.run(
        `UPDATE ${table} SET ${column} = ? WHERE ${idColumn} = ? AND ${column} = ?`,
        [to, id, from],
      );
      return changed > 0;
    },
  };
}
