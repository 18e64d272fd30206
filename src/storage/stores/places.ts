import type {
  Door,
  Installation,
  Repository,
  RepositoryFacts,
  Source,
  Workspace,
} from '../../core/model/index.js';
import type {
  InstallationReads,
  InstallationWrites,
  RepositoryReads,
  RepositoryWrites,
} from '../../core/ports.js';
import { installations, lanes, repositories, sources, workspaces } from '../models/index.js';
import { listOf, type Sql, type SqlValue } from '../sql.js';

export function installationStore(sql: Sql): InstallationReads & InstallationWrites {
  return {
    find: (door: Door, externalId: string): Promise<Installation | null> =>
      installations.one(sql, 'door = ? AND external_id = ?', [door, externalId]),
    byId: (id) => installations.one(sql, 'id = ?', [id]),
    ofWorkspace: (workspaceUuid) =>
      installations.select(sql, `workspace_uuid = ? AND state = 'active' ORDER BY id DESC`, [
        workspaceUuid,
      ]),
    source: (door: Source['door'], key: string): Promise<Source | null> =>
      sources.one(sql, 'door = ? AND "key" = ?', [door, key]),
    save: (installation) =>
      installations.insert(
        sql,
        [installation],
        `ON CONFLICT (id) DO UPDATE SET workspace_uuid = excluded.workspace_uuid, state = excluded.state,
         secret_sealed = excluded.secret_sealed, installed_by = excluded.installed_by, updated_at = excluded.updated_at`,
      ),
    saveSource: (source) =>
      sources.insert(
        sql,
        [source],
        'ON CONFLICT (door, "key") DO UPDATE SET installation_id = excluded.installation_id',
      ),
  };
}

export function repositoryStore(sql: Sql, newId: () => string): RepositoryReads & RepositoryWrites {
  const byUuid = (uuid: string): Promise<Repository | null> =>
    repositories.one(sql, 'uuid = ?', [uuid]);
  return {
    byUuid,
    ofWorkspace: (workspaceUuid) =>
      repositories.select(sql, `workspace_uuid = ? AND state = 'active' ORDER BY full_name`, [
        workspaceUuid,
      ]),
    byId: (id) => repositories.one(sql, 'id = ?', [id]),
    using: (workspaceUuid, { search, after, limit }) =>
      repositories.select(
        sql,
        `workspace_uuid = ? AND state = 'active' AND full_name > ? AND lower(full_name) LIKE ? ESCAPE '!'
         AND (EXISTS (SELECT 1 FROM targets WHERE targets.repository_id = repositories.id AND targets.state <> 'removed')
           OR EXISTS (SELECT 1 FROM hooks WHERE hooks.repository_id = repositories.id AND hooks.state = 'active'))
         ORDER BY full_name LIMIT ?`,
        [workspaceUuid, after, `%${search.toLowerCase().replace(/[!%_]/g, '!$&')}%`, limit],
      ),
    async byIds(ids) {
      if (ids.length === 0) return [];
      const { marks, values } = listOf(ids);
      return repositories.select(sql, `id IN (${marks})`, values);
    },
    workspace: (uuid): Promise<Workspace | null> => workspaces.one(sql, 'uuid = ?', [uuid]),
    async saveFacts(facts, workspaceUuid, now) {
      const { workspaceSlug: slug, workspaceName: workspace } = facts;
      await saveWorkspace(sql, { uuid: workspaceUuid, slug, name: workspace, updatedAt: now });
      const known = await byUuid(facts.uuid);
      if (known && !factsDiffer(known, facts, workspaceUuid)) return known;
      const row = merged(known, facts, workspaceUuid, now, newId);
      if (known && known.workspaceUuid !== workspaceUuid) {
        await lanes.update(sql, { workspaceUuid }, 'repository_id = ?', [known.id]);
      }
      if (known) await repositories.update(sql, row, 'id = ?', [known.id]);
      else await repositories.insert(sql, [row]);
      return row;
    },
    saveWorkspace: (workspace) => saveWorkspace(sql, workspace),
    async touch(id, patch) {
      await repositories.update(sql, patch, 'id = ?', [id]);
    },
    async reconcileAll(now) {
      await sql.run(
        'UPDATE repositories SET reconcile_due_at = ? WHERE reconcile_due_at IS NOT NULL',
        [now],
      );
    },
    async reconcileWorkspace(workspaceUuid, now) {
      await sql.run(
        'UPDATE repositories SET reconcile_due_at = ? WHERE workspace_uuid = ? AND reconcile_due_at > ?',
        [now, workspaceUuid, now],
      );
    },
    async claimReconcile(limit, now, until) {
      const claimed = await sql.all<Record<string, SqlValue>>(
        `UPDATE repositories SET reconcile_due_at = ? WHERE id IN (
           SELECT id FROM repositories WHERE reconcile_due_at <= ? AND state = 'active' ORDER BY reconcile_due_at LIMIT ?)
         RETURNING *`,
        [until, now, limit],
      );
      return claimed.map((row) => repositories.read(row));
    },
    async markDeleted(id, now) {
      await repositories.update(sql, { state: 'deleted', updatedAt: now }, 'id = ?', [id]);
    },
  };
}

async function saveWorkspace(sql: Sql, workspace: Workspace): Promise<void> {
  // A condensed repository may name no workspace; then what is stored stays.
  if (workspace.slug === null && workspace.name === null) return;
  await workspaces.insert(
    sql,
    [workspace],
    `ON CONFLICT (uuid) DO UPDATE SET slug = coalesce(excluded.slug, workspaces.slug),
     name = coalesce(excluded.name, workspaces.name), updated_at = excluded.updated_at
     WHERE workspaces.slug IS DISTINCT FROM coalesce(excluded.slug, workspaces.slug)
        OR workspaces.name IS DISTINCT FROM coalesce(excluded.name, workspaces.name)`,
  );
}

/** Whether the facts say anything that is not stored. */
export function factsDiffer(
  known: Repository,
  facts: RepositoryFacts,
  workspaceUuid: string,
): boolean {
  return (
    known.state !== 'active' ||
    known.workspaceUuid !== workspaceUuid ||
    (facts.fullName !== null && facts.fullName !== known.fullName) ||
    (facts.name !== null && facts.name !== known.name) ||
    (facts.isPrivate !== null && facts.isPrivate !== known.isPrivate) ||
    (facts.mainBranch !== undefined && facts.mainBranch !== known.mainBranch)
  );
}

function merged(
  known: Repository | null,
  facts: RepositoryFacts,
  workspaceUuid: string,
  now: number,
  newId: () => string,
): Repository {
  const fullName = facts.fullName ?? known?.fullName ?? facts.uuid;
  return {
    id: known?.id ?? newId(),
    uuid: facts.uuid,
    workspaceUuid,
    fullName,
    name: facts.name ?? known?.name ?? fullName,
    mainBranch: facts.mainBranch === undefined ? (known?.mainBranch ?? null) : facts.mainBranch,
    isPrivate: facts.isPrivate ?? known?.isPrivate ?? true,
    state: 'active',
    baselineAt: known?.baselineAt ?? null,
    reconcileDueAt: known?.reconcileDueAt ?? null,
    createdAt: known?.createdAt ?? now,
    updatedAt: now,
  };
}
