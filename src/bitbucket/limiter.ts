import { BitbucketError } from '../core/errors.js';
import type { Clock } from '../core/ports.js';

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

  constructor(clock: Clock, maxAtOnce = 8) {
    this.#clock = clock;
    this.#maxAtOnce = maxAtOnce;
  }

  /** Nothing with this credential for so long. Overlapping pauses do not add up: the later end counts. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock() + ms);
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
      return await call();
    } finally {
      this.#leave();
    }
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
}
