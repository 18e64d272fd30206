import { AccessError, BitbucketError } from '../core/errors.js';
import type { OAuthGrant } from '../core/model/index.js';
import type { GrantedTokens, OAuthClient } from '../core/people.js';
import type { Clock, Ids, Logger, Storage, Vault } from '../core/ports.js';
import {
  brokenTexts,
  consumerRefusedText,
  consumerSubject,
  grantIsWell,
  noteScopes,
  tell,
} from './grant-notices.js';
import { openRefresh, sealGrant } from './grant-secrets.js';

export interface RenewDeps {
  storage: Storage;
  vault: Vault;
  oauth: OAuthClient;
  clock: Clock;
  ids: Pick<Ids, 'next'>;
  logger: Logger;
  /** Of this process, unlike that of any other on the same database. */
  owner: string;
  /** Between two looks at a renewal that somebody else makes. */
  pause(): Promise<void>;
  /** Answers that could not be stored, by grant: they must not be asked for a second time. */
  unsaved: Map<string, { version: number; tokens: GrantedTokens }>;
}

/**
 * Longer than a call to the token endpoint may take. Whoever dies while renewing leaves the old refresh token behind, which
 * Bitbucket still takes for ten minutes (reference/bitbucket-api.md §1.3), so the next one may simply begin anew.
 */
const claimMs = 30_000;

export const lapsedReason = 'it was not used for three months.';

/**
 * A newer version of the grant: renewed by us, or by somebody else meanwhile. The new refresh token is committed before
 * anybody gets to see the access token: a used one that nobody kept would be the end of the grant.
 *
 * Throws `BitbucketError`: `oauth_grant_refused` when it is broken (then stored as such, and told), else what kept us.
 */
export async function renewGrant(seen: OAuthGrant, deps: RenewDeps): Promise<OAuthGrant> {
  const { storage, clock, owner } = deps;
  for (;;) {
    const now = clock();
    const { grant, claimed } = await storage.write(async (tx) => ({
      claimed: await tx.grants.claimRenewal(seen, owner, now, now + claimMs),
      grant: await tx.grants.byId(seen.id),
    }));
    if (!grant) throw new AccessError('oauth_grant_missing', 403);
    if (grant.state === 'broken') throw broken(grant.brokenReason);
    if (claimed) return renewClaimed(grant, deps);
    if (grant.version !== seen.version) return grant;
    await deps.pause();
  }
}

async function renewClaimed(grant: OAuthGrant, deps: RenewDeps): Promise<OAuthGrant> {
  try {
    const tokens = await newTokens(grant, deps);
    const renewed = await store(grant, tokens, deps);
    deps.unsaved.delete(grant.id);
    deps.logger.info({ grant: grant.id, user: grant.userUuid }, 'oauth.renewed');
    return renewed;
  } catch (error) {
    const code = error instanceof BitbucketError ? error.code : null;
    if (code === 'oauth_grant_refused') return judgeRefusal(grant, error as BitbucketError, deps);
    await deps.storage.write(async (tx) => {
      await tx.grants.releaseRenewal(grant.id, deps.owner);
      if (code !== 'oauth_consumer_refused') return;
      const at = { id: deps.ids.next(), now: deps.clock() };
      await tell(tx, consumerRefusedText(grant.clientId), at);
    });
    throw error;
  }
}

async function newTokens(grant: OAuthGrant, deps: RenewDeps): Promise<GrantedTokens> {
  const kept = deps.unsaved.get(grant.id);
  if (kept?.version === grant.version) return kept.tokens;
  const refreshToken = openRefresh(grant, deps.vault);
  if (refreshToken === null) throw broken('it came without a right to renew it.');
  const tokens = await deps.oauth.renew(refreshToken);
  // The old backend gives no new one, and keeps taking the one it has.
  const renewed = { ...tokens, refreshToken: tokens.refreshToken ?? refreshToken };
  deps.unsaved.set(grant.id, { version: grant.version, tokens: renewed });
  return renewed;
}

async function store(
  grant: OAuthGrant,
  tokens: GrantedTokens,
  { storage, vault, clock, ids }: RenewDeps,
): Promise<OAuthGrant> {
  return storage.write(async (tx) => {
    const now = clock();
    const scopes = tokens.scopes ?? grant.scopes;
    const sealed = sealGrant(grant.id, tokens, now, vault);
    const patch = { ...sealed, scopes, updatedAt: now };
    // Lost: the person signed in anew, or our claim ran out. What is stored then is at least as good.
    if (await tx.grants.update(grant.id, grant.version, patch)) {
      await grantIsWell(tx, grant, now);
      await tx.notices.resolve(consumerSubject(grant.clientId), now);
      const repositories = await tx.grants.repositoriesOf(grant.userUuid);
      await noteScopes(tx, { ...grant, scopes }, repositories, { nextId: () => ids.next(), now });
    }
    const stored = await tx.grants.byId(grant.id);
    if (!stored) throw new AccessError('oauth_grant_missing', 403);
    return stored;
  });
}

/** A refusal counts only if it was about what is still stored: another process may have renewed it behind our back. */
async function judgeRefusal(
  grant: OAuthGrant,
  error: BitbucketError,
  deps: RenewDeps,
): Promise<OAuthGrant> {
  const reason = deps.clock() >= grant.lapsesAt ? lapsedReason : 'it was revoked, or has lapsed.';
  const stored = await breakGrant(grant, reason, deps);
  if (stored && stored.version !== grant.version && stored.state === 'active') return stored;
  throw new BitbucketError('oauth_grant_refused', error.message, { status: error.status ?? 0 });
}

/** Marks it as only the person can mend it, and tells. Returns what is stored when it had changed meanwhile. */
export async function breakGrant(
  grant: OAuthGrant,
  reason: string,
  { storage, clock, ids, logger }: Pick<RenewDeps, 'storage' | 'clock' | 'ids' | 'logger'>,
): Promise<OAuthGrant | null> {
  return storage.write(async (tx) => {
    const now = clock();
    const patch = { state: 'broken', brokenReason: reason, updatedAt: now } as const;
    if (!(await tx.grants.update(grant.id, grant.version, patch))) {
      return tx.grants.byId(grant.id);
    }
    await grantIsWell(tx, grant, now);
    const repositories = await tx.grants.repositoriesOf(grant.userUuid);
    for (const text of brokenTexts(grant, reason, repositories)) {
      await tell(tx, text, { id: ids.next(), now });
    }
    logger.warn({ grant: grant.id, user: grant.userUuid, reason }, 'oauth.grant_broken');
    return null;
  });
}

export function broken(reason: string | null): BitbucketError {
  return new BitbucketError('oauth_grant_refused', reason ?? 'it was revoked.');
}
