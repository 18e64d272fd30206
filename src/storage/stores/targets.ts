import type { TargetReads, TargetWrites } from '../../core/ports.js';
import { targets } from '../models/index.js';
import { listOf, type Sql } from '../sql.js';

export function targetStore(sql: Sql): TargetReads & TargetWrites {
  const ofRepositories: TargetReads['ofRepositories'] = async (ids) => {
    if (ids.length === 0) return [];
    const { marks, values } = listOf(ids);
    return targets.select(
      sql,
      `repository_id IN (${marks}) AND state <> 'removed' ORDER BY id`,
      values,
    );
  };
  return {
    byId: (id) => targets.one(sql, 'id = ?', [id]),
    async byIds(ids) {
      if (ids.length === 0) return [];
      const { marks, values } = listOf(ids);
      return targets.select(sql, `id IN (${marks})`, values);
    },
    ofRepository: (repositoryId) => ofRepositories([repositoryId]),
    ofRepositories,
    ofBackend: (backend) =>
      targets.select(sql, `backend = ? AND state <> 'removed' ORDER BY id`, [backend]),
    removedOn: (node) =>
      targets.select(
        sql,
        `state = 'removed' AND id IN (SELECT target_id FROM lanes WHERE node = ?) ORDER BY id`,
        [node],
      ),
    usingConnection: (connectionId) =>
      targets.select(sql, `connection_id = ? AND state <> 'removed' ORDER BY id`, [connectionId]),
    insert: (target) => targets.insert(sql, [target]),
    async update(id, expectedVersion, patch) {
      const changed = await targets.update(
        sql,
        { ...patch, version: expectedVersion + 1 },
        'id = ? AND version = ?',
        [id, expectedVersion],
      );
      return changed === 1;
    },
    async touch(id, patch) {
      await targets.update(sql, patch, 'id = ?', [id]);
    },
  };
}
