import type { NodeReads, NodeWrites } from '../../core/cluster.js';
import { apiUse, nodes } from '../models/index.js';
import type { Sql } from '../sql.js';

export function nodeStore(sql: Sql): NodeReads & NodeWrites {
  return {
    alive: (since) => nodes.select(sql, 'seen_at > ? ORDER BY name, id', [since]),
    useByOthers: (nodeId, since) =>
      apiUse.select(sql, 'node_id <> ? AND seen_at > ?', [nodeId, since]),
    seen: (node) =>
      nodes.insert(
        sql,
        [node],
        `ON CONFLICT (id) DO UPDATE SET name = excluded.name, roles = excluded.roles,
           master_key_id = excluded.master_key_id, base_url = excluded.base_url,
           started_at = excluded.started_at, seen_at = excluded.seen_at`,
      ),
    async leave(nodeId) {
      await sql.run('DELETE FROM nodes WHERE id = ?', [nodeId]);
    },
    noteUse: (uses) =>
      apiUse.insert(
        sql,
        uses,
        `ON CONFLICT (node_id, credential) DO UPDATE SET calls = excluded.calls,
           paused_until = excluded.paused_until, seen_at = excluded.seen_at`,
      ),
    async forgetBefore(seenAt) {
      await sql.run('DELETE FROM nodes WHERE seen_at < ?', [seenAt]);
      await sql.run('DELETE FROM api_use WHERE seen_at < ?', [seenAt]);
    },
  };
}
