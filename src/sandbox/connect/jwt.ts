import { createHmac, timingSafeEqual } from 'node:crypto';

import { isObject, type Json, type JsonObject } from '../json.js';

/** HS256 by hand (bitbucket-connect §4.2, §4.3); the secret's UTF-8 bytes are the key. */
export function signJwt(claims: JsonObject, secret: string): string {
  const head = encodePart({ typ: 'JWT', alg: 'HS256' });
  const input = `${head}.${encodePart(claims)}`;
  return `${input}.${hmac(input, secret).toString('base64url')}`;
}

function encodePart(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function hmac(input: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(input).digest();
}

export interface DecodedJwt {
  header: JsonObject;
  claims: JsonObject;
}

/** Reads without believing: who claims to have signed this? */
export function decodeJwt(token: string): DecodedJwt | null {
  const parts = token.split('.');
  if (parts.length !== 3) return null;
  const header = decodePart(parts[0]);
  const claims = decodePart(parts[1]);
  return header && claims ? { header, claims } : null;
}

function decodePart(part: string | undefined): JsonObject | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function signatureMatches(token: string, secret: string): boolean {
  const cut = token.lastIndexOf('.');
  const given = Buffer.from(token.slice(cut + 1), 'base64url');
  const wanted = hmac(token.slice(0, cut), secret);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

const leewaySeconds = 60;

/** Undefined when the times are fine, otherwise what is wrong with them. */
export function timeProblem(claims: JsonObject, nowSeconds: number): string | undefined {
  const exp = numberClaim(claims['exp']);
  const iat = numberClaim(claims['iat']);
  if (exp === undefined) return 'exp is missing';
  if (exp + leewaySeconds <= nowSeconds) return 'the token has expired';
  if (iat !== undefined && iat - leewaySeconds > nowSeconds) return 'iat is in the future';
  return undefined;
}

function numberClaim(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
