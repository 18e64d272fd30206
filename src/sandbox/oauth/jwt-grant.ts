import { jwtFromHeader, verifyAppJwt } from '../connect/app-jwt.js';
import { impliedScopes } from '../connect/url-template.js';
import type { Exchange } from '../http/exchange.js';
import type { Installation } from '../state/model.js';
import type { World } from '../world.js';
import { GrantError, unauthorizedClient } from './errors.js';
import type { IssuedToken } from './grants.js';
import { issueToken } from './issue-token.js';

/** An app's JWT against a token for the account it is installed on (bitbucket-connect §5). */
export function jwtGrant(world: World, exchange: Exchange, form: URLSearchParams): IssuedToken {
  const jwt = jwtFromHeader(exchange.header('authorization'));
  if (jwt === undefined) throw unauthorizedClient();
  const installation = verifyAppJwt(world, jwt, 'qsh not checked');
  if (typeof installation === 'string') {
    world.log(`token refused: ${installation}`);
    throw unauthorizedClient();
  }
  return issueToken(world, {
    owner: { kind: 'installation', client_key: installation.client_key },
    scopes: narrowedScopes(installation, form.get('scope')),
    repository_uuid: narrowedRepository(world, installation, form.get('bitbucket_repository')),
  });
}

function narrowedScopes(installation: Installation, requested: string | null): string[] {
  if (requested === null || requested.trim() === '') return installation.scopes;
  const wanted = requested.trim().split(/\s+/);
  const granted = impliedScopes(installation.scopes);
  const excess = wanted.filter((scope) => !granted.has(scope));
  if (excess.length > 0) {
    throw new GrantError('invalid_scope', `Scope not granted: ${excess.join(' ')}`);
  }
  return wanted;
}

function narrowedRepository(
  world: World,
  installation: Installation,
  uuid: string | null,
): string | null {
  if (uuid === null) return null;
  const repository = world.state.repository('{}', uuid);
  if (repository?.workspace_uuid !== installation.workspace_uuid) {
    throw new GrantError('invalid_request', 'Unknown bitbucket_repository');
  }
  return repository.uuid;
}
