import type { CloneCredential } from '../../src/core/backend.js';
import { BitbucketError } from '../../src/core/errors.js';
import type { Repository } from '../../src/core/model/index.js';
import type {
  Bitbucket,
  BuildStatus,
  HookSpec,
  RemoteCommit,
  RemoteHook,
  RemoteRepository,
  RepositoryPermission,
  WorkspacePermission,
} from '../../src/core/ports.js';

/** Bitbucket as the domain sees it, in memory. */
export class FakeBitbucket implements Bitbucket {
  readonly statuses: { commit: string; status: BuildStatus }[] = [];
  /** `branch:main` → its head commit. */
  refs = new Map<string, RemoteCommit>();
  /** `from..to` → changed paths; absent = cannot be known. */
  diffs = new Map<string, string[]>();
  remote: RemoteRepository | null = null;
  workspaceIs: { slug: string | null; name: string | null } | null = null;
  /** Names of members by their uuid; whoever is not in it is none. */
  members = new Map<string, string>();
  readonly membersAsked: string[] = [];
  permissionIs: RepositoryPermission = 'admin';
  workspacePermissionIs: WorkspacePermission = 'admin';
  remoteHooks: (RemoteHook & { secret?: string })[] = [];
  /** Thrown at every call in this name; `null` for the workspace's own credentials. */
  readonly refusals = new Map<string | null, Error>();
  #hookCount = 0;
  /** Thrown by the next calls, one each. */
  failures: Error[] = [];

  repository(): Promise<RemoteRepository | null> {
    return this.#answer(this.remote);
  }

  whereabouts(_: Repository, personUuid: string | null): Promise<RemoteRepository | null> {
    return this.#answer(this.remote, personUuid);
  }

  workspace(): Promise<{ slug: string | null; name: string | null } | null> {
    return this.#answer(this.workspaceIs);
  }

  head(_: Repository, refType: string, name: string): Promise<RemoteCommit | null> {
    return this.#answer(this.refs.get(`${refType}:${name}`) ?? null);
  }

  branches(): Promise<string[]> {
    return this.#answer([...this.refs.keys()].map((key) => key.split(':')[1] ?? ''));
  }

  tags(): Promise<string[]> {
    const tags = [...this.refs.keys()].filter((key) => key.startsWith('tag:'));
    return this.#answer(tags.map((key) => key.slice('tag:'.length)));
  }

  heads(_: Repository, refType: 'branch' | 'tag'): Promise<Map<string, string>> {
    const prefix = `${refType}:`;
    const heads = [...this.refs].filter(([key]) => key.startsWith(prefix));
    return this.#answer(new Map(heads.map(([key, { hash }]) => [key.slice(prefix.length), hash])));
  }

  changedPaths(_: Repository, from: string, to: string): Promise<string[] | null> {
    return this.#answer(this.diffs.get(`${from}..${to}`) ?? null);
  }

  permission(): Promise<RepositoryPermission> {
    return this.#answer(this.permissionIs);
  }

  hooks(_: Repository, personUuid: string | null): Promise<RemoteHook[]> {
    return this.#answer([...this.remoteHooks], personUuid);
  }

  async createHook(_: Repository, spec: HookSpec, personUuid: string | null): Promise<RemoteHook> {
    await this.#answer(null, personUuid);
    const hook = { ...spec, uuid: `{hook-${(this.#hookCount += 1)}}`, secretSet: true };
    this.remoteHooks.push(hook);
    return hook;
  }

  async updateHook(
    _: Repository,
    uuid: string,
    spec: HookSpec,
    personUuid: string | null,
  ): Promise<void> {
    await this.#answer(null, personUuid);
    const at = this.remoteHooks.findIndex((one) => one.uuid === uuid);
    this.remoteHooks[at] = { ...spec, uuid, secretSet: true };
  }

  async deleteHook(_: Repository, uuid: string, personUuid: string | null): Promise<void> {
    await this.#answer(null, personUuid);
    this.remoteHooks = this.remoteHooks.filter((one) => one.uuid !== uuid);
  }

  workspacePermission(): Promise<WorkspacePermission> {
    return this.#answer(this.workspacePermissionIs);
  }

  personName(): Promise<string | null> {
    return this.#answer('Ada Example');
  }

  memberName(workspaceUuid: string, userUuid: string): Promise<string | null> {
    this.membersAsked.push(`${workspaceUuid} ${userUuid}`);
    return this.#answer(this.members.get(userUuid) ?? null);
  }

  async setBuildStatus(_: Repository, commit: string, status: BuildStatus): Promise<void> {
    await this.#answer(null);
    this.statuses.push({ commit, status });
  }

  cloneUrl(repository: Repository): string {
    return `https://bitbucket.example/${repository.fullName}.git`;
  }

  /** What follows when git refused the first one, in turn. */
  nextPasswords: string[] = [];

  cloneCredential(
    _repository?: Repository,
    { refused = [] }: { refused?: readonly CloneCredential[] } = {},
  ): Promise<CloneCredential> {
    const password = ['clone-password', ...this.nextPasswords][refused.length];
    if (password === undefined) {
      return Promise.reject(new BitbucketError('bitbucket_refused', 'none is left'));
    }
    return this.#answer({
      username: 'x-token-auth',
      password,
      expiresAt: Number.MAX_SAFE_INTEGER,
      kind: 'app',
      source: 'test',
      name: 'a test',
    });
  }

  proveInstallation(): Promise<{ slug: string | null; name: string | null }> {
    return this.#answer({ slug: 'acme', name: 'Acme' });
  }

  #answer<T>(value: T, name?: string | null): Promise<T> {
    const refusal = name === undefined ? undefined : this.refusals.get(name);
    const failure = refusal ?? this.failures.shift();
    return failure ? Promise.reject(failure) : Promise.resolve(value);
  }
}
