import type { CareJob } from '../actions/care-job.js';
import { createPersonTokens } from '../actions/person-tokens.js';
import { createGrantWatch } from '../actions/watch-grants.js';
import { signIn, type SignedIn } from '../actions/sign-in.js';
import { createOAuthClient } from '../bitbucket/oauth-client.js';
import { whoAmI } from '../bitbucket/who-am-i.js';
import type { Config, Secrets } from '../config/config.js';
import { AccessError } from '../core/errors.js';
import type { OAuthClient, PersonTokens } from '../core/people.js';
import type { Clock, Ids, Logger, Storage, Vault, Waker } from '../core/ports.js';
import { createWebSessions, type WebSessions } from '../doors/web/sessions.js';
import type { OutboundHttp } from '../lib/outbound-http.js';

export interface People {
  sessions: WebSessions;
  /** Null: no consumer is configured. */
  oauth: OAuthClient | null;
  /** Null with `oauth`. */
  tokens: PersonTokens | null;
  /** Keeps grants from lapsing, and tells of those it cannot keep. */
  watch: CareJob;
  signIn(callback: { query: string; state: string; codeVerifier: string }): Promise<SignedIn>;
}

/** Signing in with Bitbucket, and what people allowed us. */
export function createPeople(basics: {
  config: Readonly<Config>;
  secrets: Secrets;
  baseUrl: string;
  storage: Storage;
  vault: Vault;
  ids: Ids;
  clock: Clock;
  logger: Logger;
  waker: Waker;
  random(): number;
  http: OutboundHttp;
  signal: AbortSignal;
}): People {
  const { config, secrets, baseUrl } = basics;
  const { oauthClientId: clientId, bitbucketUrl: siteUrl, bitbucketApiUrl: apiUrl } = config;
  const { oauthClientSecret: clientSecret } = secrets;
  const oauth =
    clientId === null || clientSecret === null
      ? null
      : createOAuthClient({
          ...basics,
          siteUrl,
          consumer: { clientId, clientSecret },
          redirectUrl: `${baseUrl}/oauth/callback`,
        });
  const tokens = oauth && createPersonTokens({ ...basics, oauth });
  return {
    tokens,
    watch: createGrantWatch({ ...basics, keepAlive: tokens?.keepAlive ?? null }),
    sessions: createWebSessions(basics),
    oauth,
    async signIn(callback) {
      if (!oauth) throw new AccessError('oauth_off', 404);
      const ask = (token: string) => whoAmI(token, { ...basics, apiUrl });
      return signIn(callback, { ...basics, oauth, whoAmI: ask });
    },
  };
}
