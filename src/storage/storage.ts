import type { Storage } from '../core/ports.js';

export interface OpenStorage extends Storage {
  readonly kind: 'sqlite' | 'postgres';
  /** Ids of master keys that something is sealed with, and how much. */
  sealedBy(): Promise<Map<string, number>>;
  /** Processes that write to the same database now, this one among them. Always 1 on SQLite. */
  nodes(): Promise<number>;
  /** Settles when nothing waits to be written. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** How many events may wait for a commit before intake says 503. */
export const maxWaitingItems = 10_000;
