import type {
  Backend,
  CheckWarning,
  CreationProposal,
  CreationResult,
  CreationWish,
  TargetListing,
} from '../../core/backend.js';
import type {
  Deployment,
  HookHealth,
  NewerPush,
  Promote,
  Repository,
  Target,
} from '../../core/model/index.js';
import type { Logger, Reader, RepositoryPermission } from '../../core/ports.js';
import type { CheckProgress, PreflightStep } from '../../core/preflight.js';

/** Everything the panel may do or ask. Fulfilled by `context.ts` out of `actions/`. */
export interface PanelServices {
  read: Reader;
  /** In display order, only those the operator allows. */
  backends: readonly Backend[];
  logger: Logger;
  /** Creates the repository row from Bitbucket when it is not known yet. Throws `repository_gone`. */
  openRepository(workspaceUuid: string, repositoryUuid: string): Promise<Repository>;
  /** Asks Bitbucket; cached for a minute. `unknown`: our credential may not ask. */
  permission(repository: Repository, userUuid: string): Promise<RepositoryPermission>;
  /** Display name of a person, from Bitbucket; null when it does not tell. Cached. */
  personName(repository: Repository, userUuid: string): Promise<string | null>;
  /** Up to 100 branch names for suggestions; empty when Bitbucket does not answer in time. */
  branches(repository: Repository): Promise<string[]>;
  /** Files that differ between two commits; null when Bitbucket does not tell in time. Cached. */
  changedPaths(repository: Repository, from: string, to: string): Promise<string[] | null>;
  /**
   * Validates, tries what a deploy needs, seals secrets. Throws `InputError` with `fields` (`PreflightError` where the check
   * said no), or `StateError('target_changed')`.
   * Keys of `fields`: `name`, `backend`, `branchPattern`, `tagPattern`, `includePaths`, `excludePaths`, `connectionId`,
   * `afterTargetId`, and `settings.<field>` for the backend's own.
   */
  saveTarget(input: SaveTargetInput): Promise<{ target: Target } & TargetCheck>;
  /**
   * The same one step of the check a call, and at last the save. `checked`: what the call before gave, empty the first time;
   * anything else begins from the start.
   */
  saveTargetByStep(
    input: SaveTargetInput,
    checked: string,
  ): Promise<({ target: Target } & TargetCheck) | CheckProgress>;
  /** The check of a save once more, for a target as it is stored. Changes nothing. */
  checkTarget(input: { targetId: string }): Promise<TargetCheck>;
  checkTargetByStep(
    input: { targetId: string },
    checked: string,
  ): Promise<TargetCheck | CheckProgress>;
  /** What can be deployed to with a connection of the workspace. Throws `InputError('connection_unknown')`. */
  listTargets(input: ConnectionUse & { cursor: string | null }): Promise<TargetListing>;
  proposeCreation(input: ConnectionUse & { wish: CreationWish }): Promise<CreationProposal>;
  createAtBackend(
    input: ConnectionUse & { wish: CreationWish; by: Actor },
  ): Promise<CreationResult>;
  /** Does what a warning offered; the warnings that are left. Throws `StateError('fix_failed')`. */
  fixTarget(input: { targetId: string; fix: string; by: Actor }): Promise<readonly CheckWarning[]>;
  removeTarget(input: { targetId: string; by: Actor }): Promise<void>;
  /** Stops or restarts automatic deploys; also ends a hold. */
  setAutomatic(input: { targetId: string; on: boolean; by: Actor }): Promise<void>;
  /** Deploys the head of a ref now. Throws `InputError('ref_unknown')`. */
  deployNow(input: {
    targetId: string;
    refType: 'branch' | 'tag';
    refName: string;
    by: Actor;
  }): Promise<Deployment>;
  redeploy(input: { deploymentId: string; by: Actor }): Promise<Deployment>;
  cancel(input: { deploymentId: string; by: Actor }): Promise<void>;
  rollBack(input: { deploymentId: string; by: Actor }): Promise<Deployment>;
  /** One that waits for a person goes on, or ends. Throw `StateError('nothing_to_approve')`. */
  approve(input: { deploymentId: string; by: Actor }): Promise<void>;
  decline(input: { deploymentId: string; by: Actor }): Promise<void>;
  /** One whose backend never answered went live after all. Throws `StateError('nothing_to_confirm')`. */
  confirmLive(input: { deploymentId: string; by: Actor }): Promise<void>;
  /** Those among them that are the last word of their branch or tag, under new deployments; the rest says why not. */
  retryFailed(input: {
    wish: { ids: readonly string[] } | { failedSince: number; repositoryId: string };
    by: Actor;
  }): Promise<Retried>;
  /** Whole build log as text, or null. */
  buildLog(deployment: Deployment): Promise<string | null>;
  /** The repository's own webhook. Each throws `StateError` with the reason in words, or `BitbucketError`. */
  hooks: {
    /** Enables, repairs, and gives a new secret. */
    ensure(wish: HookWish): Promise<unknown>;
    remove(wish: HookWish): Promise<{ removedAtBitbucket: boolean; problem: string | null }>;
    /** Null: there is none to check. */
    check(wish: HookWish): Promise<HookHealth | null>;
  };
}

export interface Retried {
  retried: readonly unknown[];
  /** `why`: a sentence. */
  refused: readonly { why: string }[];
  /** There were more than one call takes. */
  more: boolean;
}

export interface HookWish {
  repository: Repository;
  by: Actor;
}

export interface ConnectionUse {
  connectionId: string;
  workspaceUuid: string;
}

/** Who clicked: display name for the record, uuid for the proof. */
export interface Actor {
  uuid: string;
  name: string;
}

export interface TargetCheck {
  steps: readonly PreflightStep[];
  warnings: readonly CheckWarning[];
}

export interface SaveTargetInput {
  /** Null = a new target. */
  targetId: string | null;
  /** Of the target as the form was rendered; ignored for a new one. */
  expectedVersion: number;
  repository: Repository;
  backend: string;
  /** Null: none was chosen, or the backend needs none. */
  connectionId: string | null;
  name: string;
  branchPattern: string | null;
  tagPattern: string | null;
  /** Null = all files matter. */
  includePaths: string | null;
  /** Null = none is left out. */
  excludePaths: string | null;
  honourSkipMarkers: boolean;
  /** Where the backend cannot cancel, `finish` is stored. */
  newerPush: NewerPush;
  /** The target it waits for; null = none. */
  afterTargetId: string | null;
  promote: Promote;
  /** Raw form values by field name, all strings; an empty secret keeps the stored one. */
  settings: Record<string, string>;
  /** Secret fields whose stored value is to go; an empty secret alone keeps it. */
  clearSecrets: readonly string[];
  by: Actor;
}
