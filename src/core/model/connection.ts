/** `broken`: the backend refused its credential. Nothing is sent with it until a person has repaired it. */
export type ConnectionState = 'ok' | 'broken';

/** A workspace's account at a backend, used by many targets. */
export interface Connection {
  id: string;
  workspaceUuid: string;
  /** Backend id, for example `digitalocean`. */
  backend: string;
  /** As people tell it from others: unique in the workspace. */
  name: string;
  state: ConnectionState;
  /** What the backend said when it refused; null while the state is `ok`. */
  brokenReason: string | null;
  brokenSince: number | null;
  /** Settings that are not secret. */
  settings: Record<string, unknown>;
  /** Sealed JSON of the settings marked secret. */
  secretsSealed: string;
  /** Whose credential it is, as the backend says; null when it does not. */
  account: string | null;
  /** Unix ms; null: not known, or never. */
  expiresAt: number | null;
  /** When the backend last accepted it in a test. */
  testedAt: number;
  /** When a deployment last went out with it, to the minute. */
  lastUsedAt: number | null;
  /** Counts saves; two admins editing at once get a conflict instead of losing one edit. */
  version: number;
  createdBy: string;
  createdAt: number;
  updatedBy: string;
  updatedAt: number;
}
