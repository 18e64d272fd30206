import type { Exchange } from '../http/exchange.js';
import type { OAuthBackend } from '../state/model.js';
import type { World } from '../world.js';
import { clientCredentialsGrant } from './client-credentials-grant.js';
import { codeGrant } from './code-grant.js';
import { jwtGrant } from './jwt-grant.js';
import { refreshGrant } from './refresh-grant.js';

export interface IssuedToken {
  accessToken: string;
  scopes: string[];
  expiresIn: number;
  refreshToken?: string;
  /** Which backend answers: their bodies differ. */
  backend: OAuthBackend;
}

/** One way to get a token (bitbucket-api §1.3). The password and implicit grants are gone. */
export type Grant = (world: World, exchange: Exchange, form: URLSearchParams) => IssuedToken;

export const grants: Readonly<Record<string, Grant>> = {
  authorization_code: codeGrant,
  refresh_token: refreshGrant,
  client_credentials: clientCredentialsGrant,
  'urn:bitbucket:oauth2:jwt': jwtGrant,
};
