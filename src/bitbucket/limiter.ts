import { BitbucketError } from '../core/errors.js';
import type { ApiBudget } from '../core/measures.js';
import type { Clock } from '../core/ports.js';

export interface LimiterOptions {
  /** Calls under way at a time. Default 8. */
  maxAtOnce?: number;
  /** Calls that may wait for their turn; more are refused at once. Default 1,000: the budget of an hour. */
  maxWaiting?: number;
}

/** What Bitbucket allows one credential in a rolling hour (reference/bitbucket-api.md §3.4); some are allowed more. */
const callsAnHour = 1_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;
const defaults = { maxAtOnce: 8, maxWaiting: 1_000 };

/**
 * What one credential may do at a time. Bitbucket counts per credential, so when one call is told to wait, every other
 * call with that credential waits too instead of burning the budget further (reference/bitbucket-api.md §3.4).
 */
export class CredentialLimiter {
  readonly #clock: Clock;
  readonly #options: Required<LimiterOptions>;
  #running = 0;
  #pausedUntil = 0;
  readonly #waiting: (() => void)[] = [];
  /** Calls by the minute they were made in. */
  readonly #calls = new Map<number, number>();
  #limit = callsAnHour;

  constructor(clock: Clock, options: LimiterOptions = {}) {
    this.#clock = clock;
    this.#options = { ...defaults, ...options };
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

  /** Calls left of the hour, as far as we know: whoever else uses the credential is not counted. */
  left(): number {
    return Math.max(0, this.#limit - this.usedLately());
  }

  /** What an answer says of the budget: more is allowed to some credentials (§3.4). */
  told(headers: Readonly<Record<string, string>>): void {
    const limit = Number.parseInt(headers['x-ratelimit-limit'] ?? '', 10);
    if (limit > 0) this.#limit = limit;
  }

  /**
   * Runs `call` as soon as fewer than `maxAtOnce` are running. While paused, or when too many wait, it throws
   * `bitbucket_rate_limited` without sending; whoever retries decides whether that is worth waiting for.
   *
   * @param signal ends the waiting, not the call
   */
  async run<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
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

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    if (this.#running < this.#options.maxAtOnce) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.#options.maxWaiting) {
      throw new BitbucketError('bitbucket_rate_limited', 'too many calls are waiting already');
    }
    if (signal?.aborted) throw givenUp();
    // The place is handed over by `#leave`, so that nobody can slip in between.
    await new Promise<void>((resolve, reject) => {
      const admitted = (): void => {
        signal?.removeEventListener('abort', abandoned);
        resolve();
      };
      const abandoned = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(admitted), 1);
        reject(givenUp());
      };
      this.#waiting.push(admitted);
      signal?.addEventListener('abort', abandoned, { once: true });
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }
}

function givenUp(): BitbucketError {
  return new BitbucketError('bitbucket_unavailable', 'given up: Slipway is stopping');
}

/** One limiter per credential name, shared by all clients of a process. */
export class Limiters {
  readonly #clock: Clock;
  readonly #options: LimiterOptions;
  readonly #byCredential = new Map<string, CredentialLimiter>();

  constructor(clock: Clock, options: LimiterOptions = {}) {
    this.#clock = clock;
    this.#options = options;
  }

  of(credential: string): CredentialLimiter {
    let limiter = this.#byCredential.get(credential);
    if (!limiter) {
      limiter = new CredentialLimiter(this.#clock, this.#options);
      this.#byCredential.set(credential, limiter);
    }
    return limiter;
  }

  /** By the kind of credential: the first word of its name. Those that nothing was asked with lately are left out. */
  budgets(): ApiBudget[] {
    const byKind = new Map<string, ApiBudget>();
    for (const [name, limiter] of this.#byCredential) {
      if (limiter.usedLately() === 0 && !limiter.pausedNow) continue;
      const kind = name.split(' ', 1)[0] ?? '';
      const known = byKind.get(kind);
      byKind.set(kind, {
        kind,
        credentials: (known?.credentials ?? 0) + 1,
        leastLeft: Math.min(known?.leastLeft ?? Infinity, limiter.left()),
        paused: (known?.paused ?? 0) + (limiter.pausedNow ? 1 : 0),
      });
    }
    return [...byKind.values()];
  }
}
