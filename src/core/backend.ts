import type { z } from 'zod';
import type { BackendAccount, BackendConnection } from './backend-account.js';
import type { Progress } from './model/index.js';

export type * from './backend-account.js';

/**
 * The contract every deploy backend fulfils. Expected trouble is a value; a thrown error means a bug or lost
 * infrastructure and is treated as `unknown` when it happens after the call may have left.
 */
export interface Backend {
  /** Folder name and stored value, for example `local`. */
  readonly id: string;
  readonly label: string;
  /** One sentence for the picker. */
  readonly description: string;
  readonly capabilities: BackendCapabilities;
  /**
   * A zod object. Each field's `.meta()` is a `FieldMeta`: from it come form, check, masking and docs.
   * Fields with `secret: true` are sealed and never shown again.
   */
  readonly settings: z.ZodObject;
  /** Its targets use a connection: a workspace's account there. Absent: a target brings all it needs itself. */
  readonly account?: BackendAccount;
  /** The commit is fetched with a clone credential that Slipway issues. Absent: it has access to Bitbucket of its own. */
  readonly usesCloneCredential?: true;
  /** It builds and serves on the machine of the node that deploys first: of several, only that one may work on a target. */
  readonly ownNode?: true;
  /** Who a call for this target goes to; targets with the same host share a breaker. Absent: nobody's network is involved. */
  host?(of: HostFacts): string;
  /** Must not deploy. Run when a target is saved. */
  check(target: BackendTarget, signal: AbortSignal): Promise<CheckResult>;
  /** Carries out what a `CheckWarning` offered; must not deploy. */
  fix?(target: BackendTarget, fix: string, signal: AbortSignal): Promise<FixResult>;
  /** Hands one commit over. Called again under the same `idempotencyKey` after a crash. */
  trigger(request: TriggerRequest, signal: AbortSignal): Promise<TriggerOutcome>;
  /** What became of an accepted deployment. Absent: it ends `handed_off`. */
  observe?(deployment: BackendDeployment, signal: AbortSignal): Promise<Observation>;
  /** Finds a deployment whose trigger was never answered. Only with `capabilities.lookup`. */
  lookup?(request: BackendDeployment, signal: AbortSignal): Promise<LookupResult>;
  cancel?(deployment: BackendDeployment, signal: AbortSignal): Promise<CancelResult>;
  /** Switches back to the release of an earlier deployment, without building. */
  rollback?(request: RollbackRequest, signal: AbortSignal): Promise<TriggerOutcome>;
  /** A person resumes automatic deploys after a rollback: lets go of whatever the backend itself holds because of it. */
  resume?(target: BackendTarget, signal: AbortSignal): Promise<FixResult>;
  /** Whole build log as text, newest last; null when there is none (any more). */
  logs?(deployment: BackendDeployment, signal: AbortSignal): Promise<string | null>;
  /** The target was removed: stop serving, delete its files. */
  remove?(target: BackendTarget): Promise<void>;
  /** Process life, for backends that serve or hold something. */
  start?(targets: readonly BackendTarget[]): Promise<void>;
  stop?(): Promise<void>;
}

/** What can be promised; the form follows it, so that nothing is offered that would fail later. */
export type BackendCapabilities = CommonCapabilities &
  (
    | {
        /** Builds the commit it is told. */
        commit: 'exact';
        tags: boolean;
      }
    | {
        /** Builds whatever the branch points at by then: a tag's commit cannot be asked for. */
        commit: 'head';
        tags: false;
      }
  );

interface CommonCapabilities {
  /** `fixed`: the branch is chosen at the backend. A target's rule has to name that one, and each trigger checks it again. */
  branch: 'any' | 'fixed';
  lookup: boolean;
  /** A second trigger under the same key does not deploy again. */
  idempotent: boolean;
  cancel: boolean;
  rollback: boolean;
  logs: boolean;
}

export interface FieldMeta {
  label: string;
  help?: string;
  placeholder?: string;
  /** `environment`: lines of NAME=value. Default `text`. */
  input?: 'text' | 'textarea' | 'number' | 'checkbox' | 'select' | 'environment';
  secret?: boolean;
  /** Shown only after "more settings". */
  advanced?: boolean;
  /** Words for the values of a choice, where these are not words themselves. */
  choices?: Readonly<Record<string, string>>;
  /** Chosen from what `account.listTargets` lists; at most one field. */
  listed?: boolean;
}

/** What a backend may know of a target. Secrets are opened just for this call; never keep them. */
export interface BackendTarget {
  id: string;
  name: string;
  settings: Readonly<Record<string, unknown>>;
  secrets: Readonly<Record<string, unknown>>;
  /** Present exactly where the backend has `account`. */
  connection?: BackendConnection;
  /** With `check` only: whose pushes would be deployed. */
  repository?: { fullName: string };
}

/** What is known of a target without opening a secret. */
export interface HostFacts {
  /** The target's id: for a backend whose addresses are all secret. */
  targetId: string;
  settings: Readonly<Record<string, unknown>>;
  /** Of its connection; null where it has none. */
  connection: Readonly<Record<string, unknown>> | null;
}

export interface BackendDeployment {
  deploymentId: string;
  target: BackendTarget;
  /** The backend's id from `accepted`; null when the trigger was never answered. */
  backendRef: string | null;
  commit: string;
  /** When its first and its last try were sent, Unix ms. With `lookup` only: what it finds was made after the first. */
  sent?: { first: number; last: number };
  /** It was sent by `rollback`, not by `trigger`. */
  isRollback?: true;
  /**
   * Takes each HTTP call as it was, headers and secrets included: what is kept is cut and masked behind it. For `trigger`,
   * `lookup`, `cancel` and `rollback`; `recordingHttp` of lib does it for a whole client.
   */
  record?(exchange: Exchange): void;
}

/** One HTTP call in full. */
export interface Exchange {
  /** Unix ms. */
  at: number;
  ms: number;
  method: string;
  url: string;
  requestHeaders: Readonly<Record<string, string>>;
  requestBody: string | null;
  /** Null: no answer. */
  status: number | null;
  /** Lower-case names. */
  responseHeaders: Readonly<Record<string, string>>;
  responseBody: string | null;
  /** Why there was no answer, fit to be shown. */
  failure: string | null;
}

export interface CloneCredential {
  username: string;
  password: string;
  /** Unix ms. */
  expiresAt: number;
  /** `app`: owned by the installation; `oauth`: lent by a person. */
  kind: 'app' | 'oauth';
  /** Which of the ways to get one it came by; the same word again after a refusal. */
  source: string;
  /** Ends the sentence "cloned with …", for people. */
  name: string;
}

export interface TriggerRequest extends BackendDeployment {
  /** Same for every try of this deployment. */
  idempotencyKey: string;
  /** Grows with every lease of the lane; a backend refuses a lower one than it has seen. */
  fencing: number;
  repository: { uuid: string; fullName: string; cloneUrl: string };
  refType: string;
  refName: string;
  message: string | null;
  author: string | null;
  cause: string;
  /** Display name of who pushed or clicked. */
  causedBy: string | null;
  /** Which try of this deployment it is, from 1. */
  attempt: number;
  /** What is live on the target now; null = nothing. */
  previousCommit: string | null;
  /**
   * Issues a credential now. `refused`: those that git was refused with in this try, in order. Each is followed by a fresh one
   * from the same source, then by the next source's; `bitbucket_refused` is thrown when none is left.
   */
  cloneCredential(options?: { refused?: readonly CloneCredential[] }): Promise<CloneCredential>;
}

export interface RollbackRequest extends BackendDeployment {
  idempotencyKey: string;
  fencing: number;
  /** The earlier deployment whose release is wanted. */
  toDeploymentId: string;
  toBackendRef: string;
}

export type TriggerOutcome =
  /** `observation`: what the answer said of the deployment beyond having it; without, it is observed a second later. */
  | { kind: 'accepted'; backendRef: string; observation?: Observation }
  /**
   * It said no, and would say no again. `needsReconnect`: because of the credential. Of a connection, that marks the connection
   * broken, and the deployment waits until it is repaired; of a target's own, the target is paused. `isHeld`: somebody has
   * stopped deploys over there, after a rollback for example; that is no failure, but a hold.
   */
  | { kind: 'rejected'; reason: string; needsReconnect?: boolean; isHeld?: true }
  /** Nothing was started; try again. `isBusy`: its host answered well, so no breaker should count it. */
  | { kind: 'retry'; reason: string; retryAfterMs?: number; isBusy?: true }
  /** Sent, no answer: look up before anything is sent again. */
  | { kind: 'unknown'; reason: string };

export type ObservedState =
  | 'queued'
  | 'building'
  | 'deploying'
  | 'live'
  | 'failed'
  | 'stopped'
  | 'superseded'
  /** Nothing could be learnt now; asked again. */
  | 'unchanged'
  /** Taken, but no report will follow; `reason` says so. */
  | 'handed_off';

export interface Observation {
  state: ObservedState;
  /**
   * The commit really deployed, when the backend says so. A newer one than asked for settles that one's push, too: it is not
   * deployed again.
   */
  commit?: string;
  url?: string;
  /** The most useful line, for `failed` and `stopped`. */
  reason?: string;
  progress?: Progress;
  /** Last lines of the log, newest last, secrets masked. */
  logTail?: string[];
  /** When to ask again, ms. A backend that notifies may leave this long. */
  pollAfterMs?: number;
  /** The backend no longer runs it and it reached no end: it is triggered again under the same key. */
  lost?: true;
  /** The credential was refused, so nothing is known; `reason` says how. Marks the connection broken. */
  needsReconnect?: true;
}

export type LookupResult =
  | { kind: 'found'; backendRef: string }
  /** Proven not to exist: safe to send. */
  | { kind: 'absent' }
  | { kind: 'undecided'; reason: string; needsReconnect?: true };

export type CancelResult =
  { kind: 'cancelled' } | { kind: 'too_late' } | { kind: 'failed'; reason: string };

export type CheckResult =
  | {
      ok: true;
      /** The branch fixed at the backend, with `capabilities.branch` = `fixed`; the rule is compared with it. */
      branch?: string;
      warnings?: CheckWarning[];
    }
  | { ok: false; problems: CheckProblem[] };

export interface CheckProblem {
  /** Settings field (of the target, or of the connection in `account.test`), or null for the whole. */
  field: string | null;
  message: string;
}

/** It will work, but not as people expect. */
export interface CheckWarning {
  message: string;
  /** What `Backend.fix` could do about it: its name there, and the words on the button. */
  fix?: { id: string; label: string };
}

export type FixResult = { kind: 'done' } | { kind: 'failed'; reason: string };

/** Given to backends at construction: "something changed, look again now". Losing one costs a poll, nothing else. */
export type NotifyProgress = (targetId: string) => void;
