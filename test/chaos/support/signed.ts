import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Standard Webhooks by hand, so that the judge shares no code with the judged. */
export interface WebhookKey {
  /** As it is typed into the form. */
  secret: string;
  bytes: Buffer;
}

export function webhookKey(bytes: Buffer): WebhookKey {
  return { secret: `whsec_${bytes.toString('base64')}`, bytes };
}

export function signedHeaders(key: WebhookKey, body: string): Record<string, string> {
  const id = `msg_${randomUUID()}`;
  const time = String(Math.floor(Date.now() / 1000));
  return {
    'webhook-id': id,
    'webhook-timestamp': time,
    'webhook-signature': `v1,${mac(key, id, time, body).toString('base64')}`,
  };
}

/** The `webhook-id`; null when it is not signed as it should be. */
export function verifiedId(
  key: WebhookKey,
  headers: IncomingHttpHeaders,
  body: Buffer,
): string | null {
  const id = one(headers['webhook-id']);
  const time = one(headers['webhook-timestamp']);
  if (Math.abs(Date.now() / 1000 - Number(time)) > 300) return null;
  const right = mac(key, id, time, body.toString('utf8'));
  const isSigned = one(headers['webhook-signature'])
    .split(' ')
    .map((entry) => Buffer.from(entry.replace('v1,', ''), 'base64'))
    .some((given) => given.length === right.length && timingSafeEqual(given, right));
  return isSigned ? id : null;
}

function mac(key: WebhookKey, id: string, time: string, body: string): Buffer {
  return createHmac('sha256', key.bytes).update(`${id}.${time}.${body}`).digest();
}

function one(value: string | string[] | undefined): string {
  return typeof value === 'string' ? value : '';
}
