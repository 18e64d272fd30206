import { decodeJwt, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../core/ports.js';
import { bareId, callerOf, invocationClaims, type ForgeCaller } from './claims.js';
import { KeysUnavailable } from './key-set.js';

export type InvocationVerification =
  | { ok: true; caller: ForgeCaller; systemToken: ForgeToken | null; userToken: string | null }
  /**
   * `why` is for the log only. 401: the token did not verify, and nothing else ever gets it, because Forge takes it for that
   * (reference/bitbucket-forge.md §0.2). 403: it is good, but not for us. 503: its key could not be had.
   */
  | { ok: false; why: string; answer: 401 | 403 | 503 };

export interface ForgeToken {
  value: string;
  /** Unix ms. */
  expiresAt: number;
}

export interface InvocationVerifierOptions {
  /** Bare, or the ARI of the manifest. */
  appId: string;
  /** Environments served here: types (`production`) or ids, bare or as ARI. */
  environments: readonly string[];
  keys: JWTVerifyGetKey;
  clock: Clock;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;
export type InvocationVerifier = (headers: Headers) => Promise<InvocationVerification>;

const issuer = 'forge/invocation-token';
/** Clocks differ a little; the token itself lives for 25 seconds. */
const toleranceSec = 5;
/** A token that came without a readable end is used for as long as one is good at least, and not cached beyond. */
const shortestTokenMs = 60 * 60_000;

/** The check of every request to `/forge/…` (reference/bitbucket-forge.md §3.4). */
export function createInvocationVerifier(options: InvocationVerifierOptions): InvocationVerifier {
  const { appId, keys, clock } = options;
  const audience = [`ari:cloud:ecosystem::app/${bareId(appId) ?? appId}`, bareId(appId) ?? appId];
  const environments = new Set(
    options.environments.map((each) => bareId(each) ?? each.toUpperCase()),
  );
  return async (headers) => {
    const [, token] =
      /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(one(headers, 'authorization')) ?? [];
    if (token === undefined) return { ok: false, why: 'no_token', answer: 401 };
    const now = clock();
    let payload: unknown;
    try {
      ({ payload } = await jwtVerify(token, keys, {
        algorithms: ['RS256'],
        issuer,
        audience,
        requiredClaims: ['exp'],
        clockTolerance: toleranceSec,
        currentDate: new Date(now),
      }));
    } catch (error) {
      return refusal(error);
    }
    const claims = invocationClaims.safeParse(payload);
    if (!claims.success) return { ok: false, why: 'claims_missing', answer: 401 };
    if (claims.data.iat !== undefined && claims.data.iat > now / 1000 + toleranceSec) {
      return { ok: false, why: 'from_the_future', answer: 401 };
    }
    if (claims.data.icLabel !== undefined) {
      return { ok: false, why: 'isolated_cloud', answer: 401 };
    }
    const caller = callerOf(claims.data);
    if (!caller) return { ok: false, why: 'installation_or_workspace_missing', answer: 401 };
    const { environmentId, environmentType } = caller;
    if (!environments.has(environmentType) && !environments.has(environmentId)) {
      return { ok: false, why: `environment_${environmentType.toLowerCase()}`, answer: 401 };
    }
    const systemToken = one(headers, 'x-forge-oauth-system');
    return {
      ok: true,
      caller,
      systemToken: systemToken === '' ? null : tokenOf(systemToken, now),
      userToken: one(headers, 'x-forge-oauth-user') || null,
    };
  };
}

function refusal(error: unknown): InvocationVerification {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) {
    return { ok: false, why: `claim_${error.claim}`, answer: 401 };
  }
  const keysFailed = error instanceof KeysUnavailable || error instanceof errors.JWKSTimeout;
  if (keysFailed) return { ok: false, why: 'keys_unavailable', answer: 503 };
  if (error instanceof errors.JOSEError) return { ok: false, why: error.code, answer: 401 };
  throw error;
}

/** Opaque by contract but for its end (§4.1). */
function tokenOf(value: string, now: number): ForgeToken {
  try {
    const { exp } = decodeJwt(value);
    if (exp !== undefined) return { value, expiresAt: exp * 1000 };
  } catch {
    // Not a JWT after all.
  }
  return { value, expiresAt: now + shortestTokenMs };
}

function one(headers: Headers, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value.trim() : '';
}
