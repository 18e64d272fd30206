import { signIn, type SignedIn } from '../actions/sign-in.js';
import { createOAuthClient } from '../bitbucket/oauth-client.js';
import { whoAmI } from '../bitbucket/who-am-i.js';
import type { Config, Secrets } from '../config/config.js';
import { AccessError } from '../core/errors.js';
import type { OAuthClient } from '../core/people.js';
import type { Clock, Ids, Logger, Storage, Vault } from '../core/ports.js';
import { createWebSessions, type WebSessions } from '../doors/web/sessions.js';
import type { OutboundHttp } from '../lib/outbound-http.js';

export interface People {
  sessions: WebSessions;
  /** Null: no consumer is configured. */
  oauth: OAuthClient | null;
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
  return {
    sessions: createWebSessions(basics),
    oauth,
    async signIn(callback) {
      if (!oauth) throw new AccessError('oauth_off', 404);
      const ask = (token: string) => whoAmI(token, { ...basics, apiUrl });
      return signIn(callback, { ...basics, oauth, whoAmI: ask });
    },
  };
}
