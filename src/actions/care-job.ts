import type { Clock, Logger } from '../core/ports.js';
import { createJumpWatch } from '../lib/jump-watch.js';

/** Work that is done in small pieces beside everything else, now and then. */
export interface CareJob {
  readonly name: string;
  readonly every: 'hour';
  /** Unix ms: when there may be something to do. The worker asks on its sweep, also when no lane is due. */
  dueAt(): number;
  /** Does a bounded amount if it is due; returns how many rows that were. */
  run(): Promise<number>;
  /** The same whatever the time is, for whoever keeps it for several machines. False: the allowance was used up before the end. */
  turn(): Promise<boolean>;
}

export interface CareJobDeps {
  clock: Clock;
  /** In [0, 1). */
  random(): number;
  logger: Logger;
  /** Aborted when the server stops: the piece at hand is finished, and no other begun. */
  signal?: AbortSignal;
  /** Ms of a clock that nobody can set; given by tests. */
  steady?: () => number;
  /** Between two pieces; given by tests so that nothing waits. */
  pause?: () => Promise<void>;
}

/** One run's allowance. */
export interface Budget {
  /** Takes one piece out of it, after a pause for those who wait for the writer. False: it is used up. */
  take(): Promise<boolean>;
}

export interface Worked {
  rows: number;
  /** False: the allowance was used up, or the server stops; the next run goes on from here. */
  isDone: boolean;
}

const hourMs = 60 * 60_000;
/** A backlog is worked off in runs this far apart, so that it never has the writer to itself. */
const goOnAfterMs = 60_000;
const longestPauseMs = 1.5 * hourMs;
/** What looks old after the clock went forward may be young. So long there is to set it right; if it is right, nothing is lost. */
const restMs = 24 * hourMs;
/** Longer than a slice takes to commit: pushes that wait have at least half of the writer's time. */
const pauseMs = 20;

/**
 * Hourly, drawn between half an hour and one and a half. The first run comes a few minutes after the start, when lanes and
 * reconcile have caught up. Rests for a day when the clock went forward by more than an hour.
 */
export function createCareJob(
  name: string,
  piecesPerRun: number,
  work: (budget: Budget) => Promise<Worked>,
  deps: CareJobDeps,
): CareJob {
  const pause = deps.pause ?? (() => new Promise<void>((resolve) => setTimeout(resolve, pauseMs)));
  const once = async (): Promise<Worked> => {
    let left = piecesPerRun;
    const budget: Budget = {
      async take() {
        if (left === 0 || deps.signal?.aborted) return false;
        if (left < piecesPerRun) await pause();
        left -= 1;
        return true;
      },
    };
    const worked = await work(budget);
    if (worked.rows > 0) deps.logger.info({ ...worked }, `${name}.done`);
    return worked;
  };
  const jumps = createJumpWatch(deps.clock, deps.steady);
  let rests = false;
  const mayWork = (): boolean => {
    const rested = rests;
    rests = jumps.calmMs() < restMs;
    if (rests && !rested) deps.logger.warn({ restMs }, `${name}.clock_went_forward`);
    return !rests;
  };
  let dueAt = deps.clock() + Math.round(hourMs * 0.1 * (0.5 + deps.random()));
  // When the clock was set back it is not waited for until it is there again.
  const due = (): number => (dueAt = Math.min(dueAt, deps.clock() + longestPauseMs));
  return {
    name,
    every: 'hour',
    dueAt: due,
    async run() {
      if (deps.clock() < due()) return 0;
      // Also when it fails: what cannot be done now is not tried again in the next second.
      dueAt = deps.clock() + Math.round(hourMs * (0.5 + deps.random()));
      if (!mayWork()) return 0;
      const { rows, isDone } = await once();
      if (!isDone) dueAt = deps.clock() + goOnAfterMs;
      return rows;
    },
    turn: async () => !mayWork() || (await once()).isDone,
  };
}
