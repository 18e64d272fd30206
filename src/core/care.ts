import type { Workload } from './measures.js';
import type {
  Attempt,
  BackendReport,
  Connection,
  Decision,
  Deployment,
  DeploymentState,
  Installation,
  KnownRef,
  PersonName,
  Repository,
  StatusReport,
  StoredEvent,
  StoredRefChange,
  Target,
  Workspace,
} from './model/index.js';

/**
 * What retention, export and the operator's commands ask of the store, beside the everyday ports. Deletions take a number of
 * rows and stop there, so that one transaction never holds up the pushes that wait behind it.
 */
export interface CareReads extends RetentionReads, OperatorReads {
  /** The greatest id among what grows with every push; null: there is nothing yet. */
  newestId(): Promise<string | null>;
}

/** When the clock was set back. */
export interface ClockWrites {
  /**
   * What waits for a time that is yet to come is due now: nobody can tell how far away that time really is. A lease that would
   * outlast `leaseMs` ends then; a session that was begun or used in the future was so now.
   */
  bringForward(now: number, leaseMs: number): Promise<void>;
}

/** When a finished deployment of a target is no longer needed. */
export interface DeploymentLimits {
  /** The newest so many of a target stay whatever their age. */
  keepNewest: number;
  /** The newest so many that went live stay: what a rollback may want. */
  keepLive: number;
  /** Beyond the newest so many, age does not matter. */
  mostPerTarget: number;
  /** Unix ms: those that ended later stay, unless there are too many. */
  endedBefore: number;
  /** Unix ms: those that ended later stay in any case. */
  settledBefore: number;
}

/** What stays of a target's deployments, worked out once for many slices. */
export interface KeptDeployments {
  /** The newest when this was worked out; a rollback that is asked for later is looked for behind it. */
  newestId: string;
  /** Older ones may go when they ended long enough ago; null: none. */
  byAge: string | null;
  /** Older ones may go; null: none. */
  byCount: string | null;
  ids: readonly string[];
}

/** A page of a walk through a table. `next`: where the next page begins; null at the end of what is old enough. */
export interface SpentPage {
  ids: string[];
  next: string | null;
}

export interface Walk {
  after: string;
  limit: number;
  /** Unix ms: what is younger stays. */
  before: number;
}

export interface RetentionReads {
  /** In id order, removed ones too. */
  targets(after: string, limit: number): Promise<Target[]>;
  keptDeployments(target: Target, limits: DeploymentLimits): Promise<KeptDeployments>;
  /** Whether `pruneDeployments` would find anything: asked first, so that the writer is left alone where it would not. */
  hasSpentDeployments(
    targetId: string,
    kept: KeptDeployments,
    limits: DeploymentLimits,
  ): Promise<boolean>;
  /**
   * Ref changes whose whole move is old, led to no deployment that is still kept, and is not where a branch or tag stands.
   * A move goes as a whole: copies are told apart by counting its occurrences.
   */
  spentRefChanges(walk: Walk): Promise<SpentPage>;
  /** Old events of which no ref change is left. */
  spentEvents(walk: Walk): Promise<SpentPage>;
  /** Workspaces with data whose last installation was removed before then, the longest ago first. */
  abandonedWorkspaces(
    removedBefore: number,
    limit: number,
  ): Promise<{ uuid: string; removedAt: number }[]>;
  repositoriesOf(workspaceUuid: string): Promise<Repository[]>;
  /** Removed ones too. */
  everyTargetOf(repositoryId: string): Promise<Target[]>;
}

export interface RetentionWrites {
  /** The next finished deployments that are not kept, with their attempts and status reports. */
  pruneDeployments(
    targetId: string,
    kept: KeptDeployments,
    limits: DeploymentLimits,
    maxRows: number,
  ): Promise<number>;
  deleteRefChanges(ids: readonly string[], maxRows: number): Promise<number>;
  deleteEvents(ids: readonly string[]): Promise<number>;
  /** A removed target without deployments, and its lane; returns the number of rows, 0 when it must stay. */
  deleteRemovedTarget(targetId: string): Promise<number>;
  /** What hangs on a repository, then the repository; 0 when nothing is left. */
  deleteRepository(repositoryId: string, maxRows: number): Promise<number>;
  /**
   * What hangs on a workspace without repositories, then its name; 0 when nothing is left. Installations stay without the
   * name of who installed them: Bitbucket signs a later install with the secret that is kept there.
   */
  deleteWorkspace(workspaceUuid: string, maxRows: number): Promise<number>;
}

export interface DeliveryFilter {
  states?: readonly DeploymentState[];
  workspaceSlug?: string;
  repositoryFullName?: string;
  targetId?: string;
}

/** One deployment as an operator sees it. */
export interface DeliveryRow {
  deployment: Deployment;
  workspace: string | null;
  repository: string | null;
  target: string | null;
  backend: string | null;
  attempts: number;
  /** When its lane looks at it next; null when it is over. */
  nextTryAt: number | null;
}

/** What can be read in pages for an export, by repository. */
export interface RepositoryRows {
  refs: KnownRef;
  refChanges: StoredRefChange;
  deployments: Deployment;
}

export interface OperatorReads {
  workload(now: number): Promise<Workload>;
  /** Newest first. */
  deliveries(filter: DeliveryFilter, limit: number): Promise<DeliveryRow[]>;
  delivery(id: string): Promise<DeliveryRow | null>;
  /**
   * Deployments that failed since then and were not overtaken: nothing newer of their branch or tag came after them, and
   * nothing newer went live on their target. Oldest first.
   */
  deadLetters(
    where: { since: number; targetId?: string; repositoryId?: string; workspaceUuid?: string },
    limit: number,
  ): Promise<Pick<Deployment, 'id'>[]>;
  statusReports(deploymentIds: readonly string[]): Promise<StatusReport[]>;
  attempts(deploymentIds: readonly string[]): Promise<Attempt[]>;
  backendReports(deploymentIds: readonly string[]): Promise<BackendReport[]>;
  decisions(refChangeIds: readonly string[]): Promise<Decision[]>;
  workspaceOf(uuid: string): Promise<Workspace | null>;
  /** Removed ones too. */
  installationsOf(workspaceUuid: string): Promise<Installation[]>;
  connectionsOf(workspaceUuid: string): Promise<Connection[]>;
  personNamesOf(workspaceUuid: string): Promise<PersonName[]>;
  /** Of all sources that speak for the workspace's installations and repositories. */
  sourceIdsOf(workspaceUuid: string): Promise<string[]>;
  /** `after`: delivery id of the last one seen. */
  eventsOfSource(sourceId: string, after: string, limit: number): Promise<StoredEvent[]>;
  rowsOf<Kind extends keyof RepositoryRows>(
    kind: Kind,
    repositoryId: string,
    after: string,
    limit: number,
  ): Promise<RepositoryRows[Kind][]>;
}
