import type { Settings } from './state/settings.js';

/** What is counted apart (bitbucket-api §3.4). */
export type LimitedResource = 'api' | 'hooks' | 'raw' | 'git' | 'anonymous';

export interface LimitState {
  allowed: boolean;
  limit: number;
  remaining: number;
  /** Seconds until the oldest counted call leaves the window. */
  resetS: number;
}

/** Calls of the last hour, for each caller and resource; follows the sandbox's clock. */
export class RateLimits {
  private readonly calls = new Map<string, number[]>();

  take(
    resource: LimitedResource,
    caller: string,
    settings: Settings,
    now: number,
  ): LimitState | null {
    if (!settings.rate_limits) return null;
    const limit = limitOf(resource, settings);
    const window = settings.rate_limit_window_s * 1000;
    const key = `${resource} ${caller}`;
    const recent = (this.calls.get(key) ?? []).filter((at) => at > now - window && at <= now);
    const allowed = recent.length < limit;
    if (allowed) recent.push(now);
    this.calls.set(key, recent);
    const oldest = recent[0] ?? now;
    return {
      allowed,
      limit,
      remaining: Math.max(0, limit - recent.length),
      resetS: Math.max(1, Math.ceil((oldest + window - now) / 1000)),
    };
  }

  clear(): void {
    this.calls.clear();
  }
}

function limitOf(resource: LimitedResource, settings: Settings): number {
  switch (resource) {
    case 'api':
      return settings.rate_limit_api;
    case 'hooks':
      return settings.rate_limit_hooks;
    case 'raw':
      return settings.rate_limit_raw;
    case 'git':
      return settings.rate_limit_git;
    case 'anonymous':
      return settings.rate_limit_anonymous;
  }
}
