import type { ForgeInstallation } from '../forge/model.js';
import type { JsonObject } from '../json.js';

export type Permission = 'read' | 'write' | 'admin';

export interface User {
  uuid: string;
  account_id: string;
  nickname: string;
  display_name: string;
  email: string;
  /** Stands for the person's API token on the git command line. */
  git_password: string;
  created_on: string;
}

export interface Workspace {
  uuid: string;
  slug: string;
  name: string;
  created_on: string;
  project: { uuid: string; key: string; name: string };
  /** By user uuid. */
  members: Record<string, 'owner' | 'member'>;
}

export interface Repository {
  uuid: string;
  workspace_uuid: string;
  slug: string;
  name: string;
  description: string;
  website: string | null;
  language: string;
  is_private: boolean;
  created_on: string;
  updated_on: string;
  /** By user uuid. Workspace owners are admins everywhere without an entry. */
  permissions: Record<string, Permission>;
}

/** Our app in one workspace. Uninstalled ones stay as tombstones (bitbucket-connect §3.4). */
export interface Installation {
  client_key: string;
  app_key: string;
  workspace_uuid: string;
  user_uuid: string;
  /** The account the app acts as when it pushes or asks who it is. */
  app_user_uuid: string;
  secret: string;
  /** Live already while the `installed` callback is on its way. */
  pending_secret: string | null;
  active: boolean;
  descriptor_url: string;
  descriptor: JsonObject;
  scopes: string[];
  /** One hook uuid for each entry of `modules.webhooks`. */
  hook_uuids: string[];
  installed_on: string;
}

/** An account that is no person: a consumer acting for itself, an access token (§1.7), or a Forge app's bot. */
export interface AppAccount {
  uuid: string;
  name: string;
  workspace_uuid: string;
  origin: 'consumer' | 'workspace_token' | 'repository_token' | 'forge_app';
}

export type TokenOwner =
  | { kind: 'installation'; client_key: string }
  | { kind: 'user'; user_uuid: string }
  | { kind: 'app'; app: AppAccount };

export interface AccessToken {
  owner: TokenOwner;
  scopes: string[];
  /** Set when the token was narrowed with `bitbucket_repository`, or made for one repository. */
  repository_uuid: string | null;
  /** Key of the consumer that got it, and the grant it hangs on, where there is one. */
  consumer_key?: string;
  grant_id?: string;
  issued_at: number;
  expires_at: number;
  revoked: boolean;
}

/** Which token backend serves a consumer: Atlassian moves them one by one (bitbucket-api §0). */
export type OAuthBackend = '2025' | '2026';

/** Workspace settings > OAuth consumers (bitbucket-api §1.1). */
export interface OAuthConsumer {
  key: string;
  secret: string;
  name: string;
  description: string;
  /** One only; null: the consumer cannot be used for signing in. */
  callback_url: string | null;
  /** Needed for `client_credentials`. */
  is_private: boolean;
  scopes: string[];
  workspace_uuid: string;
  /** Whom `client_credentials` acted as before May 2026. */
  owner_uuid: string;
  /** Whom it acts as since then. */
  app_user_uuid: string;
  backend: OAuthBackend;
  created_on: string;
}

/** What a person allowed a consumer; listed under their App authorizations. */
export interface OAuthGrant {
  id: string;
  consumer_key: string;
  user_uuid: string;
  scopes: string[];
  granted_on: string;
  revoked: boolean;
}

export interface AuthorizationCode {
  grant_id: string;
  /** As it was sent to the authorize page; must be repeated then. */
  redirect_uri: string | null;
  /** S256 of the verifier, or the verifier itself for `plain`. */
  challenge: { method: 'S256' | 'plain'; value: string } | null;
  issued_at: number;
  used: boolean;
}

export interface RefreshToken {
  grant_id: string;
  issued_at: number;
  /** First use; the new backend takes it for ten more minutes. */
  used_at: number | null;
}

/** Made through the API or by an administrator (bitbucket-api §4.8). */
export interface Webhook {
  uuid: string;
  subject_type: 'repository' | 'workspace';
  /** Of the repository or the workspace. */
  subject_uuid: string;
  url: string;
  description: string;
  active: boolean;
  events: string[];
  /** Never shown again. */
  secret: string | null;
  skip_cert_verification: boolean;
  created_at: string;
}

export interface BuildStatus {
  uuid: string;
  key: string;
  state: string;
  name: string | null;
  description: string | null;
  url: string;
  refname: string | null;
  created_on: string;
  updated_on: string;
}

export interface StatusWrite {
  key: string;
  state: string;
  name: string | null;
  description: string | null;
  url: string;
  refname: string | null;
  method: string;
  at: string;
}

export interface CommitStatuses {
  repository_uuid: string;
  commit: string;
  current: BuildStatus[];
  history: StatusWrite[];
}

/** Everything that survives a restart; written to `sandbox.json`. */
export interface SandboxData {
  version: 1;
  users: Record<string, User>;
  workspaces: Record<string, Workspace>;
  repositories: Record<string, Repository>;
  installations: Record<string, Installation>;
  forge_installations: Record<string, ForgeInstallation>;
  tokens: Record<string, AccessToken>;
  hooks: Record<string, Webhook>;
  consumers: Record<string, OAuthConsumer>;
  grants: Record<string, OAuthGrant>;
  codes: Record<string, AuthorizationCode>;
  refresh_tokens: Record<string, RefreshToken>;
  /** By `<repository uuid>/<commit>`. */
  statuses: Record<string, CommitStatuses>;
  /** Old `workspace/slug` names after a rename or transfer, to the repository's uuid. */
  former_names: Record<string, string>;
  settings: JsonObject;
  clock_offset_ms: number;
}

export function emptyData(): SandboxData {
  return {
    version: 1,
    users: {},
    workspaces: {},
    repositories: {},
    installations: {},
    forge_installations: {},
    tokens: {},
    hooks: {},
    consumers: {},
    grants: {},
    codes: {},
    refresh_tokens: {},
    statuses: {},
    former_names: {},
    settings: {},
    clock_offset_ms: 0,
  };
}
