/** `off`: no delivery counts; the row stays, so that the same source goes on when somebody enables it again. */
export type HookState = 'active' | 'off';

/** What is wrong with a webhook as Bitbucket has it. The words for a person are in `core/hooks/explain.ts`. */
export type HookProblem =
  /** Bitbucket has none that leads to us. */
  | 'missing'
  /** Somebody switched it off over there. */
  | 'inactive'
  /** It does not send all the events we need. */
  | 'events_missing'
  /** It has no secret, so its deliveries are not signed. */
  | 'unsigned'
  /** More than one leads to us; their secrets differ, so all but one are refused. */
  | 'doubled'
  /** Bitbucket allows 50 webhooks a repository, and they are used up. */
  | 'limit_reached'
  /** Whoever we ask as is no admin of the repository. */
  | 'not_admin'
  /** The grant or token lacks the `webhook` scope. */
  | 'scope_missing'
  /** Nobody whom Bitbucket lets ask is connected any more. */
  | 'no_credential'
  /** Bitbucket does not show us the repository: deleted, moved, or out of our sight. */
  | 'repository_gone'
  /** Bitbucket did not answer; what was known before still counts. */
  | 'unavailable';

export interface HookHealth {
  /** Unix ms. */
  checkedAt: number;
  /** Null: as it should be. */
  problem: HookProblem | null;
  /** Names for the words: missing events, or what Bitbucket itself said. Never a secret. */
  detail: string | null;
}

/** A branch moved, and no delivery told us: reconcile found it. */
export interface HookAlarm {
  /** Unix ms. */
  since: number;
  refName: string;
}

/** The one webhook of a repository that sends its events to us. */
export interface Hook {
  /** The unguessable last part of its address. */
  id: string;
  repositoryId: string;
  /** Its source of events: the same for the life of the row, so that a repaired webhook tells no push twice. */
  sourceId: string;
  /** Bitbucket's own uuid of it, with braces; null until it was created there. */
  remoteUuid: string | null;
  /** Sealed against `hooks:<id>:secret`. */
  secretSealed: string;
  /** The one before, sealed against `hooks:<id>:previous`; still good until `previousUntil` (Unix ms). */
  previousSecretSealed: string | null;
  previousUntil: number | null;
  state: HookState;
  events: readonly string[];
  /** Display name of who enabled it. */
  enabledBy: string;
  /** Bitbucket's uuid of that person: whose grant may manage it when no app credential does; null = an app. */
  enabledByUuid: string | null;
  health: HookHealth | null;
  alarm: HookAlarm | null;
  /** When its last delivery was stored. */
  lastDeliveryAt: number | null;
  /** When it is compared with Bitbucket's next; null = it is off. */
  checkDueAt: number | null;
  createdAt: number;
  updatedAt: number;
}
