import type {
  HookReads,
  HookWrites,
  RefReads,
  RefWrites,
  RepositoryReads,
  RepositoryWrites,
  TargetReads,
  TargetWrites,
  Transaction,
} from '../core/ports.js';
import type { KnownRef, Repository, RepositoryFacts, Target } from '../core/model/index.js';
import { rememberPersonNames } from './remember-person-names.js';
import { knownOrRead, maxRemembered, type Remembered } from './remembered.js';
import { factsDiffer } from './stores/places.js';

/** That a hook was heard is written this often at most, ms. */
const heardAgainAfterMs = 10_000;

/**
 * The stores of the one writer, which remember what it read and wrote of repositories, targets, refs and hooks: nobody else
 * writes the file, so what is remembered is what is stored, and a push that brings no news of its repository costs no statement
 * for it. Rows are shared between callers; nobody changes them.
 *
 * `forget`: after a rollback, and after anything that deletes. Each kind names every write of its port, so that a new one
 * cannot be overlooked; reads that are not named go to the store.
 */
export function remembering(tx: Transaction): { tx: Transaction; forget: () => void } {
  const repositories = rememberRepositories(tx.repositories);
  const targets = rememberTargets(tx.targets);
  const refs = rememberRefs(tx.refs);
  const hooks = rememberHooks(tx.hooks);
  const personNames = rememberPersonNames(tx.personNames);
  const forget = (): void => {
    for (const each of [repositories, targets, refs, hooks, personNames]) each.forget();
  };
  return {
    forget,
    tx: {
      ...tx,
      repositories: repositories.store,
      targets: targets.store,
      refs: refs.store,
      events: {
        ...tx.events,
        async insertNews(news) {
          const isNews = await tx.events.insertNews(news);
          if (isNews) refs.saved(news.refs);
          return isNews;
        },
      },
      hooks: hooks.store,
      personNames: personNames.store,
      care: {
        ...tx.care,
        async deleteRemovedTarget(targetId) {
          forget();
          return tx.care.deleteRemovedTarget(targetId);
        },
        async deleteRepository(repositoryId, maxRows) {
          forget();
          return tx.care.deleteRepository(repositoryId, maxRows);
        },
        async deleteWorkspace(workspaceUuid, maxRows) {
          forget();
          return tx.care.deleteWorkspace(workspaceUuid, maxRows);
        },
      },
    },
  };
}

const itself = (id: string): string => id;

function rememberRepositories(
  store: RepositoryReads & RepositoryWrites,
): Remembered<RepositoryReads & RepositoryWrites> {
  const byId = new Map<string, Repository>();
  const byUuid = new Map<string, Repository>();
  /** What was last told of a workspace's names. */
  const named = new Map<string, Pick<RepositoryFacts, 'workspaceSlug' | 'workspaceName'>>();
  const forget = (): void => {
    byId.clear();
    byUuid.clear();
    named.clear();
  };
  const keep = <Row extends Repository | null>(row: Row): Row => {
    if (row) {
      if (byId.size >= maxRemembered) forget();
      byId.set(row.id, row);
      byUuid.set(row.uuid, row);
    }
    return row;
  };
  const drop = (id: string): void => {
    const row = byId.get(id);
    byId.delete(id);
    if (row) byUuid.delete(row.uuid);
  };
  const isNamed = (facts: RepositoryFacts, workspaceUuid: string): boolean => {
    const { workspaceSlug: slug, workspaceName: name } = facts;
    if (slug === null && name === null) return true;
    const known = named.get(workspaceUuid);
    return (
      known !== undefined &&
      (slug === null || slug === known.workspaceSlug) &&
      (name === null || name === known.workspaceName)
    );
  };
  const reads: Partial<RepositoryReads> = {
    byUuid: async (uuid) => byUuid.get(uuid) ?? keep(await store.byUuid(uuid)),
    byId: async (id) => byId.get(id) ?? keep(await store.byId(id)),
    byIds: (ids) =>
      knownOrRead(byId, ids, itself, async (unknown) =>
        (await store.byIds(unknown)).map((row) => keep(row)),
      ),
  };
  const writes: RepositoryWrites = {
    async saveFacts(facts, workspaceUuid, now) {
      const known = byUuid.get(facts.uuid);
      if (known && !factsDiffer(known, facts, workspaceUuid) && isNamed(facts, workspaceUuid)) {
        return known;
      }
      const saved = keep(await store.saveFacts(facts, workspaceUuid, now));
      const before = named.get(workspaceUuid);
      named.set(workspaceUuid, {
        workspaceSlug: facts.workspaceSlug ?? before?.workspaceSlug ?? null,
        workspaceName: facts.workspaceName ?? before?.workspaceName ?? null,
      });
      return saved;
    },
    async saveWorkspace(workspace) {
      named.delete(workspace.uuid);
      await store.saveWorkspace(workspace);
    },
    async touch(id, patch) {
      drop(id);
      await store.touch(id, patch);
    },
    async markDeleted(id, now) {
      drop(id);
      await store.markDeleted(id, now);
    },
    async reconcileAll(now) {
      forget();
      await store.reconcileAll(now);
    },
    async reconcileWorkspace(workspaceUuid, now) {
      forget();
      await store.reconcileWorkspace(workspaceUuid, now);
    },
    async claimReconcile(limit, now, until) {
      const claimed = await store.claimReconcile(limit, now, until);
      return claimed.map((row) => keep(row));
    },
  };
  return { forget, store: { ...store, ...reads, ...writes } };
}

function rememberTargets(
  store: TargetReads & TargetWrites,
): Remembered<TargetReads & TargetWrites> {
  const byId = new Map<string, Target>();
  const byRepository = new Map<string, Target[]>();
  const forget = (): void => {
    byId.clear();
    byRepository.clear();
  };
  const drop = (id: string): void => {
    const known = byId.get(id);
    byId.delete(id);
    if (known) byRepository.delete(known.repositoryId);
    // A list may be known without each of its targets having been asked for.
    else byRepository.clear();
  };
  const ofRepositories: TargetReads['ofRepositories'] = async (ids) => {
    const unknown = ids.filter((id) => !byRepository.has(id));
    if (unknown.length > 0) {
      if (byRepository.size + unknown.length > maxRemembered) forget();
      const read = await store.ofRepositories(unknown);
      for (const id of unknown) byRepository.set(id, []);
      for (const target of read) {
        byRepository.get(target.repositoryId)?.push(target);
        byId.set(target.id, target);
      }
    }
    return ids.flatMap((id) => byRepository.get(id) ?? []);
  };
  const reads: Partial<TargetReads> = {
    async byId(id) {
      const known = byId.get(id);
      if (known) return known;
      const row = await store.byId(id);
      if (row) byId.set(id, row);
      return row;
    },
    byIds: (ids) =>
      knownOrRead(byId, ids, itself, async (unknown) => {
        if (byId.size + unknown.length > maxRemembered) forget();
        const rows = await store.byIds(unknown);
        for (const row of rows) byId.set(row.id, row);
        return rows;
      }),
    ofRepository: (id) => ofRepositories([id]),
    ofRepositories,
  };
  const writes: TargetWrites = {
    async insert(target) {
      byRepository.delete(target.repositoryId);
      await store.insert(target);
    },
    async update(id, expectedVersion, patch) {
      drop(id);
      return store.update(id, expectedVersion, patch);
    },
    async touch(id, patch) {
      drop(id);
      await store.touch(id, patch);
    },
  };
  return { forget, store: { ...store, ...reads, ...writes } };
}

function rememberRefs(
  store: RefReads & RefWrites,
): Remembered<RefReads & RefWrites> & { saved(rows: readonly KnownRef[]): void } {
  const known = new Map<string, KnownRef>();
  const keyOf = (ref: { repositoryId: string; refType: string; name: string }): string =>
    `${ref.repositoryId} ${ref.refType} ${ref.name}`;
  const saved = (rows: readonly KnownRef[]): void => {
    if (known.size + rows.length > maxRemembered) known.clear();
    for (const row of rows) known.set(keyOf(row), row);
  };
  const reads: Partial<RefReads> = {
    find: (keys) =>
      knownOrRead(known, keys, keyOf, async (unknown) => {
        const read = await store.find(unknown);
        saved(read);
        return read;
      }),
  };
  const writes: RefWrites = {
    async save(rows) {
      await store.save(rows);
      saved(rows);
    },
  };
  return { forget: () => known.clear(), saved, store: { ...store, ...reads, ...writes } };
}

function rememberHooks(store: HookReads & HookWrites): Remembered<HookReads & HookWrites> {
  /** Sources whose hooks have no alarm, with the time that is stored as their last delivery. */
  const heard = new Map<string, number>();
  const writes: HookWrites = {
    save(hook) {
      heard.delete(hook.sourceId);
      return store.save(hook);
    },
    noteHealth: (id, health, checkDueAt) => store.noteHealth(id, health, checkDueAt),
    raiseAlarm(repositoryId, alarm) {
      heard.clear();
      return store.raiseAlarm(repositoryId, alarm);
    },
    checkSoon: (repositoryId, now) => store.checkSoon(repositoryId, now),
    async heard(sourceIds, now) {
      const news = sourceIds.filter((id) => {
        const at = heard.get(id);
        return at === undefined || now < at || now >= at + heardAgainAfterMs;
      });
      if (news.length === 0) return;
      await store.heard(news, now);
      if (heard.size + news.length > maxRemembered) heard.clear();
      for (const id of news) heard.set(id, now);
    },
    claimChecks: (limit, now, until) => store.claimChecks(limit, now, until),
  };
  return { forget: () => heard.clear(), store: { ...store, ...writes } };
}
