import { BitbucketError } from '../core/errors.js';
import type { OAuthGrant } from '../core/model/index.js';
import type { GrantedTokens, OAuthClient, RemoteUser } from '../core/people.js';
import type { Clock, Ids, Logger, Storage, Vault, Waker } from '../core/ports.js';
import { missingScopes } from '../core/scopes.js';
import { consumerSubject, grantIsWell, noteScopes } from './grant-notices.js';
import { sealGrant } from './grant-secrets.js';
import { wakeRepositories } from './wake-repositories.js';

export interface SignInDeps {
  storage: Storage;
  vault: Vault;
  ids: Ids;
  clock: Clock;
  logger: Logger;
  /** Lanes that waited for a credential are due. */
  waker: Waker;
  oauth: OAuthClient;
  whoAmI(accessToken: string): Promise<RemoteUser>;
}

export interface SignedIn {
  userUuid: string;
  userName: string;
}

/**
 * Redeems what the browser came back with, and keeps what the person allowed. Signing in again replaces the earlier grant:
 * it is how a broken one is mended.
 *
 * Throws `AccessError` (`oauth_denied`, `oauth_state_wrong`) and `BitbucketError` (`oauth_code_refused`,
 * `oauth_consumer_refused`, `oauth_scope_missing` …).
 */
export async function signIn(
  callback: { query: string; state: string; codeVerifier: string },
  deps: SignInDeps,
): Promise<SignedIn> {
  const tokens = await deps.oauth.redeem(callback);
  const user = await deps.whoAmI(tokens.accessToken);
  const scopes = tokens.scopes ?? user.scopes;
  const missing = missingScopes(scopes);
  // Without it nobody can be shown where they may deploy; the others are told as notices.
  if (missing.includes('account')) throw new BitbucketError('oauth_scope_missing', 'account');
  if (missing.length > 0) deps.logger.warn({ missing }, 'oauth.scopes_missing');
  await keepGrant(user, { ...tokens, scopes }, deps);
  return { userUuid: user.uuid, userName: user.displayName };
}

async function keepGrant(
  user: RemoteUser,
  tokens: GrantedTokens,
  { storage, ids, clock, oauth, vault, waker, logger }: SignInDeps,
): Promise<void> {
  await storage.write(async (tx) => {
    const known = await tx.grants.ofUser(user.uuid, oauth.clientId);
    const now = clock();
    const id = known?.id ?? ids.next();
    const grant: OAuthGrant = {
      id,
      clientId: oauth.clientId,
      userUuid: user.uuid,
      userName: user.displayName,
      state: 'active',
      brokenReason: null,
      ...sealGrant(id, tokens, now, vault),
      scopes: tokens.scopes,
      version: (known?.version ?? 0) + 1,
      renewingUntil: null,
      renewingBy: null,
      createdAt: known?.createdAt ?? now,
      updatedAt: now,
    };
    await tx.grants.save(grant);
    await grantIsWell(tx, grant, now);
    // A redeemed code proves the consumer, too.
    await tx.notices.resolve(consumerSubject(oauth.clientId), now);
    const repositories = await tx.grants.repositoriesOf(user.uuid);
    await noteScopes(tx, grant, repositories, { nextId: () => ids.next(), now });
    await wakeRepositories(tx, repositories, now);
  });
  waker.wake();
  logger.info({ user: user.uuid }, 'oauth.granted');
}
