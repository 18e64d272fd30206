/** Ports about people: their sessions, what they allowed us, and what they should know. Part of `ports.ts`. */
import type { Notice, OAuthGrant, WebSession } from './model/index.js';

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
}

export interface GrantWrites {
  /** Inserts, or replaces by id. A person has one per consumer: look for it first. */
  save(grant: OAuthGrant): Promise<void>;
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
