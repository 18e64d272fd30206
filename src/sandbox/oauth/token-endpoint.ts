import { jsonReply, type Exchange, type Reply } from '../http/exchange.js';
import type { JsonObject } from '../json.js';
import type { World } from '../world.js';
import { GrantError } from './errors.js';
import { grants, type IssuedToken } from './grants.js';

/** `POST /site/oauth2/access_token` (bitbucket-api §1.3, §1.4). */
export async function tokenEndpoint(world: World, exchange: Exchange): Promise<Reply> {
  // A body that is not form-encoded has no grant_type at all, and the error says "None".
  const form = (await exchange.form()) ?? new URLSearchParams();
  const name = form.get('grant_type') ?? 'None';
  try {
    const grant = Object.hasOwn(grants, name) ? grants[name] : undefined;
    if (!grant) throw new GrantError('invalid_grant', `Unsupported grant type: ${name}`);
    return jsonReply(200, tokenBody(world, name, grant(world, exchange, form)), noStore);
  } catch (error) {
    if (!(error instanceof GrantError)) throw error;
    const status = error.status ?? world.state.settings.token_error_status;
    return jsonReply(status, { error_description: error.message, error: error.error }, noStore);
  }
}

const noStore = { 'Cache-Control': 'no-store' };

function tokenBody(world: World, grant: string, token: IssuedToken): JsonObject {
  const { token_scope_key } = world.state.settings;
  const usual = token.backend === '2026' ? 'scope' : 'scopes';
  const key = token_scope_key === 'backend' ? usual : token_scope_key;
  const scopes = token.scopes.join(' ');
  const body: JsonObject = { access_token: token.accessToken };
  if (key !== 'scope') body['scopes'] = scopes;
  if (key !== 'scopes') body['scope'] = scopes;
  body['token_type'] = 'bearer';
  body['expires_in'] = token.expiresIn;
  if (token.refreshToken === undefined) return body;
  body['refresh_token'] = token.refreshToken;
  // The old backend names the grant there; it has nothing to do with OAuth's `state`.
  if (token.backend === '2025') body['state'] = grant;
  return body;
}
