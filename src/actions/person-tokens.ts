import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AccessError, BitbucketError } from '../core/errors.js';
import type { OAuthGrant } from '../core/model/index.js';
import type { PersonToken, PersonTokens } from '../core/people.js';
import { openAccess } from './grant-secrets.js';
import { broken, renewGrant, type RenewDeps } from './renew-grant.js';

/** A token is renewed this long before it ends, so that a clone begun now does not outlive it. */
const marginMs = 5 * 60_000;
const lookAgainMs = 100;

export type PersonTokensDeps = Omit<RenewDeps, 'owner' | 'pause' | 'unsaved'> &
  Partial<Pick<RenewDeps, 'owner' | 'pause'>>;

/**
 * What people allowed us, as tokens that work now. At most one renewal of a grant is under way, here by the map, between
 * processes by a claim in its row; everybody else waits for it.
 */
export function createPersonTokens(deps: PersonTokensDeps): PersonTokens & {
  /** Uses the refresh token, so that it does not lapse. */
  keepAlive: (grant: OAuthGrant) => Promise<void>;
} {
  const renewDeps: RenewDeps = {
    owner: randomUUID(),
    pause: () => delay(lookAgainMs),
    ...deps,
    unsaved: new Map(),
  };
  const underWay = new Map<string, Promise<OAuthGrant>>();

  function renewed(grant: OAuthGrant): Promise<OAuthGrant> {
    let pending = underWay.get(grant.id);
    if (!pending) {
      pending = renewGrant(grant, renewDeps).finally(() => underWay.delete(grant.id));
      underWay.set(grant.id, pending);
    }
    return pending;
  }

  const tokenOf = (grant: OAuthGrant): PersonToken => ({
    value: openAccess(grant, deps.vault),
    expiresAt: grant.accessExpiresAt,
    scopes: grant.scopes,
  });

  return {
    async token(userUuid, { unlike } = {}) {
      const grant = await deps.storage.read.grants.ofUser(userUuid, deps.oauth.clientId);
      if (!grant) throw new AccessError('oauth_grant_missing', 403);
      if (grant.state === 'broken') throw broken(grant.brokenReason);
      const held = tokenOf(grant);
      const left = grant.accessExpiresAt - deps.clock();
      if (held.value !== unlike && left > margin(grant)) return held;
      try {
        return tokenOf(await renewed(grant));
      } catch (error) {
        const isPassing = error instanceof BitbucketError && error.code !== 'oauth_grant_refused';
        // A token endpoint that is away costs nothing while the token we have is still good.
        if (isPassing && held.value !== unlike && left > 0) return held;
        throw error;
      }
    },
    keepAlive: async (grant) => {
      await renewed(grant);
    },
  };
}

/** At most a fifth of its life: where tokens live for seconds, the margin must not eat them whole. */
function margin(grant: OAuthGrant): number {
  return Math.min(marginMs, (grant.accessExpiresAt - grant.updatedAt) / 5);
}
