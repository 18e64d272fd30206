/** `paused`: a person (or a permanent refusal) stopped automatic deploys. `removed`: kept for history only. */
export type TargetState = 'active' | 'paused' | 'removed';

/** Which refs a target deploys. Patterns are globs, comma-separated; null = none of that kind. */
export interface Rule {
  branchPattern: string | null;
  tagPattern: string | null;
  /** Comma-separated globs of files that matter; null = all. */
  includePaths: string | null;
  /** Globs of files that never matter, also when included; null = none. */
  excludePaths: string | null;
  /** Whether `[skip ci]` and its kin in the head commit's message keep it from deploying. */
  honourSkipMarkers: boolean;
}

/** What a newer push does to a deployment of its branch or tag that is running: let it end first, or cancel it. */
export type NewerPush = 'finish' | 'cancel';
/** Who lets a commit go on to a target that waits for another one: its going live there, or a person after that. */
export type Promote = 'automatic' | 'person';

/** Automatic deploys paused because of a deliberate act, for example a rollback. */
export interface Hold {
  since: number;
  by: string;
  reason: string;
}

export interface Target extends Rule {
  id: string;
  repositoryId: string;
  /** Backend id, for example `local`. */
  backend: string;
  /** The workspace's account at the backend; null where the backend needs none. */
  connectionId: string | null;
  /** Environment: Test, Staging, Production or a name. */
  name: string;
  state: TargetState;
  /** `cancel` only where the backend can. */
  newerPush: NewerPush;
  /** The target it waits for: it deploys exactly the commits that go live there. Null: none. */
  afterTargetId: string | null;
  promote: Promote;
  /** Backend settings that are not secret. */
  settings: Record<string, unknown>;
  /** Sealed JSON of the settings marked secret; null when there are none. */
  secretsSealed: string | null;
  hold: Hold | null;
  /** The deployment that is live now. */
  liveDeploymentId: string | null;
  /** Counts saves; two admins editing at once get a conflict instead of losing one edit. */
  version: number;
  createdBy: string;
  createdAt: number;
  updatedAt: number;
}
