export interface JumpWatch {
  /** For how long, in ms, the clock has kept pace since it was last found to have gone forward. Infinity: it never was. */
  calmMs(): number;
}

/** Less is a correction, or a machine that was stopped for a moment. */
const stepMs = 60 * 60_000;

/**
 * Notices when the clock goes forward by more than an hour without that time having passed: it was set, or the machine slept.
 *
 * @param steady ms of a clock that nobody can set
 */
export function createJumpWatch(
  clock: () => number,
  steady: () => number = () => performance.now(),
): JumpWatch {
  let ahead = clock() - steady();
  let jumpedAt = -Infinity;
  return {
    calmMs() {
      const now = steady();
      const aheadNow = clock() - now;
      if (aheadNow - ahead > stepMs) jumpedAt = now;
      ahead = aheadNow;
      return now - jumpedAt;
    },
  };
}
