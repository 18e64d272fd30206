import type { Clock } from '../clock.js';
import type { ForgeInstallation } from '../forge/model.js';
import type { JsonObject } from '../json.js';
import {
  emptyData,
  type AccessToken,
  type CommitStatuses,
  type Installation,
  type Permission,
  type Repository,
  type SandboxData,
  type StatusWrite,
  type User,
  type Webhook,
  type Workspace,
} from './model.js';
import { OAuthState } from './oauth-state.js';
import { defaultSettings, mergeSettings, type Settings } from './settings.js';

const rank: Record<Permission, number> = { read: 1, write: 2, admin: 3 };

/** Who and what exists in the sandbox, with the lookups every part needs. */
export class State {
  readonly clock: Clock;
  readonly oauth: OAuthState;
  private data: SandboxData = emptyData();
  private current: Settings = { ...defaultSettings };
  private onChange: () => void = () => undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    this.oauth = new OAuthState(
      () => this.data,
      () => this.changed(),
    );
  }

  load(data: SandboxData): void {
    this.data = data;
    const merged = mergeSettings({ ...defaultSettings }, data.settings);
    this.current = Array.isArray(merged) ? { ...defaultSettings } : merged;
    this.clock.setOffset(data.clock_offset_ms);
  }

  snapshot(): SandboxData {
    return { ...this.data, settings: { ...this.current }, clock_offset_ms: this.clock.offsetMs };
  }

  /** Calls `listener` after every change; there is one listener, the saver. */
  watch(listener: () => void): void {
    this.onChange = listener;
  }

  changed(): void {
    this.onChange();
  }

  reset(): void {
    this.data = emptyData();
    this.current = { ...defaultSettings };
    this.clock.setOffset(0);
    this.changed();
  }

  get settings(): Settings {
    return this.current;
  }

  setSettings(changes: JsonObject): string[] {
    const merged = mergeSettings(this.current, changes);
    if (Array.isArray(merged)) return merged;
    this.current = merged;
    this.changed();
    return [];
  }

  get users(): User[] {
    return Object.values(this.data.users);
  }

  get workspaces(): Workspace[] {
    return Object.values(this.data.workspaces);
  }

  get repositories(): Repository[] {
    return Object.values(this.data.repositories);
  }

  get installations(): Installation[] {
    return Object.values(this.data.installations);
  }

  addUser(user: User): void {
    this.data.users[user.uuid] = user;
    this.changed();
  }

  addWorkspace(workspace: Workspace): void {
    this.data.workspaces[workspace.uuid] = workspace;
    this.changed();
  }

  addRepository(repository: Repository): void {
    this.data.repositories[repository.uuid] = repository;
    this.changed();
  }

  removeRepository(repository: Repository): void {
    delete this.data.repositories[repository.uuid];
    for (const [key, entry] of Object.entries(this.data.statuses)) {
      if (entry.repository_uuid === repository.uuid) delete this.data.statuses[key];
    }
    for (const hook of this.hooksOf(repository.uuid)) delete this.data.hooks[hook.uuid];
    this.changed();
  }

  putInstallation(installation: Installation): void {
    this.data.installations[installation.client_key] = installation;
    this.changed();
  }

  removeInstallation(clientKey: string): void {
    delete this.data.installations[clientKey];
    this.changed();
  }

  hooksOf(subjectUuid: string): Webhook[] {
    return Object.values(this.data.hooks).filter((hook) => hook.subject_uuid === subjectUuid);
  }

  hook(uuid: string): Webhook | undefined {
    return Object.hasOwn(this.data.hooks, uuid) ? this.data.hooks[uuid] : undefined;
  }

  putHook(hook: Webhook): void {
    this.data.hooks[hook.uuid] = hook;
    this.changed();
  }

  removeHook(uuid: string): void {
    delete this.data.hooks[uuid];
    this.changed();
  }

  putToken(value: string, token: AccessToken): void {
    this.data.tokens[value] = token;
    this.changed();
  }

  token(value: string): AccessToken | undefined {
    return Object.hasOwn(this.data.tokens, value) ? this.data.tokens[value] : undefined;
  }

  revokeTokens(matches: (token: AccessToken) => boolean): number {
    const found = Object.values(this.data.tokens).filter((t) => !t.revoked && matches(t));
    for (const token of found) token.revoked = true;
    this.changed();
    return found.length;
  }

  rememberFormerName(fullName: string, repository: Repository): void {
    this.data.former_names[fullName] = repository.uuid;
    this.changed();
  }

  repositoryByFormerName(fullName: string): Repository | undefined {
    const uuid = this.data.former_names[fullName];
    return uuid === undefined ? undefined : this.data.repositories[uuid];
  }

  statuses(repository: Repository, commit: string): CommitStatuses {
    const found = this.data.statuses[`${repository.uuid}/${commit}`];
    return found ?? { repository_uuid: repository.uuid, commit, current: [], history: [] };
  }

  /** Every write, oldest first; of one commit, or of the whole repository. */
  statusHistory(repository: Repository, commit?: string): (StatusWrite & { commit: string })[] {
    return Object.values(this.data.statuses)
      .filter((e) => e.repository_uuid === repository.uuid)
      .filter((e) => commit === undefined || e.commit === commit)
      .flatMap((e) => e.history.map((write) => ({ commit: e.commit, ...write })))
      .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  }

  putStatuses(entry: CommitStatuses): void {
    this.data.statuses[`${entry.repository_uuid}/${entry.commit}`] = entry;
    this.changed();
  }

  /** By slug or `{uuid}`. */
  workspace(identifier: string): Workspace | undefined {
    const wanted = identifier.toLowerCase();
    return this.workspaces.find((w) => w.slug === wanted || w.uuid === wanted);
  }

  workspaceOf(repository: Repository): Workspace {
    const workspace = this.data.workspaces[repository.workspace_uuid];
    if (!workspace) throw new Error(`repository ${repository.uuid} has no workspace`);
    return workspace;
  }

  fullName(repository: Repository): string {
    return `${this.workspaceOf(repository).slug}/${repository.slug}`;
  }

  /**
   * By slug or `{uuid}`; with a repository uuid the workspace may be the empty pair `{}`
   * (bitbucket-api §3.1).
   */
  repository(workspaceId: string, repositoryId: string): Repository | undefined {
    const wanted = repositoryId.toLowerCase();
    const byUuid = this.data.repositories[wanted];
    if (byUuid && workspaceId === '{}') return byUuid;
    const workspace = this.workspace(workspaceId);
    if (!workspace) return undefined;
    return this.repositories.find(
      (r) => r.workspace_uuid === workspace.uuid && (r.slug === wanted || r.uuid === wanted),
    );
  }

  /** By `workspace/slug`, `{uuid}` or `workspace/{uuid}`. */
  repositoryByName(name: string): Repository | undefined {
    const [workspace = '', slug] = name.split('/');
    return slug === undefined ? this.repository('{}', name) : this.repository(workspace, slug);
  }

  /** By nickname, `{uuid}` or account id. */
  user(identifier: string): User | undefined {
    return this.users.find(
      (u) =>
        u.nickname === identifier ||
        u.uuid === identifier.toLowerCase() ||
        u.account_id === identifier,
    );
  }

  userByEmail(email: string): User | undefined {
    return this.users.find((u) => u.email.toLowerCase() === email.toLowerCase());
  }

  permission(user: User, repository: Repository): Permission | undefined {
    if (this.workspaceOf(repository).members[user.uuid] === 'owner') return 'admin';
    return repository.permissions[user.uuid];
  }

  allows(user: User, repository: Repository, wanted: Permission): boolean {
    const permission = this.permission(user, repository);
    return permission !== undefined && rank[permission] >= rank[wanted];
  }

  installation(clientKey: string): Installation | undefined {
    return this.data.installations[clientKey];
  }

  get forgeInstallations(): ForgeInstallation[] {
    return Object.values(this.data.forge_installations);
  }

  forgeInstallation(id: string): ForgeInstallation | undefined {
    return this.data.forge_installations[id];
  }

  putForgeInstallation(installation: ForgeInstallation): void {
    this.data.forge_installations[installation.id] = installation;
    this.changed();
  }

  installationOf(workspace: Workspace, appKey: string): Installation | undefined {
    return this.installations.find(
      (i) => i.workspace_uuid === workspace.uuid && i.app_key === appKey,
    );
  }
}
