/**
 * What the domain asks of the outside. Implemented in `storage`, `bitbucket`, `vault`, `queue` and `lib`; put together in
 * `context.ts`.
 */
import type {
  ForgeReads,
  ForgeWrites,
  NameLookupReads,
  NameLookupWrites,
  PersonNameReads,
  PersonNameWrites,
} from './forge.js';
import type { CareReads, ClockWrites, RetentionWrites } from './care.js';
import type { NodeReads, NodeWrites } from './cluster.js';
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
import type {
  InstallationReads,
  InstallationWrites,
  RepositoryReads,
  RepositoryWrites,
  TargetReads,
  TargetWrites,
  ConnectionReads,
  ConnectionWrites,
  HookReads,
  HookWrites,
  AuditReads,
  AuditWrites,
} from './stores/places.js';
import type { EventReads, RefReads, RefWrites, EventWrites } from './stores/pushes.js';
import type {
  DeploymentReads,
  DeploymentWrites,
  AttemptReads,
  AttemptWrites,
  BackendReportReads,
  BackendReportWrites,
  CloneGrantReads,
  CloneGrantWrites,
  LaneReads,
  LaneWrites,
  StatusReportWrites,
} from './stores/deliveries.js';

export type * from './stores/places.js';
export type * from './stores/pushes.js';
export type * from './stores/deliveries.js';
export type * from './bitbucket.js';

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
  personNames: PersonNameReads;
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
  personNames: PersonNameReads & PersonNameWrites;
  nodes: NodeReads & NodeWrites;
}

/** Seals and opens secrets. `identity` binds a value to its row: `installations:<id>:secret`. */
export interface Vault {
  seal(plaintext: string, identity: string): string;
  /** Throws `InfrastructureError` (`vault_key_missing`, `vault_tampered`). */
  open(sealed: string, identity: string): string;
}

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
