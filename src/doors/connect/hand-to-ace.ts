import { parse } from 'node:querystring';
import type { Request, Response } from 'express';
import jwt from 'jsonwebtoken';
import { AccessError } from '../../core/errors.js';
import type { SignedRequest } from './jwt.js';
import type { TenantVerification } from './verify.js';

export type Verified = Extract<TenantVerification, { ok: true }>;

/** Set by ACE when it has checked a request. */
interface AceContext {
  clientKey?: string;
}

/** `originalUrl`, never `url` or `query`: a mounted router cuts the one, the query parser rewrites the other (§4.5). */
export function signedRequest(request: Request): SignedRequest {
  return { method: request.method, rawUrl: request.originalUrl, headers: request.headers };
}

/**
 * Shows ACE the request as we have understood it, so that the two cannot differ about it: one token, in the header; the
 * plain query; a body that holds only what ACE needs. `verified` null is a first install: no token at all, or ACE would
 * take a stray one for an RS256 install and fetch keys from the network for it.
 */
export function prepareForAce(
  request: Request,
  verified: Verified | null,
  body: Record<string, unknown> = {},
): void {
  const query = request.originalUrl.split('?').slice(1).join('?');
  const { jwt: _token, ...plain } = parse(query);
  request.query = verified ? plain : {};
  request.body = body;
  delete request.headers['x-acpt'];
  delete request.headers.authorization;
  if (verified) request.headers.authorization = `JWT ${tokenForAce(verified)}`;
  // ACE reads a property of it without looking whether it is there.
  (request as { context?: AceContext }).context = {};
}

/**
 * ACE must come to the same verdict as we did: who checks twice must not be able to disagree with himself. Afterwards
 * only what we verified counts. With `AC_OPTS=no-auth` ACE has checked nothing and names nobody.
 *
 * @throws AccessError `token_invalid`
 */
export function checkAceAgrees(request: Request, response: Response, clientKey: string): void {
  // A session token signed with the installation's secret, which nothing here accepts; sessions are our own.
  response.removeHeader('X-acpt');
  const { context } = request as { context?: AceContext };
  if (context?.clientKey === clientKey) return;
  throw new AccessError('token_invalid', 401, 'the second check did not agree');
}

/**
 * ACE takes the first audience for the tenant and allows no leeway on `exp`. A token that we accept and ACE would not is
 * signed anew with the same installation's key, for the same URL, for one minute.
 */
function tokenForAce({ token, claims, tenant }: Verified): string {
  // ACE asks the machine's clock, whichever one we were given.
  const nowSec = Math.floor(Date.now() / 1000);
  const clientKey = tenant.installation.externalId;
  const isPlain = Array.isArray(claims.aud) && claims.aud[0] === clientKey;
  if (isPlain && claims.exp > nowSec + 5) return token;
  if (tenant.key === null) throw new AccessError('token_invalid', 401);
  const renewed = { iss: clientKey, aud: [clientKey], qsh: claims.qsh, iat: nowSec };
  return jwt.sign(
    { ...renewed, exp: nowSec + 60, ...(claims.sub === undefined ? {} : { sub: claims.sub }) },
    tenant.key,
    { algorithm: 'HS256' },
  );
}
