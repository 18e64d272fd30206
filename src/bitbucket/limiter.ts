import { BitbucketError } from '../core/errors.js';
import type { ApiBudget } from '../core/measures.js';
import type { Clock } from '../core/ports.js';

/** What Bitbucket allows one credential in a rolling hour (reference/bitbucket-api.md §3.4); some are allowed more. */
const callsAnHour = 1_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;

/**
 * What one credential may do at a time. Bitbucket counts per credential, so when one call is told to wait, every other
 * call with that credential waits too instead of burning the budget further (reference/bitbucket-api.md §3.4).
 */
export class CredentialLimiter {
  readonly #clock: Clock;
  readonly #maxAtOnce: number;
  #running = 0;
  #pausedUntil = 0;
  readonly #waiting: (() => void)[] = [];
  /** Calls by the minute they were made in. */
  readonly #calls = new Map<number, number>();

  constructor(clock: Clock, maxAtOnce = 8) {
    this.#clock = clock;
    this.#maxAtOnce = maxAtOnce;
  }

  /** Nothing with this credential for so long. Overlapping pauses do not add up: the later end counts. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock() + ms);
  }

  get pausedNow(): boolean {
    return this.#pausedUntil > this.#clock();
  }

  /** Of the last hour, to the minute. */
  usedLately(): number {
    const first = Math.floor((this.#clock() - hourMs) / minuteMs);
    let used = 0;
    for (const [minute, calls] of this.#calls) {
      if (minute <= first) this.#calls.delete(minute);
      else used += calls;
    }
    return used;
  }

  /**
   * Runs `call` as soon as fewer than `maxAtOnce` are running. While paused it throws `bitbucket_rate_limited` with the
   * time left, without sending; whoever retries decides whether that is worth waiting for.
   */
  async run<T>(call: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      const left = this.#pausedUntil - this.#clock();
      if (left > 0) {
        throw new BitbucketError('bitbucket_rate_limited', 'waiting out an earlier limit', {
          retryAfterMs: left,
        });
      }
      this.#count();
      return await call();
    } finally {
      this.#leave();
    }
  }

  #count(): void {
    const minute = Math.floor(this.#clock() / minuteMs);
    if (!this.#calls.has(minute)) this.usedLately();
    this.#calls.set(minute, (this.#calls.get(minute) ?? 0) + 1);
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#maxAtOnce) {
      this.#running += 1;
      return;
    }
    // The place is handed over by `#leave`, so that nobody can slip in between.
    await new Promise<void>((admitted) => this.#waiting.push(admitted));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }
}

/** One limiter per credential name, shared by all clients of a process. */
export class Limiters {
  readonly #clock: Clock;
  readonly #byCredential = new Map<string, CredentialLimiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(credential: string): CredentialLimiter {
    let limiter = this.#byCredential.get(credential);
    if (!limiter) {
      limiter = new CredentialLimiter(this.#clock);
      this.#byCredential.set(credential, limiter);
    }
    return limiter;
  }

  /** By the kind of credential: the first word of its name. Those that nothing was asked with lately are left out. */
  budgets(): ApiBudget[] {
    const byKind = new Map<string, ApiBudget>();
    for (const [name, limiter] of this.#byCredential) {
      const used = limiter.usedLately();
      if (used === 0 && !limiter.pausedNow) continue;
      const kind = name.split(' ', 1)[0] ?? '';
      const known = byKind.get(kind);
      byKind.set(kind, {
        kind,
        credentials: (known?.credentials ?? 0) + 1,
        leastLeft: Math.min(known?.leastLeft ?? callsAnHour, Math.max(0, callsAnHour - used)),
        paused: (known?.paused ?? 0) + (limiter.pausedNow ? 1 : 0),
      });
    }
    return [...byKind.values()];
  }
}
