import type {
  ForgeReads,
  ForgeWrites,
  NameLookupReads,
  NameLookupWrites,
} from '../../core/forge.js';
import { forgeInstallations, nameLookups } from '../models/index.js';
import type { Sql, SqlValue } from '../sql.js';

const isActive = `installation_id IN (SELECT id FROM installations WHERE state = 'active'`;

export function forgeStore(sql: Sql): ForgeReads & ForgeWrites {
  return {
    ofInstallation: (installationId) =>
      forgeInstallations.one(sql, 'installation_id = ?', [installationId]),
    tokensOf: (workspaceUuid) =>
      forgeInstallations.select(
        sql,
        `token_sealed IS NOT NULL AND ${isActive} AND workspace_uuid = ?) ORDER BY token_expires_at DESC`,
        [workspaceUuid],
      ),
    silentSince: (seenBefore, limit) =>
      forgeInstallations.select(sql, `seen_at < ? AND ${isActive}) ORDER BY seen_at LIMIT ?`, [
        seenBefore,
        limit,
      ]),
    save: (facts) =>
      forgeInstallations.insert(
        sql,
        [facts],
        `ON CONFLICT (installation_id) DO UPDATE SET environment_id = excluded.environment_id,
         environment_type = excluded.environment_type, token_sealed = excluded.token_sealed,
         token_expires_at = excluded.token_expires_at, seen_at = excluded.seen_at,
         refused_since = excluded.refused_since, ended_by = excluded.ended_by`,
      ),
  };
}

export function nameLookupStore(sql: Sql): NameLookupReads & NameLookupWrites {
  return {
    async nextDue() {
      const [row] = await sql.all<{ due: number | null }>(
        'SELECT min(due_at) AS due FROM name_lookups',
      );
      return row?.due === null || row?.due === undefined ? null : Number(row.due);
    },
    ask: (ids, now) =>
      nameLookups.insert(
        sql,
        ids.map((id) => ({ id, dueAt: now, attempts: 0, askedAt: now })),
        'ON CONFLICT (id) DO NOTHING',
      ),
    async claimDue(limit, now, until) {
      const rows = await sql.all<Record<string, SqlValue>>(
        `UPDATE name_lookups SET due_at = ?, attempts = attempts + 1 WHERE id IN (
           SELECT id FROM name_lookups WHERE due_at <= ? ORDER BY due_at LIMIT ?)
         RETURNING *`,
        [until, now, limit],
      );
      return rows.map((row) => nameLookups.read(row));
    },
    async again(id, dueAt) {
      await nameLookups.update(sql, { dueAt }, 'id = ?', [id]);
    },
    async done(id) {
      await sql.run('DELETE FROM name_lookups WHERE id = ?', [id]);
    },
  };
}
