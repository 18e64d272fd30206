import { randomBytes } from 'node:crypto';
import { monotonicFactory } from 'ulid';

/**
 * Row ids are ULIDs: time-ordered, so that an index grows at its end. Random ids halve SQLite's insert rate.
 * Anything that must not be guessed uses `secretToken` instead: neighbouring ULIDs can be guessed.
 */
export function createIds(): { next(): string; secretToken(): string } {
  const next = monotonicFactory();
  return { next: () => next(), secretToken: () => randomBytes(24).toString('base64url') };
}
