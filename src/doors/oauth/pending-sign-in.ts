import { randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { AccessError } from '../../core/errors.js';
import type { Clock, Vault } from '../../core/ports.js';
import type { CookieJar } from '../web/cookies.js';

/** How long somebody may take at Bitbucket. */
const lifeMs = 10 * 60_000;
/** A clock is corrected by seconds; what ends later than this allows was begun before it was set back, nobody knows when. */
const correctionMs = 60_000;
const cookieName = 'signin';
const identity = 'cookie:signin';
/** States of finished sign-ins that are remembered; Bitbucket refuses older codes by itself. */
const maxUsed = 10_000;

const shape = z.object({
  state: z.string(),
  codeVerifier: z.string(),
  returnTo: z.string(),
  until: z.number(),
});

export type PendingSignIn = z.infer<typeof shape>;

/**
 * What we remember between leaving for Bitbucket and coming back. It stays with the browser, sealed, in a cookie of ten
 * minutes: so only the browser that began a sign-in can end it (nobody can be signed in as somebody else by a link), and a
 * stranger who begins a million of them costs us no memory.
 */
export function createPendingSignIns(deps: { vault: Vault; clock: Clock; cookies: CookieJar }) {
  const { vault, clock, cookies } = deps;
  const used = new Set<string>();

  return {
    begin(response: Response, returnTo: string): PendingSignIn {
      const pending = {
        state: random(),
        codeVerifier: random(),
        returnTo,
        until: clock() + lifeMs,
      };
      cookies.set(
        response,
        cookieName,
        vault.seal(JSON.stringify(pending), identity),
        lifeMs / 1000,
      );
      return pending;
    },

    /**
     * Good for one try, whatever comes of it; what others send here with a state of their own does not use it up.
     * Throws `AccessError` (`oauth_state_wrong`, `oauth_state_used`).
     */
    take(request: Request, response: Response): PendingSignIn {
      const sealed = cookies.read(request, cookieName);
      const pending = sealed === null ? null : opened(sealed, vault);
      if (!pending || !isYoung(pending, clock()) || request.query['state'] !== pending.state) {
        throw new AccessError('oauth_state_wrong', 401);
      }
      cookies.clear(response, cookieName);
      if (used.has(pending.state)) throw new AccessError('oauth_state_used', 401);
      forgetOldest(used);
      used.add(pending.state);
      return pending;
    },
  };
}

function opened(sealed: string, vault: Vault): PendingSignIn | null {
  try {
    return shape.parse(JSON.parse(vault.open(sealed, identity)));
  } catch {
    return null;
  }
}

function isYoung({ until }: PendingSignIn, now: number): boolean {
  return until > now && until <= now + lifeMs + correctionMs;
}

/** By number and not by the clock, which could say that one is over and later that it is not. */
function forgetOldest(used: Set<string>): void {
  const oldest = used.values().next();
  if (used.size >= maxUsed && !oldest.done) used.delete(oldest.value);
}

/** 43 characters of base64url: what RFC 7636 asks of a code verifier. */
function random(): string {
  return randomBytes(32).toString('base64url');
}
