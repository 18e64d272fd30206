import { newTokenValue, newUuid } from '../ids.js';
import type {
  AccessToken,
  AppAccount,
  OAuthBackend,
  OAuthConsumer,
  OAuthGrant,
  User,
} from '../state/model.js';
import type { World } from '../world.js';
import type { IssuedToken } from './grants.js';

type NewToken = Omit<AccessToken, 'issued_at' | 'expires_at' | 'revoked'>;

/** Apps are still served by the old backend. */
export function issueToken(
  world: World,
  token: NewToken,
  backend: OAuthBackend = '2025',
): IssuedToken {
  const { settings } = world.state;
  const accessToken = newTokenValue(settings.token_long || backend === '2026');
  const now = world.clock.now();
  world.state.putToken(accessToken, {
    ...token,
    issued_at: now,
    expires_at: now + settings.token_lifetime_s * 1000,
    revoked: false,
  });
  const { scopes } = token;
  return { accessToken, scopes, expiresIn: settings.token_lifetime_s, backend };
}

/** An access token of a person's grant with a refresh token: the one given, or a new one. */
export function issueForGrant(
  world: World,
  consumer: OAuthConsumer,
  grant: OAuthGrant,
  refreshToken: string | null,
): IssuedToken {
  const issued = issueToken(
    world,
    {
      owner: { kind: 'user', user_uuid: grant.user_uuid },
      scopes: grant.scopes,
      repository_uuid: null,
      consumer_key: consumer.key,
      grant_id: grant.id,
    },
    consumer.backend,
  );
  if (refreshToken !== null) return { ...issued, refreshToken };
  const value = newTokenValue(consumer.backend === '2026');
  world.state.oauth.putRefreshToken(value, {
    grant_id: grant.id,
    issued_at: world.clock.now(),
    used_at: null,
  });
  return { ...issued, refreshToken: value };
}

/** What the person allows is what stands on the consumer; `scope` parameters change nothing. */
export function newGrant(world: World, consumer: OAuthConsumer, user: User): OAuthGrant {
  const known = world.state.oauth.grantOf(consumer.key, user.uuid);
  const grant: OAuthGrant = {
    id: known?.id ?? newUuid(),
    consumer_key: consumer.key,
    user_uuid: user.uuid,
    scopes: consumer.scopes,
    granted_on: world.clock.timestamp(),
    revoked: false,
  };
  world.state.oauth.putGrant(grant);
  return grant;
}

export function consumerAccount(consumer: OAuthConsumer): AppAccount {
  return {
    uuid: consumer.app_user_uuid,
    name: consumer.name,
    workspace_uuid: consumer.workspace_uuid,
    origin: 'consumer',
  };
}
