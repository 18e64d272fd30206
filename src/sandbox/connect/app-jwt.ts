import type { Installation } from '../state/model.js';
import type { World } from '../world.js';
import { decodeJwt, signatureMatches, timeProblem } from './jwt.js';
import { queryStringHash } from './qsh.js';

/**
 * Checks a JWT that the app made (bitbucket-connect §4.6). The installation is found by `sub`;
 * `iss` is the app key, or the clientKey as one public app writes it. Returns a sentence when
 * the token is refused.
 */
export function verifyAppJwt(
  world: World,
  token: string,
  request: { method: string; url: string } | 'qsh not checked',
): Installation | string {
  const decoded = decodeJwt(token);
  if (!decoded) return 'the JWT cannot be read';
  if (decoded.header['alg'] !== 'HS256') return 'the JWT is not signed with HS256';
  const { iss, sub, qsh } = decoded.claims;
  if (typeof sub !== 'string') return 'sub is missing';
  const installation = world.state.installation(sub);
  if (!installation || !(installation.active || installation.pending_secret !== null)) {
    return 'sub names no installation';
  }
  if (iss !== installation.app_key && iss !== installation.client_key) {
    return 'iss is neither the app key nor the clientKey';
  }
  const secrets = [installation.pending_secret, installation.secret].filter(Boolean);
  if (!secrets.some((secret) => secret !== null && signatureMatches(token, secret))) {
    return 'the signature does not match';
  }
  const late = timeProblem(decoded.claims, world.clock.seconds());
  if (late !== undefined) return late;
  if (request !== 'qsh not checked' && qsh !== queryStringHash(request.method, request.url)) {
    return 'qsh does not match the request';
  }
  return installation;
}

/** The token of an `Authorization: JWT …` header; the scheme is case-sensitive (§4.6). */
export function jwtFromHeader(header: string | undefined): string | undefined {
  return header?.startsWith('JWT ') ? header.slice(4) : undefined;
}
