/** Ports about people: their sessions, what they allowed us, and what they should know. Part of `ports.ts`. */
import type {
  Notice,
  OAuthGrant,
  Repository,
  WebSession,
  WorkspaceCredential,
} from './model/index.js';

export interface WebSessionReads {
  byId(id: string): Promise<WebSession | null>;
  ofUser(userUuid: string): Promise<WebSession[]>;
}

export interface WebSessionWrites {
  insert(session: WebSession): Promise<void>;
  seen(id: string, now: number): Promise<void>;
  remove(id: string): Promise<void>;
  removeOfUser(userUuid: string): Promise<number>;
  /** Those that are over. At most `limit`. */
  removeSpent(now: number, idleSince: number, limit: number): Promise<number>;
}

export interface GrantReads {
  byId(id: string): Promise<OAuthGrant | null>;
  ofUser(userUuid: string, clientId: string): Promise<OAuthGrant | null>;
  /** Of those who enabled this repository: only they lent us their right to read it. */
  ofRepository(repositoryUuid: string, clientId: string): Promise<OAuthGrant[]>;
  /** Repositories that somebody enabled: what stands still when their grant does. */
  repositoriesOf(userUuid: string): Promise<Repository[]>;
  /** Active ones that lapse before then and that some repository needs, soonest first. */
  lapsing(before: number, limit: number): Promise<OAuthGrant[]>;
}

export interface GrantWrites {
  /** Inserts, or replaces by id. A person has one per consumer: look for it first. */
  save(grant: OAuthGrant): Promise<void>;
  /** Nobody else may renew it until then. False: somebody does already, or it changed since `version`. */
  claimRenewal(
    grant: Pick<OAuthGrant, 'id' | 'version'>,
    owner: string,
    now: number,
    until: number,
  ): Promise<boolean>;
  /** Gives the claim back; does nothing when it is another's by now. */
  releaseRenewal(id: string, owner: string): Promise<void>;
  /** No process that could have claimed one is left. At start only. */
  endRenewals(): Promise<void>;
  /** False when it changed since `expectedVersion`; nothing was written then. Ends a renewal. */
  update(id: string, expectedVersion: number, patch: Partial<OAuthGrant>): Promise<boolean>;
}

export interface WorkspaceCredentialReads {
  byId(id: string): Promise<WorkspaceCredential | null>;
  /** Oldest first. */
  ofWorkspace(workspaceUuid: string): Promise<WorkspaceCredential[]>;
}

export interface WorkspaceCredentialWrites {
  /** Inserts, or replaces by id. A workspace has one of a kind for each thing it serves: look for it first. */
  save(credential: WorkspaceCredential): Promise<void>;
  remove(id: string): Promise<void>;
  /** Takes those that are to be tested, and hides them until `until`. */
  claimChecks(limit: number, now: number, until: number): Promise<WorkspaceCredential[]>;
}

export interface NoticeReads {
  /** Not resolved, newest first. */
  open(where: {
    workspaceUuid?: string;
    repositoryId?: string;
    userUuid?: string;
  }): Promise<Notice[]>;
}

export interface NoticeWrites {
  /** False when an open one has the same `dedupeKey`: nothing was stored then. */
  add(notice: Notice): Promise<boolean>;
  /** Everything that is open about a subject. */
  resolve(subject: string, now: number): Promise<number>;
  /** The same for many subjects, with one statement. */
  resolveAll(subjects: readonly string[], now: number): Promise<void>;
}

/** What a token endpoint granted. */
export interface GrantedTokens {
  accessToken: string;
  /** Unix ms. */
  expiresAt: number;
  /** Absent on the old backend, which keeps the one it was asked with. */
  refreshToken: string | null;
  /** Null: it did not say. */
  scopes: string | null;
}

/**
 * A consumer's calls to Bitbucket's token endpoint. Throws `BitbucketError`: `oauth_code_refused`, `oauth_grant_refused`,
 * `oauth_consumer_refused` for a refusal, else what any call throws.
 */
export interface OAuthClient {
  readonly clientId: string;
  /** Where the browser goes to allow us. */
  authorizeUrl(request: { state: string; codeVerifier: string }): Promise<string>;
  redeem(callback: {
    /** Path and query that the browser came back with. */
    query: string;
    state: string;
    codeVerifier: string;
  }): Promise<GrantedTokens>;
  renew(refreshToken: string): Promise<GrantedTokens>;
}

export interface RemoteUser {
  uuid: string;
  displayName: string;
  /** From the answer's headers; null when Bitbucket does not say. */
  scopes: string | null;
}

/** A bearer token that acts for somebody. */
export interface PersonToken {
  value: string;
  /** Unix ms. */
  expiresAt: number;
  scopes: string | null;
}

export interface PersonTokens {
  /**
   * A token of this person with some life left, renewed when need be.
   *
   * @param options.unlike it was just refused: another one, please
   * @throws AccessError `oauth_grant_missing`; BitbucketError `oauth_grant_refused` when only the person can mend it, and
   *   whatever keeps it from being renewed now
   */
  token(userUuid: string, options?: { unlike?: string }): Promise<PersonToken>;
}

/** Where a sealed value stands. */
export interface SealedPlace {
  table: string;
  column: string;
  idColumn: string;
}

export interface SealedReads {
  /** Values of one column that are sealed with another master key, by id. */
  notUnder(
    keyId: string,
    place: SealedPlace,
    after: string,
    limit: number,
  ): Promise<{ id: string; sealed: string }[]>;
}

export interface SealedWrites {
  /** False when it was changed meanwhile; nothing was written then. */
  replace(place: SealedPlace, id: string, from: string, to: string): Promise<boolean>;
}
