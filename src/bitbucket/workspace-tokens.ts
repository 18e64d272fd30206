import * as oauth from 'oauth4webapi';
import { BitbucketError } from '../core/errors.js';
import type { GrantedTokens } from '../core/people.js';
import {
  authorizationServer,
  basicAuth,
  grantedOf,
  requestOptions,
  tokenFailure,
  type Consumer,
  type TokenEndpointOptions,
} from './token-endpoint.js';
import type { TokenRequest, TokenSource } from './tokens.js';

/** A workspace's own credential, opened for one call. */
export type OpenedCredential =
  | { id: string; kind: 'consumer'; serves: string; consumer: Consumer }
  | { id: string; kind: 'access_token'; serves: string; token: string; endsAt: number | null };

export interface WorkspaceTokenOptions extends TokenEndpointOptions {
  find(workspaceUuid: string): Promise<readonly OpenedCredential[]>;
  /** Bitbucket does not take it; `reason` in words for a person. */
  onRefused(credentialId: string, reason: string): Promise<void>;
}

/** Long enough that a static token is not asked for with every call, short enough that a new one counts soon. */
const staticLifeMs = 60_000;

/**
 * `client_credentials` of a private consumer (reference/bitbucket-api.md §1.3): acts as an app user of the consumer's own
 * workspace, brings no refresh token, and is simply asked for again.
 *
 * Throws `BitbucketError`: `oauth_consumer_refused` also for a consumer that is not private.
 */
export async function clientCredentials(
  consumer: Consumer,
  options: TokenEndpointOptions,
): Promise<GrantedTokens> {
  const what = "workspace's consumer";
  const server = authorizationServer(options.siteUrl);
  const client: oauth.Client = { client_id: consumer.clientId };
  try {
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      basicAuth(consumer),
      {},
      requestOptions(options, what),
    );
    return grantedOf(
      await oauth.processClientCredentialsResponse(server, client, response),
      options.clock,
    );
  } catch (error) {
    throw tokenFailure(error, what, 'oauth_consumer_refused');
  }
}

export function createConsumerSource(options: WorkspaceTokenOptions): TokenSource {
  return {
    id: 'consumer',
    kind: 'app',
    name: "the workspace's own OAuth consumer",
    async issue({ workspaceUuid }) {
      const all = await options.find(workspaceUuid);
      const found = all.find((one) => one.kind === 'consumer');
      if (found?.kind !== 'consumer') return null;
      try {
        const { accessToken, expiresAt } = await clientCredentials(found.consumer, options);
        return { value: accessToken, expiresAt, holder: found.id };
      } catch (error) {
        if (error instanceof BitbucketError && error.code === 'oauth_consumer_refused') {
          await options.onRefused(found.id, 'its key or secret is not accepted any more.');
        }
        throw error;
      }
    },
  };
}

/** One for a single repository goes before one for the whole workspace. A refused one is tried once more: it may pass. */
export function createAccessTokenSource(options: WorkspaceTokenOptions): TokenSource {
  const pick = async ({ workspaceUuid, repositoryUuid }: TokenRequest) => {
    const all = await options.find(workspaceUuid);
    const tokens = all.filter((one) => one.kind === 'access_token');
    return (
      tokens.find(({ serves }) => serves === repositoryUuid) ??
      tokens.find(({ serves }) => serves === 'workspace')
    );
  };
  return {
    id: 'access_token',
    kind: 'app',
    name: 'an access token of the workspace',
    perRepository: true,
    async issue(request) {
      const found = await pick(request);
      if (!found) return null;
      const { token: value, endsAt, id: holder } = found;
      return { value, expiresAt: endsAt ?? options.clock() + staticLifeMs, holder };
    },
    async refused(request) {
      const found = await pick(request);
      if (found) await options.onRefused(found.id, 'it was revoked, or has expired.');
    },
  };
}
