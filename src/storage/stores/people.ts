import type {
  GrantReads,
  GrantWrites,
  NoticeReads,
  NoticeWrites,
  WebSessionReads,
  WebSessionWrites,
} from '../../core/people.js';
import { notices, oauthGrants, repositories, webSessions } from '../models/index.js';
import { listOf, type Sql, type SqlValue } from '../sql.js';

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

const needed = `EXISTS (SELECT 1 FROM hooks
  WHERE hooks.enabled_by_uuid = oauth_grants.user_uuid AND hooks.state = 'active')`;

export function grantStore(sql: Sql): GrantReads & GrantWrites {
  return {
    byId: (id) => oauthGrants.one(sql, 'id = ?', [id]),
    ofUser: (userUuid, clientId) =>
      oauthGrants.one(sql, 'user_uuid = ? AND client_id = ?', [userUuid, clientId]),
    ofRepository: (repositoryUuid, clientId) =>
      oauthGrants.select(
        sql,
        `client_id = ? AND user_uuid IN (
           SELECT hooks.enabled_by_uuid FROM hooks JOIN repositories ON repositories.id = hooks.repository_id
           WHERE repositories.uuid = ? AND hooks.state = 'active') ORDER BY id`,
        [clientId, repositoryUuid],
      ),
    repositoriesOf: (userUuid) =>
      repositories.select(
        sql,
        `state = 'active' AND id IN (
           SELECT repository_id FROM hooks WHERE enabled_by_uuid = ? AND state = 'active') ORDER BY full_name`,
        [userUuid],
      ),
    lapsing: (before, limit) =>
      oauthGrants.select(
        sql,
        `state = 'active' AND lapses_at < ? AND ${needed} ORDER BY lapses_at LIMIT ?`,
        [before, limit],
      ),
    async save(grant) {
      const known = await oauthGrants.update(sql, grant, 'id = ?', [grant.id]);
      if (known === 0) await oauthGrants.insert(sql, [grant]);
    },
    async claimRenewal({ id, version }, owner, now, until) {
      const claimed = await oauthGrants.update(
        sql,
        { renewingUntil: until, renewingBy: owner },
        `id = ? AND version = ? AND state = 'active'
           AND (renewing_until IS NULL OR renewing_until <= ? OR renewing_by = ?)`,
        [id, version, now, owner],
      );
      return claimed > 0;
    },
    async releaseRenewal(id, owner) {
      await oauthGrants.update(
        sql,
        { renewingUntil: null, renewingBy: null },
        'id = ? AND renewing_by = ?',
        [id, owner],
      );
    },
    async endRenewals() {
      await oauthGrants.update(
        sql,
        { renewingUntil: null, renewingBy: null },
        'renewing_until IS NOT NULL',
        [],
      );
    },
    async update(id, expectedVersion, patch) {
      const ended = {
        ...patch,
        version: expectedVersion + 1,
        renewingUntil: null,
        renewingBy: null,
      };
      return (
        (await oauthGrants.update(sql, ended, 'id = ? AND version = ?', [id, expectedVersion])) > 0
      );
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
    async resolveAll(subjects, now) {
      if (subjects.length === 0) return;
      const { marks, values } = listOf(subjects);
      const open = `subject IN (${marks}) AND resolved_at IS NULL`;
      await notices.update(sql, { resolvedAt: now }, open, values);
    },
  };
}
