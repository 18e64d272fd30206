export type Door = 'connect' | 'forge' | 'oauth';

/**
 * - `unconfirmed`: an unsigned first install whose secret has not proved itself yet; nothing is accepted from it.
 * - `active`: in use. `removed`: uninstalled; the secret stays as a tombstone so that a signed reinstall can be checked.
 */
export type InstallationState = 'unconfirmed' | 'active' | 'removed';

export interface Installation {
  id: string;
  door: Door;
  /** Connect `clientKey` or Forge installation id; unique within a door. */
  externalId: string;
  workspaceUuid: string;
  state: InstallationState;
  /** Sealed shared secret (Connect). */
  secretSealed: string | null;
  /** Who clicked install, for display. */
  installedBy: string | null;
  createdAt: number;
  updatedAt: number;
}

export interface Workspace {
  uuid: string;
  slug: string | null;
  name: string | null;
  updatedAt: number;
}

export type RepositoryState = 'active' | 'deleted';

export interface Repository {
  id: string;
  /** With braces, as Bitbucket sends it; the only key that survives rename and transfer. */
  uuid: string;
  workspaceUuid: string;
  /** `workspace-slug/repository-slug`; display text and path segment, changes on rename. */
  fullName: string;
  name: string;
  mainBranch: string | null;
  isPrivate: boolean;
  state: RepositoryState;
  /** When its heads were first looked at; before that, a head without an event is no lost push. */
  baselineAt: number | null;
  /** When its heads are compared with Bitbucket's next; null = it has no target that deploys. */
  reconcileDueAt: number | null;
  createdAt: number;
  updatedAt: number;
}

/** What a payload says about a repository; absent fields leave the stored value alone. */
export interface RepositoryFacts {
  uuid: string;
  workspaceUuid: string | null;
  workspaceSlug: string | null;
  workspaceName: string | null;
  fullName: string | null;
  name: string | null;
  mainBranch?: string | null;
  isPrivate: boolean | null;
}

/** One sender of events; delivery ids are unique within it. */
export interface Source {
  id: string;
  /** `reconcile`: our own look at Bitbucket's heads, a source like the others, so that a late webhook joins what it found. */
  door: Door | 'reconcile';
  /** Connect `clientKey`, hook id, Forge installation id, or the repository's id. */
  key: string;
  installationId: string | null;
  createdAt: number;
}
