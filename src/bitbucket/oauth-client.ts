import * as oauth from 'oauth4webapi';
import { AccessError } from '../core/errors.js';
import type { OAuthClient } from '../core/people.js';
import { neededScopes } from '../core/scopes.js';
import {
  authorizationServer,
  basicAuth,
  grantedOf,
  requestOptions,
  tokenFailure,
  type Consumer,
  type TokenEndpointOptions,
} from './token-endpoint.js';

export interface OAuthClientOptions extends TokenEndpointOptions {
  consumer: Consumer;
  /** As registered with the consumer, and exactly the same in both calls. */
  redirectUrl: string;
}

/**
 * Our OAuth consumer: authorization code with `state` and PKCE, and renewal (reference/bitbucket-api.md §1.2, §1.3). PKCE is
 * sent because it costs nothing; that Bitbucket checks it is not established, so `state` and the client secret carry.
 */
export function createOAuthClient(options: OAuthClientOptions): OAuthClient {
  const { consumer, redirectUrl, clock } = options;
  const server = authorizationServer(options.siteUrl);
  const client: oauth.Client = { client_id: consumer.clientId };
  const auth = basicAuth(consumer);
  return {
    clientId: consumer.clientId,

    async authorizeUrl({ state, codeVerifier }) {
      const url = new URL(server.authorization_endpoint ?? '');
      url.search = new URLSearchParams({
        client_id: consumer.clientId,
        response_type: 'code',
        redirect_uri: redirectUrl,
        state,
        scope: Object.keys(neededScopes).join(' '),
        code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      }).toString();
      return url.href;
    },

    async redeem({ query, state, codeVerifier }) {
      const what = 'sign-in';
      const callback = checkedCallback(server, client, query, state);
      try {
        const response = await oauth.authorizationCodeGrantRequest(
          server,
          client,
          auth,
          callback,
          redirectUrl,
          codeVerifier,
          requestOptions(options, what),
        );
        return grantedOf(
          await oauth.processAuthorizationCodeResponse(server, client, response),
          clock,
        );
      } catch (error) {
        throw tokenFailure(error, what, 'oauth_code_refused');
      }
    },

    async renew(refreshToken) {
      const what = 'renew grant';
      try {
        const response = await oauth.refreshTokenGrantRequest(
          server,
          client,
          auth,
          refreshToken,
          requestOptions(options, what),
        );
        return grantedOf(await oauth.processRefreshTokenResponse(server, client, response), clock);
      } catch (error) {
        throw tokenFailure(error, what, 'oauth_grant_refused');
      }
    },
  };
}

/** Throws `AccessError`: `oauth_denied` when the person said no, `oauth_state_wrong` when it is not the answer we wait for. */
function checkedCallback(
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  query: string,
  state: string,
): URLSearchParams {
  try {
    return oauth.validateAuthResponse(server, client, new URLSearchParams(query), state);
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) {
      throw new AccessError('oauth_denied', 403, error.error.slice(0, 80));
    }
    if (error instanceof oauth.OperationProcessingError) {
      throw new AccessError('oauth_state_wrong', 401, error.message);
    }
    throw error;
  }
}
