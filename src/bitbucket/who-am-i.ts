import { z } from 'zod';
import { BitbucketError } from '../core/errors.js';
import type { RemoteUser } from '../core/people.js';
import type { OutboundHttp } from '../lib/outbound-http.js';
import { failureOf, jsonOf, networkFailure, notUnderstood } from './failures.js';
import type { Clock } from '../core/ports.js';

const what = 'read user';

const userShape = z.object({
  uuid: z.string().min(1),
  display_name: z.string().nullish(),
  nickname: z.string().nullish(),
});

/** `GET /2.0/user` with a token that belongs to nobody we know yet (reference/bitbucket-api.md §4.1). */
export async function whoAmI(
  accessToken: string,
  options: { apiUrl: string; http: OutboundHttp; clock: Clock; signal?: AbortSignal | undefined },
): Promise<RemoteUser> {
  const url = new URL('/2.0/user?fields=uuid,display_name,nickname', options.apiUrl);
  const response = await options.http
    .send({
      method: 'GET',
      url: url.href,
      headers: { Authorization: `Bearer ${accessToken}`, Accept: 'application/json' },
      signal: options.signal,
    })
    .catch((error: unknown) => {
      throw networkFailure(error, what);
    });
  const failure = failureOf(response, what, options.clock);
  // The token is a second old: that it may not ask is its scopes' fault (§1.5).
  if (failure?.status === 403) {
    throw new BitbucketError('oauth_scope_missing', 'account', { status: 403 });
  }
  if (failure) throw failure;
  const parsed = userShape.safeParse(jsonOf(response, what));
  if (!parsed.success) throw notUnderstood(response, what);
  const { uuid, display_name: displayName, nickname } = parsed.data;
  return {
    uuid,
    displayName: displayName || nickname || 'Somebody',
    scopes: response.headers['x-oauth-scopes'] ?? null,
  };
}
