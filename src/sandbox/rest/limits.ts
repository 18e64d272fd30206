import { jsonReply, textReply, type Exchange, type Reply } from '../http/exchange.js';
import type { LimitedResource, LimitState } from '../rate-limits.js';
import type { World } from '../world.js';
import type { Caller } from './caller.js';

export const exceededText = 'Rate limit for this resource has been exceeded';

/** Counts the call; the headers it brings, or the 429 it ends in (bitbucket-api §3.4). */
export function limitCall(
  world: World,
  exchange: Exchange,
  caller: Caller,
): { headers: Record<string, string>; refusal: Reply | null } {
  const resource = resourceOf(exchange, caller);
  if (resource === null) return { headers: {}, refusal: null };
  const who = callerId(caller, exchange);
  const state = world.rateLimits.take(resource, who, world.state.settings, world.clock.now());
  if (state === null) return { headers: {}, refusal: null };
  const headers = limitHeaders(caller, resource, state);
  return { headers, refusal: state.allowed ? null : exceeded(world, state, headers) };
}

/** One limit for each user, however many tokens and consumers they use (§6, 15). */
export function callerId(caller: Caller, exchange: Exchange): string {
  if (caller.kind === 'user') return caller.user.uuid;
  if (caller.kind === 'app') return caller.app.uuid;
  if (caller.kind === 'installation') return caller.installation.app_user_uuid;
  return exchange.request.socket.remoteAddress ?? '';
}

function resourceOf(exchange: Exchange, caller: Caller): LimitedResource | null {
  if (caller.kind === 'anonymous') return 'anonymous';
  const { path } = exchange;
  if (/^\/2\.0\/(repositories\/[^/]+|workspaces)\/[^/]+\/hooks(\/|$)/.test(path)) return 'hooks';
  if (!path.startsWith('/2.0/repositories/')) return null;
  return /^\/2\.0\/repositories\/[^/]+\/[^/]+\/src\//.test(path) ? 'raw' : 'api';
}

/** Only scaled callers are told: access tokens. Anonymous ones get another kind. */
function limitHeaders(
  caller: Caller,
  resource: LimitedResource,
  state: LimitState,
): Record<string, string> {
  if (caller.kind === 'anonymous') {
    return {
      'X-RateLimit-Limit': `${state.limit}, ${state.limit};w=3600`,
      'X-RateLimit-Remaining': String(state.remaining),
      // Seconds that remain, not a time.
      'X-RateLimit-Reset': String(state.resetS),
    };
  }
  if (caller.kind !== 'app' || caller.credential !== 'access_token') return {};
  return {
    'X-RateLimit-Limit': String(state.limit),
    'X-RateLimit-Resource': resource,
    'X-RateLimit-NearLimit': String(state.remaining < state.limit / 5),
  };
}

/** Both kinds of body are met, and `Retry-After` is not promised. */
function exceeded(world: World, state: LimitState, headers: Record<string, string>): Reply {
  const { rate_limit_body, rate_limit_retry_after } = world.state.settings;
  const all = rate_limit_retry_after
    ? { ...headers, 'Retry-After': String(state.resetS) }
    : headers;
  return rate_limit_body === 'text'
    ? textReply(429, exceededText, all)
    : jsonReply(429, { type: 'error', error: { message: exceededText } }, all);
}
