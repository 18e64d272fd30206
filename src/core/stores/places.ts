/** What the store keeps of installations, repositories, targets and connections, and of their webhooks and changes. */
import type {
  AuditEntry,
  Connection,
  Door,
  Hook,
  HookAlarm,
  HookHealth,
  Installation,
  Repository,
  RepositoryFacts,
  Source,
  Target,
  Workspace,
} from '../model/index.js';

export interface InstallationReads {
  find(door: Door, externalId: string): Promise<Installation | null>;
  byId(id: string): Promise<Installation | null>;
  /** Active installations of a workspace, newest first. */
  ofWorkspace(workspaceUuid: string): Promise<Installation[]>;
  source(door: Source['door'], key: string): Promise<Source | null>;
}

export interface InstallationWrites {
  save(installation: Installation): Promise<void>;
  saveSource(source: Source): Promise<void>;
}

export interface RepositoryReads {
  byUuid(uuid: string): Promise<Repository | null>;
  /** Active ones. */
  ofWorkspace(workspaceUuid: string): Promise<Repository[]>;
  byId(id: string): Promise<Repository | null>;
  byIds(ids: readonly string[]): Promise<Repository[]>;
  workspace(uuid: string): Promise<Workspace | null>;
  /**
   * Those of a workspace that have a target or an active hook, by full name. `search`: part of the name, whatever its case;
   * `after`: full name of the last one seen.
   */
  using(
    workspaceUuid: string,
    page: { search: string; after: string; limit: number },
  ): Promise<Repository[]>;
}

export interface RepositoryWrites {
  /** Creates or updates repository and workspace by uuid; absent facts leave the stored value. */
  saveFacts(facts: RepositoryFacts, workspaceUuid: string, now: number): Promise<Repository>;
  markDeleted(id: string, now: number): Promise<void>;
  /** Machine-kept fields of the reconcile schedule. */
  touch(
    id: string,
    patch: Partial<Pick<Repository, 'baselineAt' | 'reconcileDueAt'>>,
  ): Promise<void>;
  /** Every repository on the schedule is due now. At start only. */
  reconcileAll(now: number): Promise<void>;
  /** The same for one workspace. */
  reconcileWorkspace(workspaceUuid: string, now: number): Promise<void>;
  /** Takes due repositories and hides them until `until`. */
  claimReconcile(limit: number, now: number, until: number): Promise<Repository[]>;
  /** Creates or updates by uuid; a name that is null leaves the stored one. */
  saveWorkspace(workspace: Workspace): Promise<void>;
}

export interface TargetReads {
  byId(id: string): Promise<Target | null>;
  byIds(ids: readonly string[]): Promise<Target[]>;
  /** Not the removed ones; oldest first. */
  ofRepository(repositoryId: string): Promise<Target[]>;
  ofRepositories(repositoryIds: readonly string[]): Promise<Target[]>;
  /** Every target of a backend that is not removed, for `Backend.start`. */
  ofBackend(backend: string): Promise<Target[]>;
  /** Removed ones whose lane is still bound to this node. */
  removedOn(node: string): Promise<Target[]>;
  /** Not the removed ones. */
  usingConnection(connectionId: string): Promise<Target[]>;
}

export interface TargetWrites {
  insert(target: Target): Promise<void>;
  /** Returns false when `expectedVersion` is no longer the stored one; nothing was changed then. */
  update(
    id: string,
    expectedVersion: number,
    patch: Partial<Omit<Target, 'id' | 'version'>>,
  ): Promise<boolean>;
  /** Machine-kept fields; does not count as an edit. */
  touch(
    id: string,
    patch: Partial<Pick<Target, 'liveDeploymentId' | 'hold' | 'state' | 'afterTargetId'>>,
  ): Promise<void>;
}

export interface ConnectionReads {
  byId(id: string): Promise<Connection | null>;
  byIds(ids: readonly string[]): Promise<Connection[]>;
  /** By name. */
  ofWorkspace(workspaceUuid: string): Promise<Connection[]>;
}

export interface ConnectionWrites {
  insert(connection: Connection): Promise<void>;
  /**
   * Returns false when `expectedVersion` is no longer the stored one; nothing was changed then. The next version is one more,
   * unless the patch names one.
   */
  update(
    id: string,
    expectedVersion: number,
    patch: Partial<Omit<Connection, 'id'>>,
  ): Promise<boolean>;
  /**
   * Once: true for the first to say so. Ignored when it was tested well after `testedBefore`, when the refused call began:
   * somebody repaired it meanwhile.
   */
  markBroken(
    id: string,
    facts: { reason: string; now: number; testedBefore: number },
  ): Promise<boolean>;
  /** To the minute, so that a busy workspace does not write all day. */
  markUsed(id: string, now: number): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface HookReads {
  byId(id: string): Promise<Hook | null>;
  ofRepository(repositoryId: string): Promise<Hook | null>;
  ofWorkspace(workspaceUuid: string): Promise<Hook[]>;
}

export interface HookWrites {
  /** Inserts or replaces by id. What deliveries note (`lastDeliveryAt`) is left alone. */
  save(hook: Hook): Promise<void>;
  /** Only while it is active. */
  noteHealth(id: string, health: HookHealth, checkDueAt: number): Promise<void>;
  /** A push came to light without it; it is checked at once. Nothing where the repository has no active hook. */
  raiseAlarm(repositoryId: string, alarm: HookAlarm): Promise<void>;
  checkSoon(repositoryId: string, now: number): Promise<void>;
  /** Deliveries of these sources were stored: whatever was alarming about their silence is over. */
  heard(sourceIds: readonly string[], now: number): Promise<void>;
  /** Takes hooks whose check is due and hides them until `until`. */
  claimChecks(limit: number, now: number, until: number): Promise<Hook[]>;
}

export interface AuditReads {
  /** Newest first. `before`: id of the last one seen, for the next page. */
  recent(workspaceUuid: string, page: { limit: number; before?: string }): Promise<AuditEntry[]>;
}

export interface AuditWrites {
  add(entry: AuditEntry): Promise<void>;
}
