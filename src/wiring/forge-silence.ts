import { silentAfterMs } from '../actions/end-silent-forge.js';
import type { Clock } from '../core/ports.js';
import { createJumpWatch } from '../lib/jump-watch.js';
import type { TimedJob } from '../queue/waker.js';

const lookEveryMs = 10 * 60_000;

export interface SilenceDeps {
  clock: Clock;
  /** Ms of a clock that nobody can set; given by tests. */
  steady?: () => number;
}

/**
 * Looks for installations that Forge does not call for any more, but only once this process has listened for as long as counts
 * as silence: after a day without a server, or with a clock that went forward, it is not Forge that was silent.
 */
export function createSilenceJob(
  { clock, steady = () => performance.now() }: SilenceDeps,
  look: () => Promise<number>,
): TimedJob {
  const jumps = createJumpWatch(clock, steady);
  const startedAt = steady();
  let lookAt = clock() + lookEveryMs;
  const lookIfHeard = (): Promise<number> => {
    const listenedMs = Math.min(steady() - startedAt, jumps.calmMs());
    return listenedMs < silentAfterMs ? Promise.resolve(0) : look();
  };
  return {
    name: 'forge-silence',
    every: 'ten minutes',
    dueAt: () => (lookAt = Math.min(lookAt, clock() + lookEveryMs)),
    run() {
      lookAt = clock() + lookEveryMs;
      return lookIfHeard();
    },
    turn: async () => (await lookIfHeard()) === 0,
  };
}
