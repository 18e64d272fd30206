import { InputError } from '../core/errors.js';
import type { RefChange } from '../core/model/index.js';
import { forgePushEvent, readForgePush, unwrapForgeBody } from './payload-forge.js';
import { isObject, parseJsonObject, readChange, readChanges, unwrapDelivery } from './payload.js';

/** One line of `slipway receive --json`; the field names are a fixed interface (design.md §5). */
export interface ReceivedChange {
  /** As sent: `branch`, `tag`, or a legacy word such as `named_branch`. */
  ref_type: string;
  name: string;
  from: string | null;
  to: string | null;
  kind: RefChange['kind'];
}

/**
 * What a payload means, in payload order: bare, in Connect's `{event, data}`, or a Forge event. Pure; nothing is stored.
 * An object without `push` means nothing to us: `[]`.
 *
 * @throws InputError `body_unreadable`: not JSON, not an object, or a push that lists no changes
 */
export function readPayload(text: string): ReceivedChange[] {
  const body = unwrapAny(parseJsonObject(text));
  const push = body['push'];
  if (push === undefined || push === null) return [];
  return readPush(body, push).map(({ refType, name, from, to, kind }) => ({
    ref_type: refType,
    name,
    from,
    to,
    kind,
  }));
}

function unwrapAny(body: Record<string, unknown>): Record<string, unknown> {
  return unwrapForgeBody(unwrapDelivery(body).payload);
}

function readPush(body: Record<string, unknown>, push: unknown): RefChange[] {
  const isForge =
    body['eventType'] === forgePushEvent || (isObject(push) && typeof push['ref'] === 'string');
  if (isForge && !(isObject(push) && 'changes' in push)) {
    const change = readForgePush(push);
    if (change === null) throw new InputError('body_unreadable', 'push.ref is missing');
    return [change];
  }
  return readChanges(push)
    .map(readChange)
    .filter((change) => change !== null);
}
