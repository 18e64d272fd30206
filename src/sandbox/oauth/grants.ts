import type { Exchange } from '../http/exchange.js';
import type { World } from '../world.js';
import { jwtGrant } from './jwt-grant.js';

/** RFC 6749 names plus Bitbucket's sentences (bitbucket-api §1.4). */
export class GrantError extends Error {
  override name = 'GrantError';
  readonly error: string;
  /** null: the status that `token_error_status` says. */
  readonly status: number | null;

  constructor(error: string, description: string, status: number | null = 400) {
    super(description);
    this.error = error;
    this.status = status;
  }
}

export interface IssuedToken {
  accessToken: string;
  scopes: string[];
  expiresIn: number;
  refreshToken?: string;
}

/** One way to get a token; the other grants of §1.3 become further entries of the table. */
export type Grant = (world: World, exchange: Exchange, form: URLSearchParams) => IssuedToken;

export const grants: Readonly<Record<string, Grant>> = {
  'urn:bitbucket:oauth2:jwt': jwtGrant,
};
