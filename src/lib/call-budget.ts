export interface BudgetWindow {
  calls: number;
  /** Sliding: a call counts until this long after it was made. */
  ms: number;
}

/**
 * Keeps calls under a service's limits, by credential, so that the service need not say no. What it says nevertheless (another
 * program uses the same credential) is a pause for everybody who uses it here.
 */
export class CallBudget {
  readonly #clock: () => number;
  readonly #windows: readonly BudgetWindow[];
  readonly #made = new Map<string, number[]>();
  readonly #pausedUntil = new Map<string, number>();

  constructor(clock: () => number, windows: readonly BudgetWindow[]) {
    this.#clock = clock;
    this.#windows = windows;
  }

  /** 0: go ahead, it is counted. Otherwise how long to wait, ms; nothing was counted then. */
  take(key: string): number {
    const now = this.#clock();
    const made = this.#recent(key, now);
    const waits = this.#windows.map(({ calls, ms }) => {
      const oldest = made.at(-calls);
      return oldest === undefined ? 0 : oldest + ms - now;
    });
    const wait = Math.max(0, (this.#pausedUntil.get(key) ?? 0) - now, ...waits);
    if (wait === 0) made.push(now);
    return wait;
  }

  /** Nothing with this credential for so long; of overlapping pauses the later end counts. */
  pause(key: string, ms: number): void {
    const until = this.#clock() + ms;
    this.#pausedUntil.set(key, Math.max(this.#pausedUntil.get(key) ?? 0, until));
  }

  #recent(key: string, now: number): number[] {
    const made = this.#made.get(key) ?? [];
    const longest = Math.max(0, ...this.#windows.map(({ ms }) => ms));
    const first = made.findIndex((at) => at > now - longest);
    const kept = first < 0 ? [] : made.slice(first);
    this.#made.set(key, kept);
    return kept;
  }
}
