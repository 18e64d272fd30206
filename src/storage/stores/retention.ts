import type {
  DeploymentLimits,
  KeptDeployments,
  RetentionReads,
  RetentionWrites,
  SpentPage,
  Walk,
} from '../../core/care.js';
import { repositories, targets } from '../models/index.js';
import type { Sql, SqlValue } from '../sql.js';
import { deleteDeployments, deleteRefChanges, deleteSome, idsOf, marksFor } from './delete-rows.js';
import { forgetStore } from './forget.js';

const over = `state IN ('live', 'failed', 'stopped', 'superseded', 'handed_off')`;
/** Not every end was given a time of its own. */
const endedAt = 'coalesce(finished_at, updated_at)';

/** Greater than every ULID. */
const behindAll = 'Z'.repeat(26);

/** With their attempts and reports a handful of deployments fills a slice. */
const deploymentsPerSlice = 100;

export function retentionStore(sql: Sql): RetentionReads & RetentionWrites {
  return {
    ...forgetStore(sql),
    targets: (after, limit) => targets.select(sql, 'id > ? ORDER BY id LIMIT ?', [after, limit]),
    keptDeployments: (target, limits) => keptDeployments(sql, target, limits),
    hasSpentDeployments: async (targetId, kept, limits) =>
      (await spentDeployments(sql, targetId, kept, limits, 1)).length > 0,
    spentRefChanges: (walk) => spentRefChanges(sql, walk),
    spentEvents: (walk) => spentEvents(sql, walk),
    repositoriesOf: (workspaceUuid) =>
      repositories.select(sql, 'workspace_uuid = ? ORDER BY id', [workspaceUuid]),
    everyTargetOf: (repositoryId) =>
      targets.select(sql, 'repository_id = ? ORDER BY id', [repositoryId]),
    pruneDeployments: async (targetId, kept, limits, maxRows) => {
      const ids = await spentDeployments(sql, targetId, kept, limits, deploymentsPerSlice);
      return deleteDeployments(sql, ids, maxRows);
    },
    deleteRefChanges: (ids, maxRows) => deleteRefChanges(sql, ids, maxRows),
    deleteEvents: (ids) => deleteSome(sql, 'events', 'id', ids),
    async deleteRemovedTarget(targetId) {
      const gone = await sql.run(
        `DELETE FROM targets WHERE id = ? AND state = 'removed'
           AND NOT EXISTS (SELECT 1 FROM deployments WHERE target_id = ?)
           AND NOT EXISTS (SELECT 1 FROM lanes WHERE target_id = ? AND lease_owner IS NOT NULL)`,
        [targetId, targetId, targetId],
      );
      if (gone === 0) return 0;
      return gone + (await sql.run('DELETE FROM lanes WHERE target_id = ?', [targetId]));
    },
  };
}

async function keptDeployments(
  sql: Sql,
  target: { id: string; liveDeploymentId: string | null },
  limits: DeploymentLimits,
): Promise<KeptDeployments> {
  const nth = async (place: number): Promise<string | null> => {
    const found = await idsOf(
      sql,
      'SELECT id FROM deployments WHERE target_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?',
      [target.id, place],
    );
    return found[0] ?? null;
  };
  const live = await idsOf(
    sql,
    `SELECT id FROM deployments WHERE target_id = ? AND state = 'live' ORDER BY id DESC LIMIT ?`,
    [target.id, limits.keepLive],
  );
  // What brought an earlier release back is nothing without that release.
  const rolledBackTo = await idsOf(
    sql,
    'SELECT DISTINCT rollback_of AS id FROM deployments WHERE target_id = ? AND rollback_of IS NOT NULL',
    [target.id],
  );
  const newestId = (await nth(0)) ?? '';
  return {
    newestId,
    byAge: limits.keepNewest === 0 ? behindAll : await nth(limits.keepNewest - 1),
    byCount: await nth(limits.mostPerTarget - 1),
    ids: [...new Set([...live, ...rolledBackTo])],
  };
}

async function spentDeployments(
  sql: Sql,
  targetId: string,
  kept: KeptDeployments,
  limits: DeploymentLimits,
  limit: number,
): Promise<string[]> {
  const { newestId, byAge, byCount, ids } = kept;
  if (byAge === null && byCount === null) return [];
  return idsOf(
    sql,
    `SELECT id FROM deployments AS old
     WHERE target_id = ? AND ${over} AND ${endedAt} < ?
       AND ((id < ? AND ${endedAt} < ?) OR id < ?)
       AND id NOT IN (SELECT live_deployment_id FROM targets WHERE id = ? AND live_deployment_id IS NOT NULL)
       AND id NOT IN (${marksFor(ids) || "''"})
       AND NOT EXISTS (SELECT 1 FROM deployments WHERE target_id = old.target_id AND id > ? AND rollback_of = old.id)
       AND NOT EXISTS (SELECT 1 FROM status_reports WHERE deployment_id = old.id AND due_at IS NOT NULL)
     ORDER BY id LIMIT ?`,
    [
      targetId,
      limits.settledBefore,
      byAge ?? '',
      limits.endedBefore,
      byCount ?? '',
      targetId,
      ...ids,
      newestId,
      limit,
    ],
  );
}

/** A ref that is gone needs nothing; of one that is there, what says how it came to stand where it stands is kept. */
const standsThere = `EXISTS (
  SELECT 1 FROM refs WHERE refs.repository_id = old.repository_id AND refs.ref_type = old.ref_type
    AND refs.name = old.name AND refs.head IS NOT NULL
    AND (refs.head = old."to" OR NOT EXISTS (
      SELECT 1 FROM ref_changes AS newer WHERE newer.repository_id = old.repository_id AND newer.id > old.id
        AND newer.ref_type = old.ref_type AND newer.name = old.name AND newer.move_key <> old.move_key)))`;

const moveIsKept = `EXISTS (
  SELECT 1 FROM ref_changes AS copy WHERE copy.move_key = old.move_key AND (copy.created_at >= ? OR EXISTS (
    SELECT 1 FROM decisions JOIN deployments ON deployments.id = decisions.deployment_id
    WHERE decisions.ref_change_id = copy.id)))`;

function spentRefChanges(sql: Sql, { after, limit, before }: Walk): Promise<SpentPage> {
  return walked(
    sql,
    `SELECT id, created_at AS at, CASE WHEN ${standsThere} OR ${moveIsKept} THEN 1 ELSE 0 END AS needed
     FROM ref_changes AS old WHERE id > ? ORDER BY id LIMIT ?`,
    [before, after, limit],
    before,
    limit,
  );
}

function spentEvents(sql: Sql, { after, limit, before }: Walk): Promise<SpentPage> {
  return walked(
    sql,
    `SELECT id, received_at AS at,
       CASE WHEN EXISTS (SELECT 1 FROM ref_changes WHERE event_id = old.id) THEN 1 ELSE 0 END AS needed
     FROM events AS old WHERE id > ? ORDER BY id LIMIT ?`,
    [after, limit],
    before,
    limit,
  );
}

/** Ids grow with time, so the walk is over at the first row that is young enough to stay. */
async function walked(
  sql: Sql,
  text: string,
  values: readonly SqlValue[],
  before: number,
  limit: number,
): Promise<SpentPage> {
  const rows = await sql.all<{ id: string; at: number; needed: number }>(text, values);
  const firstYoung = rows.findIndex(({ at }) => Number(at) >= before);
  const old = firstYoung === -1 ? rows : rows.slice(0, firstYoung);
  const isEnd = firstYoung !== -1 || rows.length < limit;
  return {
    ids: old.filter(({ needed }) => Number(needed) === 0).map(({ id }) => id),
    next: isEnd ? null : (old.at(-1)?.id ?? null),
  };
}
