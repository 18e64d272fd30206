import { randomBytes, randomFillSync } from 'node:crypto';
import { decodeTime, isValid, monotonicFactory } from 'ulid';

/**
 * Row ids are ULIDs: time-ordered, so that an index grows at its end. Random ids halve SQLite's insert rate.
 * Anything that must not be guessed uses `secretToken` instead: neighbouring ULIDs can be guessed.
 */
export function createIds(now: () => number = Date.now) {
  const next = monotonicFactory(pooledRandom());
  let notBefore = 0;
  return {
    next: (): string => next(Math.max(now(), notBefore)),
    /**
     * Every id from here on sorts behind this one, also when the clock was set back while nobody ran: what is newest is told by
     * ids. Returns when it was made, Unix ms; null: it is none of ours.
     */
    startAfter(id: string): number | null {
      if (!isValid(id)) return null;
      const madeAt = decodeTime(id);
      notBefore = Math.max(notBefore, madeAt + 1);
      return madeAt;
    },
    secretToken: (): string => randomBytes(24).toString('base64url'),
  };
}

/** 0 ≤ x < 1, from the system's own source. Asked for one number at a time, as `ulid` does by itself, it costs 16 µs an id. */
function pooledRandom(): () => number {
  const pool = new Uint16Array(1_024);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    return (pool[at++] ?? 0) / 65_536;
  };
}
