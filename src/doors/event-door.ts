import type { Door, HookEvent, Source } from '../core/model/index.js';

/** One inbound delivery as it came over the wire, before anything trusts it. */
export interface RawDelivery {
  method: string;
  /** Path and query exactly as sent; what a query-string hash is computed over. */
  rawUrl: string;
  /** Lower-case names, as Node gives them. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Inflated, at most 1 MiB. */
  body: Buffer;
}

export type DoorVerification =
  | {
      ok: true;
      source: Source;
      /** The workspace the signer speaks for; an event about another one is refused. Null: the source is one repository's. */
      workspaceUuid: string | null;
      /** The one repository the source speaks for, whatever workspace it is in by now; absent: any of its workspace. */
      repositoryUuid?: string;
    }
  /**
   * `why` is for the log only; the sender gets a bare 401. Or, where a door must keep 401 for one thing: 403 good, but not for
   * this; 204 good, but nothing to us any more; 503 it could not be checked now.
   */
  | { ok: false; why: string; answer?: 204 | 401 | 403 | 503 };

/** What a door knows of its own vendor's way to send events. `doors/intake.ts` does the rest for all of them. */
export interface EventDoor {
  readonly door: Door;
  /** The exact path, or a prefix ending in `/`. */
  readonly path: string;
  verify(delivery: RawDelivery): Promise<DoorVerification>;
  /** Only after `verify` said ok. Throws `InputError('body_unreadable')`. */
  parse(delivery: RawDelivery): ParsedDelivery;
}

export interface ParsedDelivery {
  /** The sender's id of this delivery, the same on every resend of it. */
  deliveryId: string;
  eventKey: string;
  attemptNumber: number;
  event: HookEvent;
}
