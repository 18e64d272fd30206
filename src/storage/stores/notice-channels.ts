import type {
  ChannelReads,
  ChannelWrites,
  DeliveryReads,
  DeliveryWrites,
} from '../../core/notices.js';
import { noticeChannels, noticeDeliveries, notices } from '../models/index.js';
import type { Sql, SqlValue } from '../sql.js';

export function noticeChannelStore(sql: Sql): ChannelReads & ChannelWrites {
  return {
    byId: (id) => noticeChannels.one(sql, 'id = ?', [id]),
    ofWorkspace: (workspaceUuid) =>
      noticeChannels.select(sql, 'workspace_uuid = ? ORDER BY name, id', [workspaceUuid]),
    insert: (channel) => noticeChannels.insert(sql, [channel]),
    async remove(id) {
      await sql.run('DELETE FROM notice_deliveries WHERE channel_id = ?', [id]);
      await sql.run('DELETE FROM notice_channels WHERE id = ?', [id]);
    },
    async noteOutcome(id, { at, error }) {
      const sent = error === null ? { lastSentAt: at } : {};
      await noticeChannels.update(sql, { ...sent, lastError: error }, 'id = ?', [id]);
    },
  };
}

/** Everything told, or to be told, to a workspace. Number of rows. */
export async function forgetNotices(sql: Sql, workspaceUuid: string): Promise<number> {
  const ofWorkspace = 'IN (SELECT id FROM notices WHERE workspace_uuid = ?)';
  const statements = [
    `DELETE FROM notice_deliveries WHERE notice_id ${ofWorkspace}`,
    `DELETE FROM notice_tellings WHERE notice_id ${ofWorkspace}`,
    'DELETE FROM notices WHERE workspace_uuid = ?',
    'DELETE FROM notice_channels WHERE workspace_uuid = ?',
  ];
  let rows = 0;
  for (const statement of statements) rows += await sql.run(statement, [workspaceUuid]);
  return rows;
}

export function noticeDeliveryStore(sql: Sql): DeliveryReads & DeliveryWrites {
  return {
    hasDue: async (now) =>
      (await noticeDeliveries.one(sql, 'due_at <= ? AND settled_at IS NULL', [now])) !== null,
    notice: (id) => notices.one(sql, 'id = ?', [id]),
    async untold(limit) {
      const rows = await sql.all<Record<string, SqlValue>>(
        `SELECT notices.*, notice_tellings.opened_at AS told_at FROM notices
         LEFT JOIN notice_tellings ON notice_tellings.notice_id = notices.id
         WHERE notice_tellings.notice_id IS NULL
           OR (notices.resolved_at IS NOT NULL AND notice_tellings.resolved_at IS NULL)
         ORDER BY notices.id LIMIT ?`,
        [limit],
      );
      return rows.map((row) => ({ notice: notices.read(row), wasTold: row['told_at'] !== null }));
    },
    async markTold(noticeId, { opened, resolved }) {
      await sql.run(
        `INSERT INTO notice_tellings (notice_id, opened_at, resolved_at) VALUES (?, ?, ?)
         ON CONFLICT (notice_id) DO UPDATE SET resolved_at = excluded.resolved_at`,
        [noticeId, opened, resolved],
      );
    },
    insert: (deliveries) => noticeDeliveries.insert(sql, deliveries),
    async claimDue(limit, now, until) {
      const due = await noticeDeliveries.select(
        sql,
        'due_at <= ? AND settled_at IS NULL ORDER BY due_at, id LIMIT ?',
        [now, limit],
      );
      for (const { id } of due) {
        await noticeDeliveries.update(sql, { dueAt: until }, 'id = ?', [id]);
      }
      return due;
    },
    async prune(before, limit) {
      const spent = `SELECT id FROM notices WHERE resolved_at < ? ORDER BY id LIMIT ?`;
      const rows = await sql.all<{ id: string }>(spent, [before, limit]);
      if (rows.length === 0) return 0;
      const marks = rows.map(() => '?').join(', ');
      const ids = rows.map(({ id }) => id);
      await sql.run(`DELETE FROM notice_deliveries WHERE notice_id IN (${marks})`, ids);
      await sql.run(`DELETE FROM notice_tellings WHERE notice_id IN (${marks})`, ids);
      return sql.run(`DELETE FROM notices WHERE id IN (${marks})`, ids);
    },
    async settle(id, patch) {
      await noticeDeliveries.update(sql, patch, 'id = ?', [id]);
    },
  };
}
