import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { parseJsonObject } from '../../bitbucket/payload.js';
import {
  parseForgeEvent,
  unwrapForgeBody,
  type ForgeEvent,
} from '../../bitbucket/payload-forge.js';
import { InputError } from '../../core/errors.js';
import { sameUuid } from '../../lib/same-uuid.js';
import type { DoorVerification, EventDoor, ParsedDelivery, RawDelivery } from '../event-door.js';
import type { ForgeCalls } from './calls.js';

/**
 * `POST /forge/events/push` and `…/repository`: triggers of the manifest. Their invocation token does not cover the body, so
 * its workspace is compared with the token's here; a difference is 403, since 401 means something else to Forge.
 */
export function createForgeEventDoors(deps: { calls: ForgeCalls }): EventDoor[] {
  return ['push', 'repository'].map((name) => ({
    door: 'forge',
    path: `/forge/events/${name}`,
    verify: (delivery) => verify(deps.calls, delivery),
    parse,
  }));
}

async function verify(calls: ForgeCalls, delivery: RawDelivery): Promise<DoorVerification> {
  const call = await calls.take(delivery.headers, 'event');
  if (!call.ok) return call;
  const { workspaceUuid } = call.installation;
  const named = workspaceOf(delivery);
  if (named !== null && !sameUuid(named, workspaceUuid)) {
    return { ok: false, why: 'another_workspace', answer: 403 };
  }
  return { ok: true, source: call.source, workspaceUuid };
}

/** Null: it names none, or cannot be read; `parse` then says what is wrong. */
function workspaceOf(delivery: RawDelivery): string | null {
  try {
    return readEvent(delivery.body.toString('utf8')).event.repository?.workspaceUuid ?? null;
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function parse(delivery: RawDelivery): ParsedDelivery {
  const body = delivery.body.toString('utf8');
  const told = readEvent(body);
  return {
    deliveryId: deliveryIdOf(told, delivery, body),
    eventKey: told.eventType,
    attemptNumber: told.retryCount + 1,
    event: told.event,
  };
}

function readEvent(body: string): ForgeEvent {
  return parseForgeEvent(unwrapForgeBody(parseJsonObject(body)));
}

/**
 * Forge gives events no id. Same event with the same time is a resend (design.md §7). Bodies from before times were added
 * (§2.2) are each taken for one of their own: a copy then asks for the head and changes nothing, while a push taken for a
 * copy would be lost.
 */
function deliveryIdOf(told: ForgeEvent, { headers }: RawDelivery, body: string): string {
  if (told.timestamp !== null) return `event-${digest(told.identity, told.timestamp)}`;
  const { jti } = decodeJwt(String(headers['authorization']).replace(/^Bearer /i, ''));
  return `call-${digest(jti ?? '', body)}`;
}

function digest(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
