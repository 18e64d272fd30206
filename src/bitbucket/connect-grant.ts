import { createHash, createSecretKey } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import { BitbucketError } from '../core/errors.js';
import type { Clock } from '../core/ports.js';
import type { OutboundHttp, OutboundResponse } from '../lib/outbound-http.js';
import type { IssuedToken, TokenSource } from './tokens.js';
import { failureOf, jsonOf, networkFailure, notUnderstood } from './failures.js';

/*
 * All of Connect that is in this folder. Connect's support ends on 2027-01-31 (reference/bitbucket-connect.md §1);
 * deleting this file and its one mention in `context.ts` is then the whole removal.
 */

export interface ConnectIdentity {
  clientKey: string;
  sharedSecret: string;
}

export interface ConnectGrantOptions {
  /** `key` of our descriptor; `iss` of every token we sign. */
  appKey: string;
  /** https://bitbucket.org; the only place a secret is ever shown to, whatever a payload names. */
  siteUrl: string;
  http: OutboundHttp;
  clock: Clock;
  /** Ends an exchange under way when the process stops. */
  signal?: AbortSignal;
  /** The active Connect installation of a workspace with its opened secret. */
  findActiveInstallation(workspaceUuid: string): Promise<ConnectIdentity | null>;
}

export interface ConnectGrant extends TokenSource {
  /**
   * Exchanges one identity's JWT for a bearer token, without any cache. Throws `BitbucketError`: `bitbucket_refused` when
   * Bitbucket does not take the secret.
   */
  exchange(identity: ConnectIdentity, repositoryUuid: string | null): Promise<IssuedToken>;
}

const lifetimeSec = 180;
/** RFC 6749 leaves `expires_in` optional; one hour is the shortest lifetime Bitbucket ever documented. */
const defaultExpirySec = 3600;
const what = 'token exchange';

const answerShape = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().catch(defaultExpirySec),
  // Old backend `scopes`, new one `scope` (reference/bitbucket-api.md §1.3); for display and logs only.
  scope: z.string().optional().catch(undefined),
  scopes: z.string().optional().catch(undefined),
});

/** `grant_type=urn:bitbucket:oauth2:jwt` (reference/bitbucket-connect.md §5). No refresh token: the exchange is repeated. */
export function createConnectGrant(options: ConnectGrantOptions): ConnectGrant {
  /** Workspaces whose grant does not take `bitbucket_repository`; asked again after a restart. */
  const cannotNarrow = new Set<string>();
  const exchange: ConnectGrant['exchange'] = async (identity, repositoryUuid) =>
    readToken(await post(options, identity, repositoryUuid), options.clock);

  return {
    id: 'connect',
    kind: 'app',
    name: 'the app of the workspace (Connect)',
    exchange,
    issue: async ({ workspaceUuid, repositoryUuid, narrow = false }) => {
      const identity = await options.findActiveInstallation(workspaceUuid);
      if (!identity) return null;
      if (repositoryUuid === null || !narrow || cannotNarrow.has(workspaceUuid)) {
        return exchange(identity, null);
      }
      try {
        return await exchange(identity, repositoryUuid);
      } catch (error) {
        if (!(error instanceof BitbucketError && error.status === 400)) throw error;
        const token = await exchange(identity, null);
        // Remembered only now: a bad secret is answered 400, too.
        cannotNarrow.add(workspaceUuid);
        return token;
      }
    },
  };
}

async function post(
  options: ConnectGrantOptions,
  identity: ConnectIdentity,
  repositoryUuid: string | null,
): Promise<OutboundResponse> {
  const url = new URL('/site/oauth2/access_token', options.siteUrl);
  const form = new URLSearchParams({ grant_type: 'urn:bitbucket:oauth2:jwt' });
  if (repositoryUuid !== null) form.set('bitbucket_repository', repositoryUuid);
  try {
    return await options.http.send({
      method: 'POST',
      url: url.href,
      headers: {
        Authorization: `JWT ${mintToken(options, identity, `POST&${url.pathname}&`)}`,
        'Content-Type': 'application/x-www-form-urlencoded',
        Accept: 'application/json',
      },
      body: form.toString(),
      signal: options.signal,
    });
  } catch (error) {
    throw networkFailure(error, what);
  }
}

/** Outbound claims: `iss` is the app, `sub` the installation, unlike Jira (§4.6). At most 180 s. */
function mintToken(
  options: ConnectGrantOptions,
  identity: ConnectIdentity,
  canonicalRequest: string,
): string {
  const iat = Math.floor(options.clock() / 1000);
  const claims = {
    iss: options.appKey,
    sub: identity.clientKey,
    iat,
    exp: iat + lifetimeSec,
    qsh: createHash('sha256').update(canonicalRequest).digest('hex'),
  };
  // A key object: given a text, the library tries to read it as a private key first, which takes longer than signing.
  const key = createSecretKey(identity.sharedSecret, 'utf8');
  return jwt.sign(claims, key, { algorithm: 'HS256' });
}

function readToken(response: OutboundResponse, clock: Clock): IssuedToken {
  const failure = failureOf(response, what, clock);
  if (failure?.code === 'repository_gone') {
    // A token endpoint that is not there is no statement about a secret.
    throw new BitbucketError('bitbucket_unavailable', failure.message, { status: 404 });
  }
  if (failure) throw failure;
  const parsed = answerShape.safeParse(jsonOf(response, what));
  if (!parsed.success) throw notUnderstood(response, what);
  const { access_token: value, expires_in: expirySec } = parsed.data;
  return { value, expiresAt: clock() + expirySec * 1000 };
}
