import { AccessError } from '../core/errors.js';
import type { Clock } from '../core/ports.js';

/** A bearer token owned by the app, not by a person. */
export interface AppToken {
  value: string;
  /** Unix ms. */
  expiresAt: number;
}

export interface AppTokenRequest {
  workspaceUuid: string;
  /** Only good for this repository, where the source can narrow; null = the whole workspace. */
  repositoryUuid: string | null;
}

/**
 * One way to get an app token. A list of them, asked in order: Connect's grant today; a Forge system token or a
 * workspace's own OAuth consumer can stand beside it without a change here.
 */
export interface AppTokenSource {
  readonly name: string;
  /** Null: this workspace did not come in by this door. Throws `BitbucketError`. */
  issue(request: AppTokenRequest): Promise<AppToken | null>;
}

export interface AppTokens {
  /**
   * @throws BitbucketError from the source; AccessError `installation_removed` when no source serves the workspace
   */
  token(
    request: AppTokenRequest,
    options?: {
      /** Skips the cache. */
      fresh?: boolean;
      /** Skips the cache only while it still holds this token, which was just refused. */
      unlike?: string;
    },
  ): Promise<AppToken>;
  /** The workspace's installation changed: its tokens may be worthless. */
  forget(workspaceUuid: string): void;
}

/** A token is replaced this long before it ends, so that a clone begun now does not outlive it. */
const marginMs = 5 * 60_000;
const maxEntries = 10_000;

/** In memory only. At most one request per workspace and repository is under way; everybody else waits for it. */
export function createAppTokens(deps: {
  sources: readonly AppTokenSource[];
  clock: Clock;
}): AppTokens {
  const cache = new Map<string, AppToken>();
  const underWay = new Map<string, Promise<AppToken>>();
  let generation = 0;

  async function issue(key: string, request: AppTokenRequest): Promise<AppToken> {
    const before = generation;
    for (const source of deps.sources) {
      const token = await source.issue(request);
      if (!token) continue;
      if (before === generation) {
        if (cache.size >= maxEntries) cache.clear();
        cache.set(key, token);
      }
      return token;
    }
    throw new AccessError('installation_removed', 404, 'no way to get an app token is left');
  }

  return {
    token: async (request, options = {}) => {
      const key = `${request.workspaceUuid} ${request.repositoryUuid ?? ''}`;
      const cached = cache.get(key);
      const usable =
        cached &&
        options.fresh !== true &&
        cached.value !== options.unlike &&
        cached.expiresAt - deps.clock() > marginMs;
      if (usable) return cached;
      let pending = underWay.get(key);
      if (!pending) {
        pending = issue(key, request).finally(() => underWay.delete(key));
        underWay.set(key, pending);
      }
      return pending;
    },
    forget: (workspaceUuid) => {
      generation += 1;
      for (const key of cache.keys()) {
        if (key.startsWith(`${workspaceUuid} `)) cache.delete(key);
      }
    },
  };
}
