import { setTimeout as delay } from 'node:timers/promises';
import { BitbucketError } from '../core/errors.js';
import type { Clock } from '../core/ports.js';

export interface Patience {
  /** How long one call may go on trying, ms: 5 s while a person waits, 10 min in the background (design.md §8). */
  patienceMs: number;
  clock: Clock;
  /** Stops waiting between tries. */
  signal?: AbortSignal | undefined;
  /** Replaced in tests. */
  sleep?: ((ms: number, signal?: AbortSignal) => Promise<void>) | undefined;
  /** From 0 up to 1. Replaced in tests. */
  random?: (() => number) | undefined;
}

const firstStepMs = 1_000;
const lastStepMs = 60_000;

/**
 * Repeats what Bitbucket may answer later: 429 and everything `bitbucket_unavailable`. Full jitter under a step that
 * doubles from 1 s to 60 s; `Retry-After` counts instead when Bitbucket sent it. When the wait would outlast the
 * patience, the last error is thrown at once: waiting for nothing helps nobody.
 *
 * @param onLimited told how long this caller waits after a 429, so that others can wait too
 */
export async function withPatience<T>(
  patience: Patience,
  attempt: () => Promise<T>,
  onLimited: (waitMs: number) => void,
): Promise<T> {
  const { clock, signal, random = Math.random, sleep = defaultSleep } = patience;
  const startedAt = clock();
  for (let step = firstStepMs; ; step = Math.min(step * 2, lastStepMs)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isWorthRepeating(error) || signal?.aborted) throw error;
      const waitMs = error.retryAfterMs ?? Math.ceil(random() * step);
      // An error without status never reached Bitbucket: it is the pause itself, and must not prolong it.
      if (error.status === 429) onLimited(waitMs);
      if (clock() - startedAt + waitMs > patience.patienceMs) throw error;
      // Woken by `signal`: what stopped us is the process's business, what went wrong is the caller's.
      await sleep(waitMs, signal).catch(() => Promise.reject(error));
    }
  }
}

function isWorthRepeating(error: unknown): error is BitbucketError {
  return (
    error instanceof BitbucketError &&
    (error.code === 'bitbucket_rate_limited' || error.code === 'bitbucket_unavailable')
  );
}

async function defaultSleep(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : {});
}
