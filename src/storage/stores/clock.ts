import type { CareReads, ClockWrites } from '../../core/care.js';
import type { Sql } from '../sql.js';

/** Repositories and build statuses have calls of their own for it. */
const dueColumns = [
  ['lanes', 'due_at'],
  ['name_lookups', 'due_at'],
  ['notice_deliveries', 'due_at'],
  ['hooks', 'check_due_at'],
  ['workspace_credentials', 'check_due_at'],
] as const;

const growing = ['events', 'ref_changes', 'deployments', 'attempts', 'status_reports'] as const;

export function clockStore(sql: Sql): Pick<CareReads, 'newestId'> & ClockWrites {
  return {
    async newestId() {
      const each = growing.map((table) => `SELECT max(id) AS id FROM ${table}`);
      const [row] = await sql.all<{ id: string | null }>(
        `SELECT max(id) AS id FROM (${each.join(' UNION ALL ')}) AS newest`,
      );
      return row?.id ?? null;
    },
    async bringForward(now, leaseMs) {
      for (const [table, column] of dueColumns) {
        await sql.run(`UPDATE ${table} SET ${column} = ? WHERE ${column} > ?`, [now, now]);
      }
      // A session of a clock that was ahead would live that much longer.
      await sql.run(
        `UPDATE web_sessions SET expires_at = expires_at - (created_at - ?), created_at = ?
         WHERE created_at > ?`,
        [now, now, now],
      );
      await sql.run('UPDATE web_sessions SET seen_at = ? WHERE seen_at > ?', [now, now]);
      const until = now + leaseMs;
      await sql.run('UPDATE lanes SET lease_until = ? WHERE lease_until > ?', [until, until]);
    },
  };
}
