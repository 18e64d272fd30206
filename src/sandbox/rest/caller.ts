import { jwtFromHeader, verifyAppJwt } from '../connect/app-jwt.js';
import { impliedScopes } from '../connect/url-template.js';
import { areForgeScopes, forgeTwins } from '../forge/scopes.js';
import type { Exchange } from '../http/exchange.js';
import type { AppAccount, Installation, Permission, Repository, User } from '../state/model.js';
import type { World } from '../world.js';
import { RestError } from './errors.js';

/** Who asks, and what their credential may do. */
export type Caller =
  | { kind: 'anonymous' }
  | {
      kind: 'installation';
      installation: Installation;
      scopes: string[];
      repositoryUuid: string | null;
      credential: 'jwt' | 'oauth2';
    }
  | {
      kind: 'app';
      app: AppAccount;
      scopes: string[];
      repositoryUuid: string | null;
      credential: 'oauth2' | 'access_token';
    }
  | { kind: 'user'; user: User; scopes: string[]; credential: 'oauth2' };

const invalidToken = 'Token is invalid, expired, or not supported for this endpoint.';
const expiredToken = 'Access token expired. Use your refresh token to obtain a new access token.';

export function identify(world: World, exchange: Exchange): Caller {
  const header = exchange.header('authorization');
  if (header === undefined) return { kind: 'anonymous' };
  const jwt = jwtFromHeader(header);
  if (jwt !== undefined) {
    const target = { method: exchange.method, url: exchange.rawUrl };
    const installation = verifyAppJwt(world, jwt, target);
    if (typeof installation === 'string') {
      world.log(`API call refused: ${installation}`);
      throw new RestError(401, invalidToken);
    }
    const { scopes } = installation;
    return { kind: 'installation', installation, scopes, repositoryUuid: null, credential: 'jwt' };
  }
  const [scheme = '', value = ''] = header.split(' ');
  if (scheme.toLowerCase() !== 'bearer') throw new RestError(401, invalidToken);
  return callerOfToken(world, value);
}

export function callerOfToken(world: World, value: string): Caller {
  const token = world.state.token(value);
  if (!token || token.revoked) throw new RestError(401, invalidToken);
  if (token.expires_at <= world.clock.now()) throw new RestError(401, expiredToken);
  const { owner, scopes } = token;
  if (owner.kind === 'user') {
    const user = world.state.user(owner.user_uuid);
    if (!user) throw new RestError(401, invalidToken);
    return { kind: 'user', user, scopes, credential: 'oauth2' };
  }
  const repositoryUuid = token.repository_uuid;
  if (owner.kind === 'app') {
    const { app } = owner;
    const credential = app.origin.endsWith('_token') ? 'access_token' : 'oauth2';
    return { kind: 'app', app, scopes, repositoryUuid, credential };
  }
  const installation = world.state.installation(owner.client_key);
  if (!installation) throw new RestError(401, invalidToken);
  return { kind: 'installation', installation, scopes, repositoryUuid, credential: 'oauth2' };
}

export function grantedScopes(caller: Caller): string[] {
  return caller.kind === 'anonymous' ? [] : caller.scopes;
}

export function hasScopes(caller: Caller, required: readonly string[]): boolean {
  const own = grantedScopes(caller);
  if (areForgeScopes(own)) return forgeTwins(required).every((scope) => own.includes(scope));
  const granted = impliedScopes(own);
  return required.every((scope) => granted.has(scope));
}

/** The workspace that an app acts for; null for people and for nobody. */
export function appWorkspace(caller: Caller): string | null {
  if (caller.kind === 'installation') return caller.installation.workspace_uuid;
  return caller.kind === 'app' ? caller.app.workspace_uuid : null;
}

/** An app acts for its whole workspace, unless the token is narrowed or made for a repository. */
export function mayUse(
  world: World,
  caller: Caller,
  repository: Repository,
  wanted: Permission,
): boolean {
  if (wanted === 'read' && !repository.is_private) return true;
  if (caller.kind === 'anonymous') return false;
  if (caller.kind === 'user') return world.state.allows(caller.user, repository, wanted);
  if (caller.repositoryUuid !== null) return caller.repositoryUuid === repository.uuid;
  return appWorkspace(caller) === repository.workspace_uuid;
}
