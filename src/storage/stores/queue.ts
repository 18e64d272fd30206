import type { ClaimedLane, LaneLease } from '../../core/model/index.js';
import type { LaneReads, LaneWrites, StatusReportWrites } from '../../core/ports.js';
import { lanes, statusReports } from '../models/index.js';
import { listOf, type Sql, type SqlValue } from '../sql.js';
import { valuesOf } from '../table.js';

/** Of one commit and key, only the oldest waiting report may go: INPROGRESS must not arrive after its own end. */
const isOldest = `NOT EXISTS (
  SELECT 1 FROM status_reports AS older WHERE older.due_at IS NOT NULL
    AND older."commit" = due."commit" AND older."key" = due."key" AND older.id < due.id)`;

const keyTypes = ['TEXT', 'TEXT', 'BIGINT'] as const;
const heldByChange =
  'lanes.target_id = change.target_id AND lanes.lease_owner = change.owner AND lanes.fencing = change.fencing';

export function laneStore(sql: Sql): LaneReads & LaneWrites {
  return {
    byTarget: (targetId) => lanes.one(sql, 'target_id = ?', [targetId]),
    async nextDue() {
      const [row] = await sql.all<{ due: number | null }>(
        `SELECT min(due) AS due FROM (
           SELECT min(CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END) AS due FROM lanes WHERE due_at IS NOT NULL
           UNION ALL SELECT min(due_at) FROM status_reports AS due WHERE due_at IS NOT NULL AND ${isOldest}
           UNION ALL SELECT min(due_at) FROM name_lookups
           UNION ALL SELECT min(reconcile_due_at) FROM repositories WHERE state = 'active') AS waiting`,
      );
      return row?.due === null || row?.due === undefined ? null : Number(row.due);
    },
    async create(lane) {
      const idle = { dueAt: null, leaseOwner: null, leaseUntil: null, currentDeploymentId: null };
      await lanes.insert(
        sql,
        [{ ...lane, ...idle, fencing: 0, wakeCount: 0, failures: 0, node: null }],
        'ON CONFLICT (target_id) DO NOTHING',
      );
    },
    async wake(targetIds, at, options) {
      if (targetIds.length === 0) return;
      const afresh = options?.afresh ? ', failures = 0' : '';
      const { marks, values } = listOf(targetIds);
      await sql.run(
        `UPDATE lanes SET wake_count = wake_count + 1${afresh},
           due_at = CASE WHEN due_at IS NULL OR due_at > ? THEN ? ELSE due_at END
         WHERE target_id IN (${marks})`,
        [at, at, ...values],
      );
    },
    async claim(limit, now, leaseMs, owner, servedLately = [], node = null) {
      const places = servedLately.map((_, place) => `WHEN ? THEN ${place + 1}`).join(' ');
      const place = places === '' ? '' : `CASE workspace_uuid ${places} ELSE 0 END,`;
      const mine = node === null ? '' : 'AND (node IS NULL OR node = ?)';
      const rows = await sql.all<Record<string, SqlValue>>(
        `UPDATE lanes SET lease_owner = ?, lease_until = ?, fencing = fencing + 1
         WHERE target_id IN (
           SELECT target_id FROM (
             SELECT target_id, workspace_uuid, due_at,
               row_number() OVER (PARTITION BY workspace_uuid ORDER BY due_at) AS turn
             FROM lanes WHERE due_at <= ? AND (lease_until IS NULL OR lease_until <= ?) ${mine}) AS due
           ORDER BY turn, ${place} due_at LIMIT ?)
         RETURNING *`,
        [owner, now + leaseMs, now, now, ...(node === null ? [] : [node]), ...servedLately, limit],
      );
      return rows.map((row): ClaimedLane => {
        const { targetId, workspaceUuid, fencing, wakeCount, ...lane } = lanes.read(row);
        const { repositoryId, currentDeploymentId, failures, node: bound } = lane;
        const lease = { targetId, workspaceUuid, owner, fencing, wakeCount };
        return { lease, repositoryId, currentDeploymentId, failures, node: bound };
      });
    },
    async bind(targetIds, node) {
      if (targetIds.length === 0) return;
      const { marks, values } = listOf(targetIds);
      await sql.run(`UPDATE lanes SET node = ? WHERE target_id IN (${marks})`, [node, ...values]);
    },
    async renew(leases, until) {
      if (leases.length === 0) return [];
      const { text, values } = valuesOf(leases.map(keyOf), keyTypes);
      const rows = await sql.all<{ target_id: string }>(
        `WITH change (target_id, owner, fencing) AS (${text})
         UPDATE lanes SET lease_until = ? FROM change WHERE ${heldByChange} RETURNING lanes.target_id`,
        [...values, until],
      );
      const held = new Set(rows.map(({ target_id: id }) => id));
      return leases.map(({ targetId }) => targetId).filter((id) => !held.has(id));
    },
    async holds(lease, now) {
      const rows = await sql.all(
        `SELECT 1 FROM lanes
         WHERE target_id = ? AND lease_owner = ? AND fencing = ? AND lease_until > ?`,
        [...keyOf(lease), now],
      );
      return rows.length > 0;
    },
    async settle(changes, now) {
      if (changes.length === 0) return new Map();
      const { text, values } = valuesOf(
        changes.map(({ lease, dueAt, currentDeploymentId, failures }) => [
          ...keyOf(lease),
          lease.wakeCount,
          dueAt,
          currentDeploymentId,
          failures,
        ]),
        [...keyTypes, 'BIGINT', 'BIGINT', 'TEXT', 'BIGINT'],
      );
      // Woken since the claim: there is news, and whatever failed before counts no more.
      const rows = await sql.all<{ target_id: string; due_at: number | null }>(
        `WITH change (target_id, owner, fencing, wake_count, due_at, current_deployment_id, failures) AS (${text})
         UPDATE lanes SET lease_owner = NULL, lease_until = NULL,
           current_deployment_id = change.current_deployment_id,
           failures = CASE WHEN lanes.wake_count > change.wake_count THEN 0 ELSE change.failures END,
           due_at = CASE WHEN lanes.wake_count > change.wake_count THEN CAST(? AS BIGINT) ELSE change.due_at END
         FROM change WHERE ${heldByChange} AND lanes.lease_until > ? RETURNING lanes.target_id, lanes.due_at`,
        [...values, now, now],
      );
      return new Map(
        rows.map(({ target_id: id, due_at: at }) => [id, at === null ? null : Number(at)]),
      );
    },
    async wakeWorkspace(workspaceUuid, now) {
      await sql.run(
        'UPDATE lanes SET due_at = ?, wake_count = wake_count + 1 WHERE workspace_uuid = ? AND due_at > ?',
        [now, workspaceUuid, now],
      );
    },
    async setCurrent(changes) {
      const patches = changes.map(({ targetId, currentDeploymentId }) => ({
        id: targetId,
        patch: { currentDeploymentId },
      }));
      await lanes.updateMany(sql, 'targetId', patches);
    },
    takeOverAll: (now) =>
      sql.run(
        `UPDATE lanes SET lease_owner = NULL, lease_until = NULL, due_at = ?
         WHERE lease_owner IS NOT NULL OR current_deployment_id IS NOT NULL`,
        [now],
      ),
  };
}

function keyOf(lease: LaneLease): SqlValue[] {
  return [lease.targetId, lease.owner, lease.fencing];
}

export function statusReportStore(sql: Sql): StatusReportWrites {
  return {
    insert: (reports) => statusReports.insert(sql, reports),
    latestOf: (deploymentId) =>
      statusReports.one(sql, 'deployment_id = ? ORDER BY id DESC', [deploymentId]),
    async wakeWorkspace(workspaceUuid, now) {
      await sql.run(
        `UPDATE status_reports SET due_at = ? WHERE due_at > ? AND repository_id IN (
           SELECT id FROM repositories WHERE workspace_uuid = ?)`,
        [now, now, workspaceUuid],
      );
    },
    async wakeAll(now) {
      await sql.run('UPDATE status_reports SET due_at = ? WHERE due_at > ?', [now, now]);
    },
    async claimDue(limit, now, until) {
      const claimed = await sql.all<Record<string, SqlValue>>(
        `UPDATE status_reports SET due_at = ?
         WHERE id IN (
           SELECT id FROM status_reports AS due WHERE due_at <= ? AND ${isOldest}
           ORDER BY due_at, id LIMIT ?)
         RETURNING *`,
        [until, now, limit],
      );
      return claimed.map((row) => statusReports.read(row));
    },
    async hasNewer(report) {
      const newer = await statusReports.one(
        sql,
        '"commit" = ? AND "key" = ? AND id > ? AND due_at IS NOT NULL',
        [report.commit, report.key, report.id],
      );
      return newer !== null;
    },
    settle: (changes) => statusReports.updateMany(sql, 'id', changes),
  };
}
