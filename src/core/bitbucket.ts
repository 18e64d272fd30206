/** What the domain asks of Bitbucket. */
import type { CloneCredential } from './backend.js';
import type { BuildStatusState, Repository } from './model/index.js';

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
  /** Display name of a member of a workspace; null when Bitbucket does not tell. */
  memberName(workspaceUuid: string, userUuid: string): Promise<string | null>;
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
