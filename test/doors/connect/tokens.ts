import { createHmac } from 'node:crypto';
import { queryStringHash } from '../../../src/doors/connect/qsh.js';

/** Unix ms at which the tests of this folder play. */
export const now = Date.UTC(2026, 10, 23, 12);
export const nowSec = now / 1000;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs like Bitbucket, by hand, so that the library under test is not also its own judge. */
export function signToken(
  claims: Record<string, unknown>,
  secret: string,
  alg: 'HS256' | 'HS512' | 'none' | 'RS256' = 'HS256',
): string {
  const input = `${part({ typ: 'JWT', alg })}.${part(claims)}`;
  if (alg === 'none') return `${input}.`;
  const digest = alg === 'HS512' ? 'sha512' : 'sha256';
  return `${input}.${createHmac(digest, secret).update(input).digest('base64url')}`;
}

/** Claims as Bitbucket sends them for one request; `undefined` in `changed` leaves a claim out. */
export function claimsFor(
  clientKey: string,
  method: string,
  url: string,
  changed: Record<string, unknown> = {},
): Record<string, unknown> {
  const claims: Record<string, unknown> = {
    iss: clientKey,
    aud: clientKey,
    iat: nowSec,
    exp: nowSec + 180,
    qsh: queryStringHash(method, url),
    ...changed,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}
