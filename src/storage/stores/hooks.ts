import type { HookReads, HookWrites } from '../../core/ports.js';
import { hooks } from '../models/index.js';
import { listOf, type Sql, type SqlValue } from '../sql.js';

export function hookStore(sql: Sql): HookReads & HookWrites {
  return {
    byId: (id) => hooks.one(sql, 'id = ?', [id]),
    ofRepository: (repositoryId) => hooks.one(sql, 'repository_id = ?', [repositoryId]),
    ofWorkspace: (workspaceUuid) =>
      hooks.select(
        sql,
        'repository_id IN (SELECT id FROM repositories WHERE workspace_uuid = ?) ORDER BY id',
        [workspaceUuid],
      ),
    save: (hook) =>
      hooks.insert(
        sql,
        [hook],
        `ON CONFLICT (id) DO UPDATE SET remote_uuid = excluded.remote_uuid,
           secret_sealed = excluded.secret_sealed, previous_secret_sealed = excluded.previous_secret_sealed,
           previous_until = excluded.previous_until, state = excluded.state, events = excluded.events,
           enabled_by = excluded.enabled_by, enabled_by_uuid = excluded.enabled_by_uuid, health = excluded.health,
           alarm = excluded.alarm, check_due_at = excluded.check_due_at, updated_at = excluded.updated_at`,
      ),
    async noteHealth(id, health, checkDueAt) {
      await sql.run(
        `UPDATE hooks SET health = ?, check_due_at = ? WHERE id = ? AND state = 'active'`,
        [JSON.stringify(health), checkDueAt, id],
      );
    },
    async raiseAlarm(repositoryId, alarm) {
      await sql.run(
        `UPDATE hooks SET alarm = ?, check_due_at = ? WHERE repository_id = ? AND state = 'active'`,
        [JSON.stringify(alarm), alarm.since, repositoryId],
      );
    },
    async checkSoon(repositoryId, now) {
      await sql.run(
        `UPDATE hooks SET check_due_at = ? WHERE repository_id = ? AND state = 'active'`,
        [now, repositoryId],
      );
    },
    async heard(sourceIds, now) {
      if (sourceIds.length === 0) return;
      const { marks, values } = listOf(sourceIds);
      await sql.run(
        `UPDATE hooks SET last_delivery_at = ?, alarm = NULL WHERE source_id IN (${marks})`,
        [now, ...values],
      );
    },
    async claimChecks(limit, now, until) {
      const claimed = await sql.all<Record<string, SqlValue>>(
        `UPDATE hooks SET check_due_at = ? WHERE id IN (
           SELECT id FROM hooks WHERE check_due_at <= ? AND state = 'active' ORDER BY check_due_at LIMIT ?)
         RETURNING *`,
        [until, now, limit],
      );
      return claimed.map((row) => hooks.read(row));
    },
  };
}
