import {
  createHmac,
  createSecretKey,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import type { Clock } from '../../core/ports.js';
import type { DoorVerification, EventDoor, RawDelivery } from '../event-door.js';
import { headerOf, parseHookDelivery } from '../hook-delivery.js';
import type { HookKeys, KnownHook } from './hook-keys.js';

/** What is compared with when there is no hook: the same work, and nothing ever fits. */
const nobodysKey = createSecretKey(randomBytes(32));

/**
 * `POST {baseUrl}/hooks/:hookId`: a repository's own webhook, signed over the raw (inflated) body with
 * `X-Hub-Signature: sha256=…` (reference/bitbucket-api.md §5.2). It speaks for its own repository only.
 */
export function createHookEventDoor(deps: { keys: HookKeys; clock: Clock }): EventDoor {
  const path = '/hooks/';
  return {
    door: 'oauth',
    path,
    async verify(delivery) {
      const hookId = hookIdOf(delivery.rawUrl, path);
      const signature = signatureOf(delivery);
      const check = (known: KnownHook | null): DoorVerification =>
        judge(known, signature, delivery.body, deps.clock());
      const first = check(await deps.keys.find(hookId));
      return first.ok ? first : check(await deps.keys.findAgain(hookId));
    },
    parse: parseHookDelivery,
  };
}

/** Anything that cannot be one is looked up like one. */
function hookIdOf(rawUrl: string, path: string): string {
  return (rawUrl.split('?', 1)[0] ?? '').slice(path.length).slice(0, 64);
}

/** 32 bytes; null when the header is missing or of another kind (GitHub's `sha1=` has the same name). */
function signatureOf(delivery: RawDelivery): Buffer | null {
  const sent = headerOf(delivery, 'x-hub-signature') ?? '';
  const [, hex] = /^sha256=([0-9a-f]{64})$/i.exec(sent.trim()) ?? [];
  return hex === undefined ? null : Buffer.from(hex, 'hex');
}

function judge(
  known: KnownHook | null,
  signature: Buffer | null,
  body: Buffer,
  now: number,
): DoorVerification {
  const valid = known?.keys.filter(({ until }) => until === null || now < until) ?? [];
  const keys = valid.length > 0 ? valid.map(({ key }) => key) : [nobodysKey];
  const isSigned = keys.map((key) => fits(key, signature, body)).includes(true);
  if (known === null) return { ok: false, why: 'unknown_hook' };
  if (signature === null) return { ok: false, why: 'no_signature' };
  if (!isSigned) return { ok: false, why: 'bad_signature' };
  if (known.hook.state !== 'active') return { ok: false, why: 'hook_off' };
  const { source, repositoryUuid } = known;
  return { ok: true, source, workspaceUuid: null, repositoryUuid };
}

function fits(key: KeyObject, signature: Buffer | null, body: Buffer): boolean {
  const due = createHmac('sha256', key).update(body).digest();
  return timingSafeEqual(due, signature ?? Buffer.alloc(due.length)) && signature !== null;
}
