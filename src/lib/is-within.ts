/**
 * Whether what was noted at `at` still counts at `now`. What lies in the future does not: the clock was set back since, and
 * nobody can say how old it is. All in ms.
 */
export function isWithin(lifeMs: number, { at, now }: { at: number; now: number }): boolean {
  return at <= now && now - at < lifeMs;
}
