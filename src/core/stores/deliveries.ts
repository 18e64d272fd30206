/** What the store keeps of the way from a decision to its end: deployments, attempts, lanes, build statuses. */
import type {
  Attempt,
  BackendReport,
  ClaimedLane,
  CloneGrant,
  Deployment,
  DeploymentState,
  Lane,
  LaneLease,
  StatusReport,
} from '../model/index.js';

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
  /**
   * What a slot came to last, leaving some and those that were superseded out: what still waits there, else what was begun last.
   * Events may come in any order, so that is not always the newest.
   */
  lastOfSlot(targetId: string, slot: string, except: readonly string[]): Promise<Deployment | null>;
  /** What waits in a slot, the newest; not those whose ref must be checked. */
  newestQueued(targetId: string, slot: string): Promise<Deployment | null>;
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
