import { newTokenValue } from '../ids.js';
import type { AccessToken } from '../state/model.js';
import type { World } from '../world.js';
import type { IssuedToken } from './grants.js';

export function issueToken(
  world: World,
  token: Pick<AccessToken, 'owner' | 'scopes' | 'repository_uuid'>,
): IssuedToken {
  const { settings } = world.state;
  const accessToken = newTokenValue(settings.token_long);
  const now = world.clock.now();
  world.state.putToken(accessToken, {
    ...token,
    issued_at: now,
    expires_at: now + settings.token_lifetime_s * 1000,
    revoked: false,
  });
  return { accessToken, scopes: token.scopes, expiresIn: settings.token_lifetime_s };
}
