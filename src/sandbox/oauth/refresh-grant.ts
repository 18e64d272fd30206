import type { Exchange } from '../http/exchange.js';
import type { OAuthConsumer, RefreshToken } from '../state/model.js';
import type { World } from '../world.js';
import { authenticateClient } from './client.js';
import { GrantError } from './errors.js';
import type { IssuedToken } from './grants.js';
import { issueForGrant } from './issue-token.js';

/**
 * The old backend never changes a refresh token. The new one gives another at every use; the
 * used one works for ten more minutes, and one that nobody uses lapses after three months.
 */
export function refreshGrant(world: World, exchange: Exchange, form: URLSearchParams): IssuedToken {
  const consumer = authenticateClient(world, exchange);
  const { oauth } = world.state;
  const value = form.get('refresh_token') ?? '';
  const token = oauth.refreshToken(value);
  const grant = token && oauth.grant(token.grant_id);
  if (!token || !grant || grant.revoked || grant.consumer_key !== consumer.key) {
    throw invalid(consumer);
  }
  if (consumer.backend === '2025') return issueForGrant(world, consumer, grant, value);
  if (!stillTaken(world, token)) throw invalid(consumer);
  token.used_at ??= world.clock.now();
  return issueForGrant(world, consumer, grant, null);
}

function stillTaken(world: World, token: RefreshToken): boolean {
  const { refresh_grace_s, refresh_lapse_days } = world.state.settings;
  const now = world.clock.now();
  if (token.used_at !== null) return now < token.used_at + refresh_grace_s * 1000;
  return now < token.issued_at + refresh_lapse_days * 24 * 3_600_000;
}

/** The old backend's words are recorded; what the new one says is not established. */
function invalid(consumer: OAuthConsumer): GrantError {
  return consumer.backend === '2025'
    ? new GrantError('invalid_request', 'Invalid refresh_token', null)
    : new GrantError('invalid_grant', 'Invalid refresh_token');
}
