import type {
  AttemptReads,
  AttemptWrites,
  DeploymentReads,
  DeploymentWrites,
} from '../../core/ports.js';
import { attempts, deployments } from '../models/index.js';
import { listOf, type Sql, type SqlValue } from '../sql.js';
import { columnName } from '../table.js';

/** Not those whose ref must be looked at first: they may be the older ones. */
const queuedInSlot = `target_id = ? AND slot = ? AND state = 'queued' AND pending_checks NOT LIKE '%"head"%'`;

export function deploymentStore(sql: Sql): DeploymentReads & DeploymentWrites {
  return {
    byId: (id) => deployments.one(sql, 'id = ?', [id]),
    async byIds(ids) {
      if (ids.length === 0) return [];
      const { marks, values } = listOf(ids);
      return deployments.select(sql, `id IN (${marks})`, values);
    },
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
    async nextQueued(targetIds) {
      if (targetIds.length === 0) return [];
      const [only, ...more] = targetIds;
      const first = `state = 'queued' ORDER BY slot_since, id`;
      if (more.length === 0) {
        const found = await deployments.one(sql, `target_id = ? AND ${first}`, [only ?? '']);
        return found ? [found] : [];
      }
      const { marks, values } = listOf(targetIds);
      const rows = await sql.all<Record<string, SqlValue>>(
        `SELECT * FROM (
           SELECT *, row_number() OVER (PARTITION BY target_id ORDER BY slot_since, id) AS place
           FROM deployments WHERE state = 'queued' AND target_id IN (${marks})) AS queued
         WHERE place = 1`,
        values,
      );
      return rows.map((row) => deployments.read(row));
    },
    async targetsWithQueued(targetIds) {
      if (targetIds.length === 0) return new Set();
      const { marks, values } = listOf(targetIds);
      const rows = await sql.all<{ target_id: string }>(
        `SELECT DISTINCT target_id FROM deployments WHERE state = 'queued' AND target_id IN (${marks})`,
        values,
      );
      return new Set(rows.map(({ target_id: id }) => id));
    },
    newestOfSlot: (targetId, slot, except) =>
      deployments.one(
        sql,
        `target_id = ? AND slot = ? AND id <> ? AND state <> 'superseded' ORDER BY id DESC`,
        [targetId, slot, except],
      ),
    lastOfSlot(targetId, slot, except) {
      const { marks, values } = listOf(except.length === 0 ? [''] : except);
      return deployments.one(
        sql,
        `target_id = ? AND slot = ? AND state <> 'superseded' AND id NOT IN (${marks})
         ORDER BY CASE WHEN state IN ('queued', 'waiting') THEN 0 ELSE 1 END,
           COALESCE(started_at, created_at) DESC, id DESC`,
        [targetId, slot, ...values],
      );
    },
    newestQueued: (targetId, slot) =>
      deployments.one(sql, `${queuedInSlot} ORDER BY id DESC`, [targetId, slot]),
    async waitersOf(ids) {
      if (ids.length === 0) return [];
      const { marks, values } = listOf(ids);
      return deployments.select(sql, `waits_for IN (${marks}) ORDER BY id`, values);
    },
    insert: (rows) => deployments.insert(sql, rows),
    async remove(id) {
      await sql.run(`DELETE FROM deployments WHERE id = ? AND started_at IS NULL`, [id]);
    },
    async supersedeQueued(targetId, slot, byCommit, now) {
      const superseded = await deployments.select(sql, `${queuedInSlot} ORDER BY id`, [
        targetId,
        slot,
      ]);
      const end = { supersededBy: byCommit, finishedAt: now, updatedAt: now } as const;
      await deployments.updateMany(
        sql,
        'id',
        superseded.map(({ id }) => ({ id, patch: { ...end, state: 'superseded' } })),
      );
      return superseded;
    },
    async update(id, patch) {
      await deployments.update(sql, patch, 'id = ?', [id]);
    },
    updateMany: (changes) => deployments.updateMany(sql, 'id', changes),
  };
}

export function attemptStore(sql: Sql): AttemptReads & AttemptWrites {
  return {
    ofDeployment: (deploymentId) =>
      attempts.select(sql, 'deployment_id = ? ORDER BY id', [deploymentId]),
    async ofDeployments(ids) {
      if (ids.length === 0) return [];
      const { marks, values } = listOf(ids);
      const rows = await sql.all<Record<string, SqlValue>>(
        `SELECT ${lightColumns} FROM attempts WHERE deployment_id IN (${marks}) ORDER BY id`,
        values,
      );
      return rows.map((row) => attempts.read(row));
    },
    insert: (rows) => attempts.insert(sql, rows),
    finish: (finished) =>
      attempts.updateMany(
        sql,
        'id',
        finished.map(({ id, finishedAt, outcome, detail, exchanges }) => ({
          id,
          patch: { finishedAt, outcome, detail, exchanges },
        })),
      ),
  };
}

const lightColumns = attempts.fields
  .filter((field) => field !== 'exchanges')
  .map((field) => `"${columnName(field)}"`)
  .join(', ');
