import type { Waker } from '../core/ports.js';

/**
 * How a worker hears that lanes have become due, here or through another node, and who keeps the time of jobs that run once
 * for all nodes. A wake-up is a hint: a lost one costs at most a sweep (`worker.ts`).
 *
 * Two implementations: within one process, and through PostgreSQL (`graphile-waker.ts`). One contract suite runs against both.
 */
export interface LaneWaker {
  start(worker: Waker): Promise<void>;
  /** Nobody is woken any more, and no job begun; what runs is waited for. */
  stop(): Promise<void>;
}

/** A job over the whole store that may take its time: retention, grants that lapse. It runs once for all nodes. */
export interface TimedJob {
  readonly name: string;
  /** How far apart its turns are; the second is six times as often. */
  readonly every: 'hour' | 'ten minutes';
  /** By its own pace, where this process is the only one: Unix ms. */
  dueAt(): number;
  /** Does a bounded amount if it is due; returns how much that was. */
  run(): Promise<number>;
  /** Where somebody else keeps the time. False: there is more to do, in about a minute. */
  turn(): Promise<boolean>;
}

/** Within one process: whoever makes a lane due wakes the worker by a call, and the worker paces its jobs by itself. */
export function inProcessWaker(): LaneWaker {
  return { start: () => Promise.resolve(), stop: () => Promise.resolve() };
}
