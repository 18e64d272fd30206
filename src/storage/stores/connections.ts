import type { ConnectionReads, ConnectionWrites } from '../../core/ports.js';
import { connections } from '../models/index.js';
import { listOf, type Sql } from '../sql.js';

export function connectionStore(sql: Sql): ConnectionReads & ConnectionWrites {
  return {
    byId: (id) => connections.one(sql, 'id = ?', [id]),
    async byIds(ids) {
      if (ids.length === 0) return [];
      const { marks, values } = listOf(ids);
      return connections.select(sql, `id IN (${marks})`, values);
    },
    ofWorkspace: (workspaceUuid) =>
      connections.select(sql, 'workspace_uuid = ? ORDER BY name, id', [workspaceUuid]),
    insert: (connection) => connections.insert(sql, [connection]),
    async update(id, expectedVersion, patch) {
      const changed = await connections.update(
        sql,
        { version: expectedVersion + 1, ...patch },
        'id = ? AND version = ?',
        [id, expectedVersion],
      );
      return changed === 1;
    },
    async markBroken(id, { reason, now, testedBefore }) {
      const broken = { state: 'broken', brokenReason: reason, brokenSince: now } as const;
      const changed = await connections.update(
        sql,
        broken,
        `id = ? AND state = 'ok' AND tested_at <= ?`,
        [id, testedBefore],
      );
      return changed === 1;
    },
    async markUsed(id, now) {
      await connections.update(
        sql,
        { lastUsedAt: now },
        'id = ? AND (last_used_at IS NULL OR last_used_at < ?)',
        [id, now - 60_000],
      );
    },
    async remove(id) {
      await sql.run('DELETE FROM connections WHERE id = ?', [id]);
    },
  };
}
