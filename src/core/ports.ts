/**
 * What the domain asks of the outside. Implemented in `storage`, `bitbucket`, `vault`, `queue` and `lib`; put together in
 * `context.ts`.
 */
import type { CloneCredential } from './backend.js';
import type { ForgeReads, ForgeWrites, NameLookupReads, NameLookupWrites } from './forge.js';
import type { CareReads, ClockWrites, RetentionWrites } from './care.js';
import type { NodeReads, NodeWrites } from './cluster.js';
import type {
  Attempt,
  AuditEntry,
  BackendReport,
  BuildStatusState,
  ClaimedLane,
  CloneGrant,
  Connection,
  Decision,
  Deployment,
  DeploymentState,
  Door,
  Hook,
  HookAlarm,
  HookHealth,
  Installation,
  KnownRef,
  Lane,
  LaneLease,
  Repository,
  RepositoryFacts,
  Source,
  StatusReport,
  StoredEvent,
  StoredRefChange,
  Target,
  Workspace,
} from './model/index.js';

import type {
  GrantReads,
  GrantWrites,
  NoticeReads,
  NoticeWrites,
  SealedReads,
  SealedWrites,
  WebSessionReads,
  WebSessionWrites,
  WorkspaceCredentialReads,
  WorkspaceCredentialWrites,
} from './people.js';
import type { ChannelReads, ChannelWrites, DeliveryReads, DeliveryWrites } from './notices.js';

/** Unix milliseconds. */
export type Clock = () => number;

export interface Ids {
  /** Time-ordered and unique: rows of one table are appended in order. */
  next(): string;
  /** Unguessable, URL-safe, at least 128 bits. */
  secretToken(): string;
}

/**
 * All writes go through `write`. Everything that waits at one moment is committed by one transaction (group commit); each
 * caller's promise settles only after that commit. A callback that throws loses its own changes only. A callback may run
 * again when a neighbour failed and took the transaction with it: it changes nothing but what `tx` leads to.
 */
export interface Storage {
  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * Like `write`, but items that wait at the same moment are handled by one call of `work`, in order of arrival; it answers
   * with one result an item. When it throws, each item is tried again alone, so that one bad item fails alone; when it throws
   * `RunAgain`, all of them together.
   * Rejects with `storage_overloaded` when too much is waiting.
   */
  batched<Item, Result>(
    work: (tx: Transaction, items: readonly Item[]) => Promise<readonly Result[]>,
  ): (item: Item) => Promise<Result>;
  /** Committed rows only; never waits for a writer. */
  readonly read: Reader;
}

export interface Reader {
  installations: InstallationReads;
  repositories: RepositoryReads;
  targets: TargetReads;
  connections: ConnectionReads;
  deployments: DeploymentReads;
  attempts: AttemptReads;
  events: EventReads;
  refs: RefReads;
  lanes: LaneReads;
  care: CareReads;
  backendReports: BackendReportReads;
  cloneGrants: CloneGrantReads;
  hooks: HookReads;
  webSessions: WebSessionReads;
  grants: GrantReads;
  audit: AuditReads;
  notices: NoticeReads;
  noticeChannels: ChannelReads;
  noticeDeliveries: DeliveryReads & Pick<DeliveryWrites, 'untold'>;
  workspaceCredentials: WorkspaceCredentialReads;
  forge: ForgeReads;
  nameLookups: NameLookupReads;
  nodes: NodeReads;
}

export interface Transaction {
  installations: InstallationReads & InstallationWrites;
  repositories: RepositoryReads & RepositoryWrites;
  targets: TargetReads & TargetWrites;
  connections: ConnectionReads & ConnectionWrites;
  events: EventReads & EventWrites;
  refs: RefReads & RefWrites;
  deployments: DeploymentReads & DeploymentWrites;
  attempts: AttemptReads & AttemptWrites;
  lanes: LaneReads & LaneWrites;
  statusReports: StatusReportWrites;
  care: CareReads & RetentionWrites & ClockWrites;
  backendReports: BackendReportReads & BackendReportWrites;
  cloneGrants: CloneGrantReads & CloneGrantWrites;
  hooks: HookReads & HookWrites;
  webSessions: WebSessionReads & WebSessionWrites;
  grants: GrantReads & GrantWrites;
  audit: AuditReads & AuditWrites;
  notices: NoticeReads & NoticeWrites;
  noticeChannels: ChannelReads & ChannelWrites;
  noticeDeliveries: DeliveryReads & DeliveryWrites;
  workspaceCredentials: WorkspaceCredentialReads & WorkspaceCredentialWrites;
  sealed: SealedReads & SealedWrites;
  forge: ForgeReads & ForgeWrites;
  nameLookups: NameLookupReads & NameLookupWrites;
  nodes: NodeReads & NodeWrites;
}

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

export interface EventReads {
  byId(id: string): Promise<StoredEvent | null>;
  refChange(id: string): Promise<StoredRefChange | null>;
  /** What was told of these moves before, oldest first. */
  moves(moveKeys: readonly string[]): Promise<StoredRefChange[]>;
  decision(refChangeId: string, targetId: string): Promise<Decision | null>;
  /** How a push reached us, the first one and then its copies, in order of arrival. */
  arrivals(refChangeId: string): Promise<Arrival[]>;
  /** Newest first; copies of a push are left out. */
  recentRefChanges(
    repositoryId: string,
    limit: number,
    where?: RefChangeFilter,
  ): Promise<RefChangeWithDecisions[]>;
}

/** Each absent one: any. */
export interface RefChangeFilter {
  /** Name of the branch or tag. */
  refName?: string;
  /** Display name of who pushed. */
  person?: string;
  /** A decision was made for this target, or a deployment of it is in one of these states. */
  targetId?: string;
  states?: readonly DeploymentState[];
}

/** One delivery that told of a push. */
export interface Arrival {
  /** `reconcile`: nobody told us, we looked. Null: the source is not known any more. */
  door: Source['door'] | null;
  /** Unix ms. */
  receivedAt: number;
  /** Which try of the sender it was, from 1. */
  attemptNumber: number;
}

export interface RefChangeWithDecisions extends StoredRefChange {
  actorName: string | null;
  receivedAt: number;
  decisions: Decision[];
}

export interface RefReads {
  /** Those of the given names that are known. */
  find(keys: readonly RefKey[]): Promise<KnownRef[]>;
  ofRepository(repositoryId: string): Promise<KnownRef[]>;
}

export interface RefWrites {
  /** Creates or updates by repository, type and name. */
  save(refs: readonly KnownRef[]): Promise<void>;
}

export interface RefKey {
  repositoryId: string;
  refType: string;
  name: string;
}

export interface EventWrites {
  /** Ids of those that were new; the others had been stored before. */
  insertNew(events: readonly StoredEvent[]): Promise<Set<string>>;
  /** Inserts those that are new, too, and says how many they were. */
  countNew(events: readonly StoredEvent[]): Promise<number>;
  insertRefChanges(changes: readonly StoredRefChange[]): Promise<void>;
  insertDecisions(decisions: readonly Decision[]): Promise<void>;
  /** Says of decisions that reconcile led to that their webhook came late. */
  noteLate(refChangeIds: readonly string[]): Promise<void>;
  /** Completes a pending decision. */
  decide(
    refChangeId: string,
    targetId: string,
    verdict: Pick<Decision, 'outcome' | 'reasonCode' | 'reason' | 'deploymentId'>,
  ): Promise<void>;
}

export interface DeploymentReads {
  byId(id: string): Promise<Deployment | null>;
  byIds(ids: readonly string[]): Promise<Deployment[]>;
  byPageToken(token: string): Promise<Deployment | null>;
  /** Newest first. `before`: id of the last one seen, for the next page. */
  recent(
    where: {
      repositoryId?: string;
      targetId?: string;
      states?: readonly DeploymentState[];
      refName?: string;
      /** Display name of who pushed or clicked. */
      causedBy?: string;
    },
    page: { limit: number; before?: string },
  ): Promise<Deployment[]>;
  /** What each of these lanes looks at next: the queued one whose slot has waited longest. None for a lane without any. */
  nextQueued(targetIds: readonly string[]): Promise<Deployment[]>;
  /** Those of the given targets where something is queued. */
  targetsWithQueued(targetIds: readonly string[]): Promise<Set<string>>;
  /** The last of a slot that was not superseded, leaving one out. */
  newestOfSlot(targetId: string, slot: string, except: string): Promise<Deployment | null>;
  /** Those that wait, or waited, for one of the given deployments; oldest first. */
  waitersOf(deploymentIds: readonly string[]): Promise<Deployment[]>;
}

export interface DeploymentWrites {
  insert(deployments: readonly Deployment[]): Promise<void>;
  /** Marks every queued deployment of the slot superseded and returns them; not those whose ref must be checked. */
  supersedeQueued(
    targetId: string,
    slot: string,
    byCommit: string,
    now: number,
  ): Promise<Deployment[]>;
  update(id: string, patch: Partial<Omit<Deployment, 'id'>>): Promise<void>;
  updateMany(
    changes: readonly { id: string; patch: Partial<Omit<Deployment, 'id'>> }[],
  ): Promise<void>;
  /** Only one that never started: its decision turned out to be a skip. */
  remove(id: string): Promise<void>;
}

export interface AuditReads {
  /** Newest first. `before`: id of the last one seen, for the next page. */
  recent(workspaceUuid: string, page: { limit: number; before?: string }): Promise<AuditEntry[]>;
}

export interface AuditWrites {
  add(entry: AuditEntry): Promise<void>;
}

export interface AttemptReads {
  ofDeployment(deploymentId: string): Promise<Attempt[]>;
  /** Oldest first, without what was sent and received. */
  ofDeployments(deploymentIds: readonly string[]): Promise<Omit<Attempt, 'exchanges'>[]>;
}

export interface AttemptWrites {
  insert(attempts: readonly Attempt[]): Promise<void>;
  finish(attempts: readonly Attempt[]): Promise<void>;
}

export interface BackendReportReads {
  ofDeployment(deploymentId: string): Promise<BackendReport | null>;
  /** Those of the given deployments whose receiver has reported. */
  reported(deploymentIds: readonly string[]): Promise<Set<string>>;
}

export interface BackendReportWrites {
  /** Inserts, or replaces the deployment's earlier one. */
  save(report: BackendReport): Promise<void>;
}

export interface CloneGrantReads {
  /** When it was used; null: not yet, or never offered. Unix ms. */
  usedAt(tokenDigest: string): Promise<number | null>;
}

export interface CloneGrantWrites {
  /** False when it was used before; nothing was changed then. */
  use(grant: CloneGrant): Promise<boolean>;
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

export interface LaneReads {
  byTarget(targetId: string): Promise<Lane | null>;
  /** Earliest time any lane, status report or reconcile becomes due; null when nothing waits. */
  nextDue(): Promise<number | null>;
}

/** What becomes of a lane whose lease is given back. */
export interface LaneChange {
  lease: LaneLease;
  dueAt: number | null;
  currentDeploymentId: string | null;
  failures: number;
}

export interface LaneWrites {
  create(lane: Pick<Lane, 'targetId' | 'repositoryId' | 'workspaceUuid'>): Promise<void>;
  /** Makes the lane due at `at`, or earlier if it already was. `afresh`: new work, so earlier failures count no more. */
  wake(targetIds: readonly string[], at: number, options?: { afresh: boolean }): Promise<void>;
  /**
   * Leases up to `limit` due lanes without a live lease; each lease gets a new fencing number. Workspaces take turns: one lane
   * of each, then a second one; those in `servedLately` (oldest first) come after all others.
   */
  claim(
    limit: number,
    now: number,
    leaseMs: number,
    owner: string,
    servedLately?: readonly string[],
    /** Lanes that are bound to another node are left alone; null: there is but one. */
    node?: string | null,
  ): Promise<ClaimedLane[]>;
  /** From now on only this node works on these lanes; null: any may. */
  bind(targetIds: readonly string[], node: string | null): Promise<void>;
  /** Extends the leases still held; returns the targets whose lease was lost. */
  renew(leases: readonly LaneLease[], until: number): Promise<string[]>;
  /** Guarded by owner and fencing number: false means the lease was lost and nothing may be written. */
  holds(lease: LaneLease, now: number): Promise<boolean>;
  /** What waits for its next try anywhere in a workspace is due now. */
  wakeWorkspace(workspaceUuid: string, now: number): Promise<void>;
  /**
   * Gives leases back and says when each lane is due again (null = idle until woken; woken since the claim = now). Returns when
   * that is, by target, for those whose lease was still held: nothing else may be written for the others. Call it first in the
   * transaction that settles a step.
   */
  settle(changes: readonly LaneChange[], now: number): Promise<Map<string, number | null>>;
  /** Keeps the leases, but says what is running: written before a backend is called. */
  setCurrent(changes: readonly { targetId: string; currentDeploymentId: string }[]): Promise<void>;
  /** Every lease of this data folder's former owner ends now, and what was running is looked at first. At start only. */
  takeOverAll(now: number): Promise<number>;
}

export interface StatusReportWrites {
  insert(reports: readonly StatusReport[]): Promise<void>;
  /** What was last recorded of a deployment, written or not. */
  latestOf(deploymentId: string): Promise<StatusReport | null>;
  /** What a former process was writing, or would have tried again later, is due now. At start only. */
  wakeAll(now: number): Promise<void>;
  /** Takes due reports, oldest first per commit and key, and hides them until `until`. */
  claimDue(limit: number, now: number, until: number): Promise<StatusReport[]>;
  /** What waits for its next try anywhere in a workspace is due now. */
  wakeWorkspace(workspaceUuid: string, now: number): Promise<void>;
  /** Whether a later report of the same commit and key is waiting behind this one. */
  hasNewer(report: StatusReport): Promise<boolean>;
  settle(
    changes: readonly {
      id: string;
      patch: Partial<Pick<StatusReport, 'dueAt' | 'attempts' | 'settledAt' | 'error'>>;
    }[],
  ): Promise<void>;
}

/** Seals and opens secrets. `identity` binds a value to its row: `installations:<id>:secret`. */
export interface Vault {
  seal(plaintext: string, identity: string): string;
  /** Throws `InfrastructureError` (`vault_key_missing`, `vault_tampered`). */
  open(sealed: string, identity: string): string;
}

export interface BuildStatus {
  key: string;
  state: BuildStatusState;
  name: string;
  description: string;
  url: string;
  refName: string | null;
}

export interface RemoteRepository {
  uuid: string;
  workspaceUuid: string;
  fullName: string;
  name: string;
  mainBranch: string | null;
  isPrivate: boolean;
}

export interface RemoteCommit {
  hash: string;
  message: string;
  author: string;
}

/** `unknown`: this credential may not ask (403); another proof is needed. */
export type RepositoryPermission = 'admin' | 'write' | 'read' | 'none' | 'unknown';

/** A webhook as Bitbucket has it. Its secret cannot be read back. */
export interface RemoteHook {
  uuid: string;
  url: string;
  active: boolean;
  events: readonly string[];
  /** Null: Bitbucket did not say. */
  secretSet: boolean | null;
}

export interface HookSpec {
  url: string;
  description: string;
  active: boolean;
  events: readonly string[];
  secret: string;
}

/** `unknown`: this credential may not ask (403); another proof is needed. */
export type WorkspacePermission = 'admin' | 'none' | 'unknown';

/** Bitbucket's REST API as seen by one workspace's own credential. All throw `BitbucketError`. */
export interface Bitbucket {
  repository(workspaceUuid: string, repositoryUuid: string): Promise<RemoteRepository | null>;
  /**
   * The repository in whatever workspace it is now; null when it is not shown to us. `personUuid` as for `hooks`.
   */
  whereabouts(repository: Repository, personUuid: string | null): Promise<RemoteRepository | null>;
  /** Names of a workspace; null when it is not shown to us. */
  workspace(workspaceUuid: string): Promise<{ slug: string | null; name: string | null } | null>;
  /** Head commit of a branch or tag; null when it does not exist. */
  head(
    repository: Repository,
    refType: 'branch' | 'tag',
    name: string,
  ): Promise<RemoteCommit | null>;
  branches(repository: Repository, limit: number): Promise<string[]>;
  /** Names of tags, those of the newest commits first. */
  tags(repository: Repository, limit: number): Promise<string[]>;
  /** Every branch (or tag) with its head. */
  heads(repository: Repository, refType: 'branch' | 'tag'): Promise<Map<string, string>>;
  /**
   * Paths that differ between two commits, old names of renamed files included; null when Bitbucket cannot tell (a commit
   * is gone, or there are more files than it lists in time).
   */
  changedPaths(repository: Repository, from: string, to: string): Promise<string[] | null>;
  permission(repository: Repository, userUuid: string): Promise<RepositoryPermission>;
  workspacePermission(workspaceUuid: string, userUuid: string): Promise<WorkspacePermission>;
  /** Every webhook of a repository. `personUuid`: in this person's name; null: with the workspace's own credentials. */
  hooks(repository: Repository, personUuid: string | null): Promise<RemoteHook[]>;
  createHook(
    repository: Repository,
    spec: HookSpec,
    personUuid: string | null,
  ): Promise<RemoteHook>;
  updateHook(
    repository: Repository,
    remoteUuid: string,
    spec: HookSpec,
    personUuid: string | null,
  ): Promise<void>;
  /** One that is gone already is no error. */
  deleteHook(repository: Repository, remoteUuid: string, personUuid: string | null): Promise<void>;
  setBuildStatus(repository: Repository, commit: string, status: BuildStatus): Promise<void>;
  /** Display name of a person; null when Bitbucket does not tell. */
  personName(repository: Repository, userUuid: string): Promise<string | null>;
  cloneUrl(repository: Repository): string;
  /** `refused`: see `TriggerRequest.cloneCredential`. */
  cloneCredential(
    repository: Repository,
    options?: { refused?: readonly CloneCredential[] },
  ): Promise<CloneCredential>;
  /** Proof that a received Connect secret is real: exchanges it at the fixed token endpoint and reads the workspace. */
  proveInstallation(proof: {
    clientKey: string;
    sharedSecret: string;
    workspaceUuid: string;
  }): Promise<{ slug: string | null; name: string | null }>;
}

/** What one try to fetch came to. */
export type FetchAnswer =
  | {
      kind:
        | 'done'
        | 'hash_refused'
        | 'ref_missing'
        | 'repository_missing'
        | 'access_refused'
        | 'timeout'
        | 'aborted'
        | 'git_missing';
    }
  /** `unreachable`: worth trying again. `line` is git's own, without secrets. */
  | { kind: 'unreachable' | 'broken'; line: string };

/** Fetches one commit without its history as a deploy would, once, and keeps nothing of it. */
export type TryFetch = (
  order: {
    cloneUrl: string;
    /** Null: wherever the ref is. */
    commit: string | null;
    /** `refs/heads/main`; null: the repository is only asked what it has. */
    ref: string | null;
    credential: Pick<CloneCredential, 'username' | 'password'>;
  },
  signal: AbortSignal,
) => Promise<FetchAnswer>;

/** A hint that work may be waiting. Losing one costs at most a sweep. */
export interface Waker {
  wake(): void;
}

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}
