/**
 * Why a Forge installation counts no more. `uninstalled`: Forge said so, and nothing brings it back. `replaced`: another
 * installation of the same environment turned up in its workspace. `silent`: Forge has not called for long, and Bitbucket did
 * not take its token. The latter two are guesses, which a call that only a living installation gets refutes.
 */
export type ForgeEnding = 'uninstalled' | 'replaced' | 'silent';

/** What a Forge installation has beyond any other. One row for each installation of that door. */
export interface ForgeFacts {
  installationId: string;
  /** Bare id. */
  environmentId: string;
  /** `PRODUCTION`, `STAGING` or `DEVELOPMENT`. */
  environmentType: string;
  /** The newest system token, sealed; null: none came yet, or it was dropped with the installation. */
  tokenSealed: string | null;
  /** Unix ms. */
  tokenExpiresAt: number | null;
  /** When Forge last called in its name, to the minute. */
  seenAt: number;
  /** Since when Bitbucket has refused its token without Forge calling in between. */
  refusedSince: number | null;
  endedBy: ForgeEnding | null;
}

/** A person in a workspace, both by uuid with braces. */
export interface PersonKey {
  workspaceUuid: string;
  personUuid: string;
}

/** What somebody is called whom events name by their id alone. */
export interface PersonName extends PersonKey {
  /** Display name; null: not known yet, or Bitbucket does not tell us. */
  name: string | null;
  /** When it was last asked for, Unix ms. */
  askedAt: number;
}

/**
 * Something whose name is not known, or not any more: `repository:<id>`, `workspace:<uuid>` or
 * `person:<uuid of the workspace>:<uuid>`.
 */
export interface NameLookup {
  id: string;
  dueAt: number;
  attempts: number;
  /** Since when; it is given up after a while. */
  askedAt: number;
}
