import { BitbucketError } from '../core/errors.js';
import type { OutboundHttp } from '../lib/outbound-http.js';
import { failureOf, networkFailure } from './failures.js';
import { apiPath } from './rest.js';
import type { TokenEndpointOptions } from './token-endpoint.js';
import { clientCredentials } from './workspace-tokens.js';

export interface TestedCredential {
  kind: 'consumer' | 'access_token';
  workspaceUuid: string;
  /** `workspace`, or a repository's uuid. */
  serves: string;
  clientId: string | null;
  secret: string;
}

const what = 'test credential';

/**
 * Really gets a token and really reads what the credential is for: the workspace's repositories, or the one repository. A
 * consumer of another workspace reads nothing here and is refused with 403 or 404.
 */
export async function testCredential(
  credential: TestedCredential,
  options: TokenEndpointOptions & { apiUrl: string; http: OutboundHttp },
): Promise<{ scopes: string | null }> {
  const granted =
    credential.kind === 'consumer'
      ? await clientCredentials(
          { clientId: credential.clientId ?? '', clientSecret: credential.secret },
          options,
        )
      : null;
  const bearer = granted?.accessToken ?? credential.secret;
  const read = () => readOnce(credential, bearer, options);
  // A good one is refused now and then in passing (reference/bitbucket-api.md §1.5).
  const header = await read().catch((error: unknown) => {
    if (error instanceof BitbucketError && error.status === 401) return read();
    throw error;
  });
  return { scopes: granted?.scopes ?? header };
}

async function readOnce(
  { workspaceUuid, serves }: TestedCredential,
  bearer: string,
  options: TokenEndpointOptions & { apiUrl: string },
): Promise<string | null> {
  const path =
    serves === 'workspace'
      ? apiPath(['repositories', workspaceUuid], { pagelen: '1', fields: 'values.uuid' })
      : apiPath(['repositories', workspaceUuid, serves], { fields: 'uuid' });
  const response = await options.http
    .send({
      method: 'GET',
      url: new URL(path, options.apiUrl).href,
      headers: { Authorization: `Bearer ${bearer}`, Accept: 'application/json' },
      signal: options.signal,
    })
    .catch((error: unknown) => {
      throw networkFailure(error, what);
    });
  const failure = failureOf(response, what, options.clock);
  if (failure) throw failure;
  return response.headers['x-oauth-scopes'] ?? null;
}
