export interface Pace {
  /** Unix ms. */
  readonly dueAt: () => number;
  /** Whether it is due. If so, the next time is `everyMs` from now. */
  readonly take: () => boolean;
}

/**
 * For what is done again and again, the first time at once. When the clock is set back, the next time comes after `everyMs` all
 * the same, instead of when the clock is there again.
 */
export function createPace(everyMs: number, clock: () => number): Pace {
  let next = 0;
  const dueAt = (): number => (next = Math.min(next, clock() + everyMs));
  return {
    dueAt,
    take() {
      const now = clock();
      if (now < dueAt()) return false;
      next = now + everyMs;
      return true;
    },
  };
}
