import type { RepositoryFacts } from './installation.js';

/** As Bitbucket sends it. Routing knows `branch` and `tag`; anything else is recorded and skipped. */
export type RefType = string;

export type RefChangeKind = 'create' | 'update' | 'force' | 'delete';

/** One branch or tag that moved, in the shape all doors share. Hashes as sent, or null. */
export interface RefChange {
  refType: RefType;
  name: string;
  from: string | null;
  to: string | null;
  kind: RefChangeKind;
  /** Message of the new head commit, whole; null when the ref is gone. */
  message: string | null;
  /** Author of the new head commit, as display text. */
  author: string | null;
}

/** Who did something, as Bitbucket names them. Display text, never a key but for `uuid`, which has braces. */
export interface Person {
  uuid: string | null;
  /** Null: told by id alone, and nobody could say more yet. */
  name: string | null;
}

/** A verified, parsed event. Vendor words end before this type. */
export type HookEvent =
  | { kind: 'push'; repository: RepositoryFacts; actor: Person | null; changes: RefChange[] }
  | { kind: 'repository_updated'; repository: RepositoryFacts; actor: Person | null }
  | { kind: 'repository_transferred'; repository: RepositoryFacts; actor: Person | null }
  | { kind: 'repository_deleted'; repository: RepositoryFacts; actor: Person | null }
  /** Verified and well formed, but nothing to us; answered 204 and not stored. `noop` says why, for the log. */
  | { kind: 'ignored'; noop: string };

/** `unreadable`: verified but not parsable; kept with its digest only. */
export type EventState = 'recorded' | 'unreadable';

export interface StoredEvent {
  id: string;
  sourceId: string;
  /** `X-Request-UUID`: the same on every resend of one delivery. */
  deliveryId: string;
  eventKey: string;
  state: EventState;
  repositoryId: string | null;
  actor: Person | null;
  /** Bitbucket's `X-Attempt-Number`, 1 for the first. */
  attemptNumber: number;
  /** SHA-256 of a body that could not be read, hex; otherwise empty. Bodies are not kept. */
  bodyDigest: string;
  receivedAt: number;
}

export interface StoredRefChange {
  id: string;
  eventId: string;
  /** Place in `push.changes`, from 0. */
  position: number;
  repositoryId: string;
  refType: RefType;
  name: string;
  from: string | null;
  to: string | null;
  kind: RefChangeKind;
  message: string | null;
  author: string | null;
  sourceId: string;
  /** Digest of (repository, ref type, name, from, to): what copies of one push have in common. */
  moveKey: string;
  /** The how-manieth time this source told of this move, from 1. */
  occurrence: number;
  /** The ref change that told of the same push first, through another source; null = this one is the push. */
  sameAs: string | null;
  createdAt: number;
}

/** What we know of one branch or tag of a repository. */
export interface KnownRef {
  id: string;
  repositoryId: string;
  refType: RefType;
  name: string;
  /** The last commit decided on; null = the ref is gone. */
  head: string | null;
  /** Until then every change is compared with Bitbucket's head: events of a gap may still come. 0 = no doubt. */
  carefulUntil: number;
  /** A head that reconcile saw and no event told of yet, and since when; acted on after a grace. */
  unknownHead: string | null;
  unknownSince: number | null;
  updatedAt: number;
}
