import type { KeptExchange } from './exchange.js';

/**
 * `queued` → `building` → `deploying` → `live`; other ends `failed`, `stopped`, `superseded`, `handed_off` (accepted,
 * cannot be observed) and, until looked up, `unknown` (sent, no answer). `waiting`: for another target or a person.
 */
export type DeploymentState =
  | 'waiting'
  | 'queued'
  | 'building'
  | 'deploying'
  | 'live'
  | 'failed'
  | 'stopped'
  | 'superseded'
  | 'handed_off'
  | 'unknown';

/**
 * What is asked before a queued deployment may run: `head`, whether its ref really points there; `paths`, whether files
 * changed that matter to its target.
 */
export type PendingCheck = 'head' | 'paths';

export type DeploymentCause = 'push' | 'person' | 'retry' | 'rollback' | 'reconcile';

export interface Progress {
  /** What is happening now, in words: "Installing packages". */
  step: string;
  /** Steps done and in all, when the backend knows them. */
  done?: number;
  total?: number;
}

export interface Deployment {
  id: string;
  /** Unguessable path of the read-only page `/d/:token`. */
  pageToken: string;
  targetId: string;
  repositoryId: string;
  /** The ref change that caused it; null for a person's act. */
  refChangeId: string | null;
  /** What newest-wins is judged by: `branch:main`, `tag:v1`, `manual:<id>`. */
  slot: string;
  /** When its slot began to wait: what replaces a queued deployment takes over its place in the lane. */
  slotSince: number;
  refType: string;
  refName: string;
  commit: string;
  message: string | null;
  author: string | null;
  cause: DeploymentCause;
  /** Display name of who pushed or clicked. */
  causedBy: string | null;
  /** The deployment whose release is switched back to (rollback only). */
  rollbackOf: string | null;
  /** In the order they are made; empty = it may run. */
  pendingChecks: PendingCheck[];
  state: DeploymentState;
  /** Why it is in this state, in words for the panel. */
  reason: string | null;
  supersededBy: string | null;
  /** The backend's own id of this deployment, once accepted. */
  backendRef: string | null;
  /** The commit the backend really built, where that was another one; it may build what the branch points at by then. */
  builtCommit: string | null;
  url: string | null;
  progress: Progress | null;
  /** Last lines of the build log, newest last. */
  logTail: string[] | null;
  cancelRequestedBy: string | null;
  /** The deployment of another target whose end it waits for, or waited for; null: none. */
  waitsFor: string | null;
  /** `waiting` for a person until then, Unix ms; null: for no person. */
  approvalUntil: number | null;
  /** Display name of the person who let it go on. */
  approvedBy: string | null;
  /** Name of the credential that its commit was last fetched with; ends "cloned with …". */
  clonedWith: string | null;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  updatedAt: number;
}

export type DecisionOutcome = 'deploy' | 'skip' | 'pending';

/** What was done with one ref change for one target, and why. */
export interface Decision {
  refChangeId: string;
  targetId: string;
  outcome: DecisionOutcome;
  /** Machine word: `matched`, `no_match`, `ref_deleted`, `held`, `paused`, `unsupported_ref`, `skip_marker` … */
  reasonCode: string;
  /** The sentence a person reads. */
  reason: string;
  deploymentId: string | null;
  createdAt: number;
}

export interface Lane {
  targetId: string;
  repositoryId: string;
  workspaceUuid: string;
  /** When it next wants a worker; null = idle. */
  dueAt: number | null;
  leaseOwner: string | null;
  leaseUntil: number | null;
  /** Grows with every lease; a worker that was paused cannot write with an old one. */
  fencing: number;
  /** Grows with every wake-up. */
  wakeCount: number;
  /** The one running delivery, if any. */
  currentDeploymentId: string | null;
  /** Failed tries in a row of the current delivery. */
  failures: number;
  /** The node that alone may work on it, where its backend lives on one; null = any. */
  node: string | null;
}

/** The right to work on one lane for a while. */
export interface LaneLease {
  targetId: string;
  workspaceUuid: string;
  owner: string;
  fencing: number;
  /** As of the claim: a wake-up that came later must not be lost when the lane is given back. */
  wakeCount: number;
}

/** A lane as it was when it was leased. */
export interface ClaimedLane {
  lease: LaneLease;
  repositoryId: string;
  currentDeploymentId: string | null;
  failures: number;
  node: string | null;
}

export type AttemptKind = 'trigger' | 'lookup' | 'cancel' | 'rollback';
export type AttemptOutcome =
  | 'accepted'
  | 'rejected'
  | 'retry'
  | 'unknown'
  | 'found'
  | 'absent'
  | 'cancelled'
  /** Cancelled when it had ended already. */
  | 'too_late'
  /** The backend could not be asked to cancel; it is asked again. */
  | 'failed';

export interface Attempt {
  id: string;
  deploymentId: string;
  kind: AttemptKind;
  number: number;
  fencing: number;
  startedAt: number;
  finishedAt: number | null;
  outcome: AttemptOutcome | null;
  /** Words for the panel, redacted. */
  detail: string | null;
  /** What was sent and what came back, for backends that are called over HTTP; null: nothing. */
  exchanges: KeptExchange[] | null;
}

export type BuildStatusState = 'INPROGRESS' | 'SUCCESSFUL' | 'FAILED' | 'STOPPED';

/** One write of a build status that is owed to Bitbucket; an outbox row. */
export interface StatusReport {
  id: string;
  deploymentId: string;
  repositoryId: string;
  commit: string;
  /** At most 40 characters, stable per target. */
  key: string;
  state: BuildStatusState;
  name: string;
  description: string;
  url: string;
  refName: string | null;
  dueAt: number | null;
  attempts: number;
  /** Null while owed; set when Bitbucket took it, or when it was skipped because a newer one overtook it. */
  settledAt: number | null;
  error: string | null;
  createdAt: number;
}
