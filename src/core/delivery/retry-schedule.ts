const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Between one failed try and the next; the last step repeats. */
export const retryStepsMs: readonly number[] = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  1 * hour,
  2 * hour,
  5 * hour,
  10 * hour,
];

/** A deployment that was not accepted by then is over. */
export const deliveryLifetimeMs = 24 * hour;

/**
 * Milliseconds to wait after `failures` failed tries in a row (at least 1). Drawn between half and one and a half of the
 * step, so that many lanes do not come back at once; the receiver's `Retry-After` wins up to four times the step.
 *
 * @param random in [0, 1)
 */
export function retryDelayMs(failures: number, random: number, retryAfterMs?: number): number {
  const step = retryStepsMs[Math.min(failures, retryStepsMs.length) - 1] ?? 5 * second;
  const drawn = Math.round(step * (0.5 + random));
  if (retryAfterMs === undefined) return drawn;
  return Math.max(drawn, Math.min(retryAfterMs, 4 * step));
}

const longestAskedMs = 10 * minute;

/**
 * The same for our own calls to Bitbucket, which nobody waits for: it is not knocked at again before its `Retry-After` is over,
 * up to ten minutes (design.md §8). The pause of a credential's limiter would only turn such a call away.
 */
export function bitbucketRetryMs(
  failures: number,
  random: number,
  retryAfterMs: number | null,
): number {
  const asked = Math.min(retryAfterMs ?? 0, longestAskedMs);
  return Math.max(retryDelayMs(failures, random), asked);
}
