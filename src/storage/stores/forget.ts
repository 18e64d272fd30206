import type { RetentionReads, RetentionWrites } from '../../core/care.js';
import type { Sql } from '../sql.js';
import { forgetNotices } from './notice-channels.js';
import { deleteDeployments, deleteRefChanges, deleteSome, idsOf } from './delete-rows.js';

type Forget = Pick<RetentionReads, 'abandonedWorkspaces'> &
  Pick<RetentionWrites, 'deleteRepository' | 'deleteWorkspace'>;

/** Found at the front of an index, deleted, and the next ones are at the front: no slice walks over what is gone. */
const atOnce = 100;

/** The id that `core/routing/same-push.ts` gives to our own look at a repository. */
const reconcileSource = `'reconcile-' || repositories.id`;

const sourcesOfWorkspace = `
  SELECT sources.id FROM sources JOIN installations ON installations.id = sources.installation_id
  WHERE installations.workspace_uuid = ?
  UNION SELECT ${reconcileSource} FROM repositories WHERE workspace_uuid = ?
  UNION SELECT hooks.source_id FROM hooks JOIN repositories ON repositories.id = hooks.repository_id
  WHERE repositories.workspace_uuid = ?`;

/** Of all sources that speak for the workspace's installations and repositories. */
export function sourceIdsOf(sql: Sql, workspaceUuid: string): Promise<string[]> {
  return idsOf(sql, sourcesOfWorkspace, [workspaceUuid, workspaceUuid, workspaceUuid]);
}

export function forgetStore(sql: Sql): Forget {
  return {
    async abandonedWorkspaces(removedBefore, limit) {
      const rows = await sql.all<{ uuid: string; removed_at: number }>(
        `SELECT workspace_uuid AS uuid, max(updated_at) AS removed_at FROM installations
         GROUP BY workspace_uuid
         HAVING sum(CASE WHEN state = 'removed' THEN 0 ELSE 1 END) = 0 AND max(updated_at) < ?
           AND NOT EXISTS (SELECT 1 FROM hooks JOIN repositories ON repositories.id = hooks.repository_id
             WHERE repositories.workspace_uuid = installations.workspace_uuid AND hooks.state = 'active')
           AND (EXISTS (SELECT 1 FROM repositories WHERE repositories.workspace_uuid = installations.workspace_uuid)
             OR EXISTS (SELECT 1 FROM workspaces WHERE workspaces.uuid = installations.workspace_uuid))
         ORDER BY max(updated_at) LIMIT ?`,
        [removedBefore, limit],
      );
      return rows.map(({ uuid, removed_at }) => ({ uuid, removedAt: Number(removed_at) }));
    },

    async deleteRepository(repositoryId, maxRows) {
      const deployments = await idsOf(
        sql,
        'SELECT id FROM deployments WHERE repository_id = ? ORDER BY id LIMIT ?',
        [repositoryId, atOnce],
      );
      if (deployments.length > 0) return deleteDeployments(sql, deployments, maxRows);
      const changes = await idsOf(
        sql,
        'SELECT id FROM ref_changes WHERE repository_id = ? ORDER BY id LIMIT ?',
        [repositoryId, atOnce],
      );
      if (changes.length > 0) return deleteRefChanges(sql, changes, maxRows);
      const hookSources = await idsOf(
        sql,
        'SELECT source_id AS id FROM hooks WHERE repository_id = ?',
        [repositoryId],
      );
      const ownSources = [`reconcile-${repositoryId}`, ...hookSources];
      for (const source of ownSources) {
        const events = await deleteEventsOf(sql, source, maxRows);
        if (events > 0) return events;
      }
      const refs = await sql.run(
        'DELETE FROM refs WHERE id IN (SELECT id FROM refs WHERE repository_id = ? LIMIT ?)',
        [repositoryId, maxRows],
      );
      if (refs > 0) return refs;
      const [lanes, targets] = [
        await sql.run('DELETE FROM lanes WHERE repository_id = ?', [repositoryId]),
        await sql.run('DELETE FROM targets WHERE repository_id = ?', [repositoryId]),
      ];
      const hooks = await deleteSome(sql, 'hooks', 'repository_id', [repositoryId]);
      const sources = await deleteSome(sql, 'sources', 'id', ownSources);
      const row = await deleteSome(sql, 'repositories', 'id', [repositoryId]);
      return lanes + targets + hooks + sources + row;
    },

    async deleteWorkspace(workspaceUuid, maxRows) {
      const sources = await sourceIdsOf(sql, workspaceUuid);
      for (const source of sources) {
        const events = await deleteEventsOf(sql, source, maxRows);
        if (events > 0) return events;
      }
      const gone =
        (await deleteSome(sql, 'sources', 'id', sources)) +
        (await deleteSome(sql, 'connections', 'workspace_uuid', [workspaceUuid])) +
        (await deleteSome(sql, 'audit_entries', 'workspace_uuid', [workspaceUuid])) +
        (await deleteSome(sql, 'person_names', 'workspace_uuid', [workspaceUuid])) +
        (await forgetNotices(sql, workspaceUuid));
      const nameless = await sql.run(
        'UPDATE installations SET installed_by = NULL WHERE workspace_uuid = ? AND installed_by IS NOT NULL',
        [workspaceUuid],
      );
      return gone + nameless + (await deleteSome(sql, 'workspaces', 'uuid', [workspaceUuid]));
    },
  };
}

function deleteEventsOf(sql: Sql, sourceId: string, maxRows: number): Promise<number> {
  return sql.run(
    'DELETE FROM events WHERE id IN (SELECT id FROM events WHERE source_id = ? LIMIT ?)',
    [sourceId, maxRows],
  );
}
