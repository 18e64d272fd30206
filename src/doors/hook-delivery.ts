import { createHash } from 'node:crypto';
import { parseJsonObject, parsePayload, unwrapDelivery } from '../bitbucket/payload.js';
import { InputError } from '../core/errors.js';
import { bareUuid } from '../lib/same-uuid.js';
import type { ParsedDelivery, RawDelivery } from './event-door.js';

/**
 * A webhook delivery of Bitbucket's, from the descriptor or from a repository's own webhook (reference/bitbucket-api.md §5.1).
 * Throws `InputError('body_unreadable')`.
 */
export function parseHookDelivery(delivery: RawDelivery): ParsedDelivery {
  const { event, payload } = unwrapDelivery(parseJsonObject(delivery.body.toString('utf8')));
  const eventKey = agreedEventKey(event, headerOf(delivery, 'x-event-key'), payload);
  return {
    deliveryId: deliveryIdOf(delivery),
    eventKey,
    attemptNumber: attemptNumberOf(delivery),
    event: parsePayload(eventKey, payload),
  };
}

/** Null when it is missing, empty, or came more than once. */
export function headerOf(delivery: Pick<RawDelivery, 'headers'>, name: string): string | null {
  const value = delivery.headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

function agreedEventKey(
  inBody: string | null,
  inHeader: string | null,
  payload: Record<string, unknown>,
): string {
  if (inBody !== null && inHeader !== null && inBody !== inHeader) {
    throw new InputError('body_unreadable', 'event in the body and X-Event-Key differ');
  }
  const eventKey = inBody ?? inHeader;
  if (eventKey !== null) return eventKey;
  // A proxy that drops X- headers must not cost a push: its body cannot be taken for anything else.
  if (payload['push'] !== undefined) return 'repo:push';
  throw new InputError('body_unreadable', 'neither the body nor X-Event-Key names the event');
}

/**
 * `X-Request-UUID` is the same on every attempt of one delivery and comes without braces, unlike every other uuid of
 * Bitbucket's (§5.1 of bitbucket-api.md). Without it, equal bodies from one hook count as one delivery.
 */
function deliveryIdOf(delivery: RawDelivery): string {
  const requestUuid = idOf(headerOf(delivery, 'x-request-uuid'));
  if (requestUuid !== null) return requestUuid;
  const hookUuid = idOf(headerOf(delivery, 'x-hook-uuid')) ?? '';
  const digest = createHash('sha256').update(hookUuid).update('\n').update(delivery.body);
  return `body-${digest.digest('hex')}`;
}

function idOf(text: string | null): string | null {
  const bare = text === null ? '' : bareUuid(text.trim());
  // The header is not signed; what does not look like an id must not become part of a key.
  return /^[\w-]{1,128}$/.test(bare) ? bare : null;
}

function attemptNumberOf(delivery: RawDelivery): number {
  const text = headerOf(delivery, 'x-attempt-number') ?? '';
  return /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 1;
}
