import {
  createHmac,
  createSecretKey,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';

/**
 * Standard Webhooks 1.0.0, the symmetric scheme (github.com/standard-webhooks, spec/standard-webhooks.md): HMAC-SHA256 over
 * `<id>.<timestamp>.<raw body>`, in `webhook-signature` as space-separated `v1,<base64>` entries.
 */
export interface SignedHeaders {
  'webhook-id': string;
  /** Unix seconds of this attempt. */
  'webhook-timestamp': string;
  'webhook-signature': string;
}

export type Verification =
  | { ok: true; id: string }
  /** `why` is for the log; the sender learns only that it was refused. */
  | { ok: false; why: 'headers_missing' | 'timestamp_off' | 'signature_wrong' };

type HeaderValues = Readonly<Record<string, string | string[] | undefined>>;

/** As the reference library has it. */
export const toleranceMs = 5 * 60_000;
const prefix = 'whsec_';
const keyBytes = { min: 24, max: 64 };

/** The HMAC key of a `whsec_…` secret: its decoded bytes. Null when it is none, or shorter or longer than the spec allows. */
export function signingKey(secret: string): KeyObject | null {
  if (!secret.startsWith(prefix)) return null;
  const encoded = secret.slice(prefix.length);
  const bytes = Buffer.from(encoded, 'base64');
  // Node skips what is not base64; a receiver's library would decode another key, or none.
  if (bytes.toString('base64') !== encoded) return null;
  const fits = bytes.length >= keyBytes.min && bytes.length <= keyBytes.max;
  return fits ? createSecretKey(bytes) : null;
}

export function newSecret(): string {
  return prefix + randomBytes(32).toString('base64');
}

/**
 * One signature a key, so that a receiver that knows only the old or only the new secret can verify during a rotation.
 *
 * @param message.id the same on every resend; must not contain a dot
 * @param message.at Unix ms
 */
export function signMessage(
  message: { id: string; at: number; body: string | Buffer },
  keys: readonly KeyObject[],
): SignedHeaders {
  if (!/^[\x21-\x2d\x2f-\x7e]+$/.test(message.id)) throw new Error('unusable webhook-id');
  const timestamp = String(Math.floor(message.at / 1000));
  const signatures = keys.map((key) => {
    return `v1,${mac(key, message.id, timestamp, message.body).toString('base64')}`;
  });
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

/** @param now Unix ms */
export function verifyMessage(
  headers: HeaderValues,
  body: Buffer,
  keys: readonly KeyObject[],
  now: number,
): Verification {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') {
    return { ok: false, why: 'headers_missing' };
  }
  if (id === '' || !/^\d{1,12}$/.test(timestamp)) return { ok: false, why: 'headers_missing' };
  if (Math.abs(now - Number(timestamp) * 1000) > toleranceMs) {
    return { ok: false, why: 'timestamp_off' };
  }
  const given = signatures
    .split(' ')
    .filter((entry) => entry.startsWith('v1,'))
    .map((entry) => Buffer.from(entry.slice('v1,'.length), 'base64'));
  const matches = keys.some((key) => {
    const expected = mac(key, id, timestamp, body);
    return given.some((one) => one.length === expected.length && timingSafeEqual(one, expected));
  });
  return matches ? { ok: true, id } : { ok: false, why: 'signature_wrong' };
}

function mac(key: KeyObject, id: string, timestamp: string, body: string | Buffer): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
