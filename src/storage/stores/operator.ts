import type {
  DeliveryFilter,
  DeliveryRow,
  OperatorReads,
  RepositoryRows,
} from '../../core/care.js';
import {
  attempts,
  backendReports,
  connections,
  decisions,
  deployments,
  events,
  installations,
  personNames,
  refChanges,
  refs,
  statusReports,
  workspaces,
} from '../models/index.js';
import type { Sql, SqlValue } from '../sql.js';
import type { Table } from '../table.js';
import { idsOf, marksFor } from './delete-rows.js';
import { sourceIdsOf } from './forget.js';

const tables = { refs, refChanges, deployments } as const;

const isOpen = `one.state IN ('queued', 'building', 'deploying', 'unknown')`;

const joined = `SELECT one.*, repositories.full_name AS of_repository, targets.name AS of_target,
    targets.backend AS of_backend, workspaces.slug AS of_workspace,
    CASE WHEN ${isOpen} THEN lanes.due_at END AS next_try_at,
    (SELECT count(*) FROM attempts WHERE attempts.deployment_id = one.id) AS tries
  FROM deployments AS one
  LEFT JOIN repositories ON repositories.id = one.repository_id
  LEFT JOIN workspaces ON workspaces.uuid = repositories.workspace_uuid
  LEFT JOIN targets ON targets.id = one.target_id
  LEFT JOIN lanes ON lanes.target_id = one.target_id`;

export function operatorStore(sql: Sql): OperatorReads {
  const select = async (tail: string, values: readonly SqlValue[]): Promise<DeliveryRow[]> => {
    const rows = await sql.all<Record<string, SqlValue>>(`${joined} ${tail}`, values);
    return rows.map(deliveryRow);
  };
  return {
    async workload(now) {
      const [lanes] = await sql.all<Record<string, number | null>>(
        `SELECT sum(CASE WHEN lease_until > ? THEN 1 ELSE 0 END) AS running,
           sum(CASE WHEN (lease_until IS NULL OR lease_until <= ?) AND due_at <= ? THEN 1 ELSE 0 END) AS due,
           sum(CASE WHEN (lease_until IS NULL OR lease_until <= ?) AND due_at > ? THEN 1 ELSE 0 END) AS waiting
         FROM lanes WHERE due_at IS NOT NULL OR lease_until IS NOT NULL`,
        [now, now, now, now, now],
      );
      const [owed] = await sql.all<{ owed: number }>(
        'SELECT count(*) AS owed FROM status_reports WHERE due_at IS NOT NULL',
      );
      return {
        lanesDue: Number(lanes?.['due'] ?? 0),
        lanesRunning: Number(lanes?.['running'] ?? 0),
        lanesWaiting: Number(lanes?.['waiting'] ?? 0),
        statusesOwed: Number(owed?.owed ?? 0),
      };
    },
    deliveries(filter, limit) {
      const { conditions, values } = conditionsOf(filter);
      const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
      return select(`${where} ORDER BY one.id DESC LIMIT ?`, [...values, limit]);
    },
    delivery: async (id) => (await select('WHERE one.id = ?', [id]))[0] ?? null,
    async deadLetters({ since, targetId, repositoryId, workspaceUuid }, limit) {
      const places: [string, string | undefined][] = [
        ['AND targets.id = ?', targetId],
        ['AND targets.repository_id = ?', repositoryId],
        [
          'AND targets.repository_id IN (SELECT id FROM repositories WHERE workspace_uuid = ?)',
          workspaceUuid,
        ],
      ];
      const asked = places.filter(([, value]) => value !== undefined);
      // From the targets on: behind what is live there, there is little to look at, however long the history grows.
      const found = await idsOf(
        sql,
        `SELECT one.id FROM targets
         JOIN deployments AS one ON one.target_id = targets.id AND one.id > coalesce(targets.live_deployment_id, '')
         WHERE targets.state <> 'removed' ${asked.map(([condition]) => condition).join(' ')}
           AND one.state = 'failed' AND one.cause <> 'rollback' AND coalesce(one.finished_at, one.updated_at) >= ?
           AND NOT EXISTS (
             SELECT 1 FROM deployments AS newer WHERE newer.target_id = one.target_id AND newer.slot = one.slot
               AND newer.id > one.id AND newer.state <> 'superseded')
         ORDER BY one.id LIMIT ?`,
        [...asked.map(([, value]) => value ?? ''), since, limit],
      );
      return found.map((id) => ({ id }));
    },
    statusReports: (ids) => among(sql, statusReports, 'deployment_id', ids, 'id'),
    attempts: (ids) => among(sql, attempts, 'deployment_id', ids, 'id'),
    backendReports: (ids) => among(sql, backendReports, 'deployment_id', ids, 'deployment_id'),
    decisions: (ids) => among(sql, decisions, 'ref_change_id', ids, 'ref_change_id, target_id'),
    workspaceOf: (uuid) => workspaces.one(sql, 'uuid = ?', [uuid]),
    connectionsOf: (uuid) => connections.select(sql, 'workspace_uuid = ? ORDER BY id', [uuid]),
    personNamesOf: (uuid) =>
      personNames.select(sql, 'workspace_uuid = ? ORDER BY person_uuid', [uuid]),
    installationsOf: (uuid) => installations.select(sql, 'workspace_uuid = ? ORDER BY id', [uuid]),
    sourceIdsOf: (uuid) => sourceIdsOf(sql, uuid),
    eventsOfSource: (sourceId, after, limit) =>
      events.select(sql, 'source_id = ? AND delivery_id > ? ORDER BY delivery_id LIMIT ?', [
        sourceId,
        after,
        limit,
      ]),
    rowsOf<Kind extends keyof RepositoryRows>(
      kind: Kind,
      repositoryId: string,
      after: string,
      limit: number,
    ): Promise<RepositoryRows[Kind][]> {
      const table = tables[kind] as unknown as Table<RepositoryRows[Kind]>;
      return table.select(sql, 'repository_id = ? AND id > ? ORDER BY id LIMIT ?', [
        repositoryId,
        after,
        limit,
      ]);
    },
  };
}

function among<Row extends object>(
  sql: Sql,
  table: Table<Row>,
  column: string,
  values: readonly string[],
  order: string,
): Promise<Row[]> {
  if (values.length === 0) return Promise.resolve([]);
  return table.select(sql, `${column} IN (${marksFor(values)}) ORDER BY ${order}`, values);
}

function conditionsOf(filter: DeliveryFilter): { conditions: string[]; values: SqlValue[] } {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  const add = (condition: string, ...more: readonly SqlValue[]): void => {
    conditions.push(condition);
    values.push(...more);
  };
  const { states, workspaceSlug, repositoryFullName, targetId } = filter;
  if (states) add(`one.state IN (${marksFor(states)})`, ...states);
  if (workspaceSlug !== undefined) add('workspaces.slug = ?', workspaceSlug);
  if (repositoryFullName !== undefined) add('repositories.full_name = ?', repositoryFullName);
  if (targetId !== undefined) add('one.target_id = ?', targetId);
  return { conditions, values };
}

function deliveryRow(raw: Record<string, SqlValue>): DeliveryRow {
  const text = (name: string): string | null => {
    const value = raw[name] ?? null;
    return value === null ? null : String(value);
  };
  const nextTryAt = raw['next_try_at'] ?? null;
  return {
    deployment: deployments.read(raw),
    workspace: text('of_workspace'),
    repository: text('of_repository'),
    target: text('of_target'),
    backend: text('of_backend'),
    attempts: Number(raw['tries'] ?? 0),
    nextTryAt: nextTryAt === null ? null : Number(nextTryAt),
  };
}
