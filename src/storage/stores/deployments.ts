import type {
  AttemptReads,
  AttemptWrites,
  DeploymentReads,
  DeploymentWrites,
} from '../../core/ports.js';
import { attempts, deployments } from '../models/index.js';
import type { Sql, SqlValue } from '../sql.js';

export function deploymentStore(sql: Sql): DeploymentReads & DeploymentWrites {
  return {
    byId: (id) => deployments.one(sql, 'id = ?', [id]),
    byPageToken: (token) => deployments.one(sql, 'page_token = ?', [token]),
    async recent(where, page) {
      const conditions: string[] = ['1 = 1'];
      const values: SqlValue[] = [];
      const add = (condition: string, ...more: SqlValue[]): void => {
        conditions.push(condition);
        values.push(...more);
      };
      if (where.repositoryId !== undefined) add('repository_id = ?', where.repositoryId);
      if (where.targetId !== undefined) add('target_id = ?', where.targetId);
      if (where.states)
        add(`state IN (${where.states.map(() => '?').join(', ')})`, ...where.states);
      if (where.refName !== undefined) add('ref_name = ?', where.refName);
      if (where.causedBy !== undefined) add('caused_by = ?', where.causedBy);
      if (page.before !== undefined) add('id < ?', page.before);
      return deployments.select(sql, `${conditions.join(' AND ')} ORDER BY id DESC LIMIT ?`, [
        ...values,
        page.limit,
      ]);
    },
    nextQueued: (targetId) =>
      deployments.one(sql, `target_id = ? AND state = 'queued' ORDER BY slot_since, id`, [
        targetId,
      ]),
    newestOfSlot: (targetId, slot, except) =>
      deployments.one(
        sql,
        `target_id = ? AND slot = ? AND id <> ? AND state <> 'superseded' ORDER BY id DESC`,
        [targetId, slot, except],
      ),
    async waitersOf(ids) {
      if (ids.length === 0) return [];
      const marks = ids.map(() => '?').join(', ');
      return deployments.select(sql, `waits_for IN (${marks}) ORDER BY id`, ids);
    },
    insert: (rows) => deployments.insert(sql, rows),
    async remove(id) {
      await sql.run(`DELETE FROM deployments WHERE id = ? AND started_at IS NULL`, [id]);
    },
    async supersedeQueued(targetId, slot, byCommit, now) {
      const superseded = await deployments.select(
        sql,
        `target_id = ? AND slot = ? AND state = 'queued' AND pending_checks NOT LIKE '%"head"%' ORDER BY id`,
        [targetId, slot],
      );
      for (const { id } of superseded) {
        await deployments.update(
          sql,
          { state: 'superseded', supersededBy: byCommit, finishedAt: now, updatedAt: now },
          'id = ?',
          [id],
        );
      }
      return superseded;
    },
    async update(id, patch) {
      await deployments.update(sql, patch, 'id = ?', [id]);
    },
  };
}

export function attemptStore(sql: Sql): AttemptReads & AttemptWrites {
  return {
    ofDeployment: (deploymentId) =>
      attempts.select(sql, 'deployment_id = ? ORDER BY id', [deploymentId]),
    insert: (attempt) => attempts.insert(sql, [attempt]),
    async finish(id, patch) {
      await attempts.update(sql, patch, 'id = ?', [id]);
    },
  };
}
