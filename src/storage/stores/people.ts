import type {
  GrantReads,
  GrantWrites,
  NoticeReads,
  NoticeWrites,
  WebSessionReads,
  WebSessionWrites,
} from '../../core/people.js';
import { notices, oauthGrants, webSessions } from '../models/index.js';
import type { Sql, SqlValue } from '../sql.js';

export function webSessionStore(sql: Sql): WebSessionReads & WebSessionWrites {
  return {
    byId: (id) => webSessions.one(sql, 'id = ?', [id]),
    ofUser: (userUuid) => webSessions.select(sql, 'user_uuid = ? ORDER BY created_at', [userUuid]),
    insert: (session) => webSessions.insert(sql, [session]),
    async seen(id, now) {
      await webSessions.update(sql, { seenAt: now }, 'id = ?', [id]);
    },
    async remove(id) {
      await sql.run('DELETE FROM web_sessions WHERE id = ?', [id]);
    },
    removeOfUser: (userUuid) => sql.run('DELETE FROM web_sessions WHERE user_uuid = ?', [userUuid]),
    removeSpent: (now, idleSince, limit) =>
      sql.run(
        `DELETE FROM web_sessions WHERE id IN (
           SELECT id FROM web_sessions WHERE expires_at <= ? OR seen_at < ? LIMIT ?)`,
        [now, idleSince, limit],
      ),
  };
}

export function grantStore(sql: Sql): GrantReads & GrantWrites {
  return {
    byId: (id) => oauthGrants.one(sql, 'id = ?', [id]),
    ofUser: (userUuid, clientId) =>
      oauthGrants.one(sql, 'user_uuid = ? AND client_id = ?', [userUuid, clientId]),
    async save(grant) {
      const known = await oauthGrants.update(sql, grant, 'id = ?', [grant.id]);
      if (known > 0) return;
      await oauthGrants.insert(sql, [grant]);
    },
  };
}

export function noticeStore(sql: Sql): NoticeReads & NoticeWrites {
  return {
    open(where) {
      const conditions = ['resolved_at IS NULL'];
      const values: SqlValue[] = [];
      for (const [column, value] of [
        ['workspace_uuid', where.workspaceUuid],
        ['repository_id', where.repositoryId],
        ['user_uuid', where.userUuid],
      ] as const) {
        if (value === undefined) continue;
        conditions.push(`${column} = ?`);
        values.push(value);
      }
      return notices.select(sql, `${conditions.join(' AND ')} ORDER BY id DESC`, values);
    },
    async add(notice) {
      return (await notices.insertNew(sql, [notice], 'id')).length > 0;
    },
    resolve: (subject, now) =>
      notices.update(sql, { resolvedAt: now }, 'subject = ? AND resolved_at IS NULL', [subject]),
  };
}
