import * as oauth from 'oauth4webapi';
import { BitbucketError } from '../core/errors.js';
import type { GrantedTokens } from '../core/people.js';
import type { Clock } from '../core/ports.js';
import type { OutboundHttp, OutboundResponse } from '../lib/outbound-http.js';
import { failureOf, networkFailure, notUnderstood } from './failures.js';

/** RFC 6749 leaves `expires_in` optional; one hour is the shortest lifetime Bitbucket ever documented. */
const defaultExpirySec = 3600;

export interface TokenEndpointOptions {
  /** https://bitbucket.org */
  siteUrl: string;
  http: OutboundHttp;
  clock: Clock;
  /** Ends a call under way when the process stops. */
  signal?: AbortSignal | undefined;
}

export interface Consumer {
  clientId: string;
  clientSecret: string;
}

/**
 * Bitbucket's OAuth endpoints as oauth4webapi wants them (reference/bitbucket-api.md §1.2, §1.3). The library makes the
 * requests and judges the answers by the RFCs; the calls themselves go through our one way out.
 */
export function authorizationServer(siteUrl: string): oauth.AuthorizationServer {
  return {
    issuer: siteUrl,
    authorization_endpoint: new URL('/site/oauth2/authorize', siteUrl).href,
    token_endpoint: new URL('/site/oauth2/access_token', siteUrl).href,
  };
}

/**
 * Basic over key and secret as they are. RFC 6749 §2.3.1 wants them form-encoded first, which no client known to work with
 * Bitbucket does; secrets of today have characters that would change (§1.1).
 */
export function basicAuth({ clientId, clientSecret }: Consumer): oauth.ClientAuth {
  const value = Buffer.from(`${clientId}:${clientSecret}`, 'utf8').toString('base64');
  return (_server, _client, _body, headers) => {
    headers.set('authorization', `Basic ${value}`);
  };
}

/** `what` for error texts: "renew grant". */
export function requestOptions(
  options: TokenEndpointOptions,
  what: string,
): oauth.TokenEndpointRequestOptions {
  return {
    // Where plain http is allowed is for the outbound client to say: to a sandbox on this machine alone.
    [oauth.allowInsecureRequests]: true,
    [oauth.customFetch]: async (url, { method, headers, body }) => {
      let response: OutboundResponse;
      try {
        response = await options.http.send({
          method,
          url,
          headers,
          body: String(body),
          signal: options.signal,
        });
      } catch (error) {
        throw networkFailure(error, what);
      }
      const failure = failureOf(response, what, options.clock);
      // A refusal is for the library to read; that the endpoint is away or busy says nothing about a grant.
      if (failure && (isPassing(failure) || failure.status === 404)) {
        const { status, retryAfterMs } = failure;
        const code =
          failure.code === 'bitbucket_rate_limited' ? failure.code : 'bitbucket_unavailable';
        throw new BitbucketError(code, failure.message, { status: status ?? 0, retryAfterMs });
      }
      return new Response(response.text, {
        status: response.status,
        headers: { 'content-type': response.headers['content-type'] ?? '' },
      });
    },
  };
}

function isPassing(failure: BitbucketError): boolean {
  return failure.code === 'bitbucket_unavailable' || failure.code === 'bitbucket_rate_limited';
}

/** Old backend `scopes`, new one `scope`; an old one may give no new refresh token (§1.3). */
export function grantedOf(answer: oauth.TokenEndpointResponse, clock: Clock): GrantedTokens {
  const scopes = answer.scope ?? answer['scopes'];
  return {
    accessToken: answer.access_token,
    expiresAt: clock() + (answer.expires_in ?? defaultExpirySec) * 1000,
    refreshToken: answer.refresh_token ?? null,
    scopes: typeof scopes === 'string' ? scopes : null,
  };
}

type Refusal = 'oauth_code_refused' | 'oauth_grant_refused' | 'oauth_consumer_refused';

/**
 * What a refusal means. The words `unauthorized_client` and `invalid_client` are about the consumer itself (§1.4): whatever
 * people allowed is not lost by it. For all others the status decides, since the words differ between Bitbucket's backends.
 */
export function tokenFailure(error: unknown, what: string, refusal: Refusal): unknown {
  if (error instanceof oauth.ResponseBodyError) {
    const isConsumer = error.error === 'unauthorized_client' || error.error === 'invalid_client';
    const words = (error.error_description ?? error.error).slice(0, 200);
    return new BitbucketError(
      isConsumer ? 'oauth_consumer_refused' : refusal,
      `${what}: ${error.status} ${words}`,
      { status: error.status },
    );
  }
  if (error instanceof oauth.WWWAuthenticateChallengeError) {
    return new BitbucketError('oauth_consumer_refused', `${what}: ${error.status}`, {
      status: error.status,
    });
  }
  if (error instanceof oauth.OperationProcessingError) {
    const { response } = error as { response?: { status: number } };
    const status = response?.status ?? statusIn(error.cause);
    // Neither the error nor its cause is kept: the library hangs the answer, tokens and all, on it.
    return status !== null && status >= 400 && status < 500
      ? new BitbucketError(refusal, `${what}: ${status}`, { status })
      : notUnderstood({ status: status ?? 200 } as OutboundResponse, what);
  }
  return error;
}

function statusIn(cause: unknown): number | null {
  const status = (cause as { status?: unknown } | null)?.status;
  return typeof status === 'number' ? status : null;
}
