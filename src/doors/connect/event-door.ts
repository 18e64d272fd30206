import { createHash } from 'node:crypto';
import { InputError } from '../../core/errors.js';
import { parseJsonObject, parsePayload, unwrapDelivery } from '../../bitbucket/payload.js';
import type { DoorVerification, EventDoor, ParsedDelivery, RawDelivery } from '../event-door.js';
import type { ConnectVerifier } from './verify.js';

/**
 * Descriptor webhooks: `POST {baseUrl}/connect/events` with a Connect JWT (reference/bitbucket-connect.md §6). The token
 * does not cover the body, so intake also compares the body's workspace with the one returned here.
 *
 * @param deps.basePath path of our base URL, '' when it has none
 */
export function createConnectEventDoor(deps: {
  verifier: ConnectVerifier;
  basePath: string;
}): EventDoor {
  return {
    door: 'connect',
    path: `${deps.basePath.replace(/\/$/, '')}/connect/events`,
    verify: (delivery) => verify(deps.verifier, delivery),
    parse,
  };
}

async function verify(verifier: ConnectVerifier, delivery: RawDelivery): Promise<DoorVerification> {
  const result = await verifier.active(delivery);
  if (!result.ok) return result;
  const { source, installation } = result.tenant;
  if (!source) return { ok: false, why: 'no_source' };
  return { ok: true, source, workspaceUuid: installation.workspaceUuid };
}

function parse(delivery: RawDelivery): ParsedDelivery {
  const { event, payload } = unwrapDelivery(parseJsonObject(delivery.body.toString('utf8')));
  const eventKey = agreedEventKey(event, header(delivery, 'x-event-key'), payload);
  return {
    deliveryId: deliveryIdOf(delivery),
    eventKey,
    attemptNumber: attemptNumberOf(delivery),
    event: parsePayload(eventKey, payload),
  };
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
  const requestUuid = bareUuid(header(delivery, 'x-request-uuid'));
  if (requestUuid !== null) return requestUuid;
  const hookUuid = bareUuid(header(delivery, 'x-hook-uuid')) ?? '';
  const digest = createHash('sha256').update(hookUuid).update('\n').update(delivery.body);
  return `body-${digest.digest('hex')}`;
}

function bareUuid(text: string | null): string | null {
  const bare = text
    ?.trim()
    .replace(/^\{|\}$/g, '')
    .toLowerCase();
  // The header is not signed; what does not look like an id must not become part of a key.
  return bare && /^[\w-]{1,128}$/.test(bare) ? bare : null;
}

function attemptNumberOf(delivery: RawDelivery): number {
  const text = header(delivery, 'x-attempt-number') ?? '';
  return /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 1;
}

function header(delivery: RawDelivery, name: string): string | null {
  const value = delivery.headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}
