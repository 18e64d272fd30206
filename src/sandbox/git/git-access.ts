import { callerOfToken, hasScopes, mayUse, type Caller } from '../rest/caller.js';
import { RestError } from '../rest/errors.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';

/** The literal user name that goes with access tokens (bitbucket-api §2). */
const tokenUser = 'x-token-auth';

export interface GitCaller {
  caller: Caller;
  /** For the journal. */
  kind: 'token' | 'user' | 'anonymous' | 'refused';
  name: string | null;
}

const scopesOfPeople = ['repository:write'];

/** Basic only: Bearer is not taken by the git hosts. */
export function identifyGit(world: World, header: string | undefined): GitCaller {
  if (header === undefined) return { caller: { kind: 'anonymous' }, kind: 'anonymous', name: null };
  const refused: GitCaller = { caller: { kind: 'anonymous' }, kind: 'refused', name: null };
  const [scheme = '', value = ''] = header.split(' ');
  if (scheme.toLowerCase() !== 'basic') return refused;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const name = pair.slice(0, pair.indexOf(':'));
  const password = pair.slice(pair.indexOf(':') + 1);
  if (name === tokenUser) return tokenCaller(world, password) ?? refused;
  const user = world.state.user(name);
  if (user?.git_password !== password) return refused;
  const caller: Caller = { kind: 'user', user, scopes: scopesOfPeople, credential: 'oauth2' };
  return { caller, kind: 'user', name: user.nickname };
}

function tokenCaller(world: World, token: string): GitCaller | null {
  try {
    const caller = callerOfToken(world, token);
    return { caller, kind: 'token', name: nameOf(caller) };
  } catch (error) {
    if (error instanceof RestError) return null;
    throw error;
  }
}

/** Tells in the journal whose token it was. */
function nameOf(caller: Caller): string | null {
  if (caller.kind === 'installation') return caller.installation.app_key;
  if (caller.kind === 'app') return caller.app.name;
  return caller.kind === 'user' ? caller.user.nickname : null;
}

/** 200, or the status of the refusal. */
export function gitAccess(
  world: World,
  { caller, kind }: GitCaller,
  repository: Repository | undefined,
  writing: boolean,
): 200 | 401 | 403 {
  if (kind === 'refused' || !repository) return 401;
  if (!mayUse(world, caller, repository, 'read')) return 401;
  if (caller.kind !== 'anonymous' && !hasScopes(caller, ['repository'])) return 401;
  if (!writing) return 200;
  if (caller.kind === 'anonymous') return 401;
  const allowed =
    mayUse(world, caller, repository, 'write') && hasScopes(caller, ['repository:write']);
  return allowed ? 200 : 403;
}
