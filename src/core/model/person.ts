/** Somebody signed in with Bitbucket in one browser. */
export interface WebSession {
  /** SHA-256 of what the browser's cookie holds, hex; the cookie's value itself is not kept. Ends the session when deleted. */
  id: string;
  userUuid: string;
  /** Display name, for pages and records. */
  userName: string;
  createdAt: number;
  /** Kept only roughly: see `WebSessions`. */
  seenAt: number;
  /** Over then, however busy it was. */
  expiresAt: number;
}

/**
 * - `active`: in use.
 * - `broken`: Bitbucket refused to renew it; only the person can mend it, by connecting again.
 */
export type GrantState = 'active' | 'broken';

/** What one person allowed one OAuth consumer. Its tokens exceed 2,500 characters (reference/bitbucket-api.md §0.4). */
export interface OAuthGrant {
  id: string;
  /** Key of the consumer it was given to: another consumer's secret cannot renew it. */
  clientId: string;
  userUuid: string;
  userName: string;
  state: GrantState;
  /** Why it is broken, in words for the person. */
  brokenReason: string | null;
  accessSealed: string;
  accessExpiresAt: number;
  /** Null: Bitbucket gave none, so it ends with its access token. */
  refreshSealed: string | null;
  /** Unused for so long, the refresh token lapses and the person must allow again. */
  lapsesAt: number;
  /** Space-separated, as Bitbucket said; null = it did not say. */
  scopes: string | null;
  /** Grows with every renewal: whoever lost a race sees that somebody else has won it. */
  version: number;
  /** Somebody renews it until then at the latest; nobody else may meanwhile. */
  renewingUntil: number | null;
  renewingBy: string | null;
  createdAt: number;
  updatedAt: number;
}

export type NoticeLevel = 'info' | 'warning' | 'danger';

/** Something a person should know and perhaps do. Shown on pages until it is resolved; other channels deliver it once. */
export interface Notice {
  id: string;
  /** Machine word: `grant_broken`, `grant_lapsing`, `consumer_refused` … */
  kind: string;
  level: NoticeLevel;
  /** Who it concerns; null = nobody in particular. */
  workspaceUuid: string | null;
  repositoryId: string | null;
  userUuid: string | null;
  /** What it is about, `grant:<id>`: all its notices are resolved together when that is well again. */
  subject: string;
  /** The same key is never stored twice while it is open: `grant_lapsing:<id>:30`. */
  dedupeKey: string;
  /** What happened, one sentence. */
  says: string;
  /** What to do about it. */
  advice: string;
  /** Where it can be done: a path of ours, or null. */
  path: string | null;
  createdAt: number;
  resolvedAt: number | null;
}
