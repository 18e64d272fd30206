import { setTimeout as delay } from 'node:timers/promises';

/**
 * For what has no event to wait for: looks until there is something, or fails with what was waited for. By a clock that
 * nobody can set.
 */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  options: { timeoutMs?: number; everyMs?: number; otherwise?: () => string } = {},
): Promise<T> {
  const { timeoutMs = 15_000, everyMs = 30 } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      const more = options.otherwise?.() ?? '';
      throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}${more && `\n${more}`}`);
    }
    await delay(everyMs);
  }
}

/** Fails with the name of what hangs, instead of letting mocha's own timeout hide it. */
export async function within<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: stop.signal }).then(
    () => {
      throw new Error(`${what} took longer than ${timeoutMs / 1000} s`);
    },
    () => undefined as never,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}
