import type { Exchange } from '../http/exchange.js';
import type { World } from '../world.js';
import { authenticateClient } from './client.js';
import { GrantError } from './errors.js';
import type { IssuedToken } from './grants.js';
import { consumerAccount, issueForGrant, issueToken, newGrant } from './issue-token.js';

/**
 * For private consumers only. Before May 2026 it acted as the consumer's owner and brought a
 * refresh token; since then it acts as an app user of the consumer's workspace and brings none.
 */
export function clientCredentialsGrant(world: World, exchange: Exchange): IssuedToken {
  const consumer = authenticateClient(world, exchange);
  if (!consumer.is_private) {
    const text = 'Client credentials are only available to private consumers';
    throw new GrantError('unauthorized_client', text);
  }
  if (consumer.backend === '2025') {
    const owner = world.state.user(consumer.owner_uuid);
    if (!owner) throw new GrantError('unauthorized_client', 'The consumer has no owner');
    return issueForGrant(world, consumer, newGrant(world, consumer, owner), null);
  }
  return issueToken(
    world,
    {
      owner: { kind: 'app', app: consumerAccount(consumer) },
      scopes: consumer.scopes,
      repository_uuid: null,
      consumer_key: consumer.key,
    },
    consumer.backend,
  );
}
