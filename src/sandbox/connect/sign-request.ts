import { textOf, type JsonObject } from '../json.js';
import type { Installation } from '../state/model.js';
import type { World } from '../world.js';
import { signJwt } from './jwt.js';
import { queryStringHash } from './qsh.js';

export interface Signing {
  method: string;
  /** The full URL of the request. */
  url: string;
  secret: string;
  /** Iframe loads name the person who looks. */
  subject?: string;
}

/** The JWT that Bitbucket puts on lifecycle calls, events and iframe URLs (§4.2). */
export function bitbucketJwt(world: World, installation: Installation, signing: Signing): string {
  const { settings } = world.state;
  const now = world.clock.seconds();
  const target = new URL(signing.url);
  const base = new URL(baseUrl(installation));
  const claims: JsonObject = {
    iss: installation.client_key,
    qsh: queryStringHash(signing.method, target.pathname + target.search, base.pathname),
    iat: now + settings.jwt_iat_skew_s,
    exp: now + settings.jwt_lifetime_s,
  };
  if (settings.jwt_aud !== 'none') {
    const { client_key } = installation;
    claims['aud'] = settings.jwt_aud === 'list' ? [client_key] : client_key;
  }
  if (signing.subject !== undefined) claims['sub'] = signing.subject;
  return signJwt(claims, signing.secret);
}

export function baseUrl(installation: Installation): string {
  return textOf(installation.descriptor['baseUrl']);
}

/** Module and lifecycle URLs are absolute, or relative to `baseUrl` with its path (§2.1). */
export function appUrl(installation: Installation, url: string): string {
  if (/^https?:\/\//i.test(url)) return url;
  return `${baseUrl(installation).replace(/\/+$/, '')}/${url.replace(/^\/+/, '')}`;
}
