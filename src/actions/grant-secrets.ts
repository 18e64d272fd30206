import type { OAuthGrant } from '../core/model/index.js';
import type { GrantedTokens } from '../core/people.js';
import type { Vault } from '../core/ports.js';

const dayMs = 24 * 60 * 60_000;
/** "Three months" in Bitbucket's words (reference/bitbucket-api.md §1.3), the shortest there are. */
export const refreshLifeMs = 89 * dayMs;

type Sealed = Pick<OAuthGrant, 'accessSealed' | 'accessExpiresAt' | 'refreshSealed' | 'lapsesAt'>;

/** Each token is bound to its row and its column, so that neither can stand in for another. */
export function sealGrant(id: string, tokens: GrantedTokens, now: number, vault: Vault): Sealed {
  const { accessToken, refreshToken, expiresAt } = tokens;
  return {
    accessSealed: vault.seal(accessToken, accessIdentity(id)),
    accessExpiresAt: expiresAt,
    refreshSealed: refreshToken === null ? null : vault.seal(refreshToken, refreshIdentity(id)),
    lapsesAt: refreshToken === null ? expiresAt : now + refreshLifeMs,
  };
}

export function openAccess(grant: OAuthGrant, vault: Vault): string {
  return vault.open(grant.accessSealed, accessIdentity(grant.id));
}

export function openRefresh(grant: OAuthGrant, vault: Vault): string | null {
  return grant.refreshSealed === null
    ? null
    : vault.open(grant.refreshSealed, refreshIdentity(grant.id));
}

export const accessIdentity = (id: string): string => `oauth_grants:${id}:access`;
export const refreshIdentity = (id: string): string => `oauth_grants:${id}:refresh`;
