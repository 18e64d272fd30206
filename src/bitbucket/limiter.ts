import { BitbucketError } from '../core/errors.js';
import type { ApiBudget } from '../core/measures.js';
import type { Clock } from '../core/ports.js';

export interface LimiterOptions {
  /** Calls under way at a time. Default 8. */
  maxAtOnce?: number;
  /** Calls that may wait for their turn; more are refused at once. Default 1,000: the budget of an hour. */
  maxWaiting?: number;
}

export interface LimiterUse {
  /** Of the last hour. */
  calls: number;
  /** Unix ms; 0 = it may go on. */
  pausedUntil: number;
}

/** What Bitbucket allows one credential in a rolling hour (reference/bitbucket-api.md §3.4); some are allowed more. */
const callsAnHour = 1_000;
const hourMs = 3_600_000;
const minuteMs = 60_000;
/** What looks at heads, however many repositories there are, must not use up. */
const keptForDeploys = 0.4;
const untilMoreIsLeftMs = 15 * minuteMs;
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
  #pausedFor = 0;
  readonly #waiting: (() => void)[] = [];
  /** Calls by the minute they were made in. */
  readonly #calls = new Map<number, number>();
  #limit = callsAnHour;
  /** Calls of the last hour that other nodes made. */
  #byOthers = 0;
  #sharedBy = 1;

  constructor(clock: Clock, options: LimiterOptions = {}) {
    this.#clock = clock;
    this.#options = { ...defaults, ...options };
  }

  /** Nothing with this credential for so long. Overlapping pauses do not add up: the later end counts. */
  pause(ms: number): void {
    if (ms <= this.#pauseLeft()) return;
    this.#pausedUntil = this.#clock() + ms;
    this.#pausedFor = ms;
  }

  get pausedNow(): boolean {
    return this.#pauseLeft() > 0;
  }

  /** Never more than was asked for, also when the clock was set back meanwhile. */
  #pauseLeft(): number {
    const now = this.#clock();
    this.#pausedUntil = Math.min(this.#pausedUntil, now + this.#pausedFor);
    return this.#pausedUntil - now;
  }

  /** What another node would have to know. */
  get use(): LimiterUse {
    return { calls: this.usedLately(), pausedUntil: this.pausedNow ? this.#pausedUntil : 0 };
  }

  /** Bitbucket counts what all nodes do, and when it told one of them to wait, it meant all. */
  heard({ calls, pausedUntil }: LimiterUse): void {
    this.#byOthers = calls;
    this.pause(pausedUntil - this.#clock());
  }

  /** So many nodes use this credential: each makes its part of the calls that may be under way. */
  shareWith(nodes: number): void {
    this.#sharedBy = Math.max(1, nodes);
  }

  /** Of the last hour, to the minute. */
  usedLately(): number {
    const minuteNow = Math.floor(this.#clock() / minuteMs);
    const first = minuteNow - hourMs / minuteMs;
    let used = 0;
    let later = 0;
    for (const [minute, calls] of this.#calls) {
      if (minute <= first || minute > minuteNow) this.#calls.delete(minute);
      else used += calls;
      if (minute > minuteNow) later += calls;
    }
    // The clock was set back: Bitbucket counts them for an hour at most, and so do we.
    if (later > 0) this.#calls.set(minuteNow, (this.#calls.get(minuteNow) ?? 0) + later);
    return used + later;
  }

  /** Calls left of the hour, as far as we know: whoever else than our nodes uses the credential is not counted. */
  left(): number {
    return Math.max(0, this.#limit - this.usedLately() - this.#byOthers);
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
   * @param isSpare nobody waits for it: not made once no more than the deploys' part of the hour's budget is left
   */
  async run<T>(call: () => Promise<T>, signal?: AbortSignal, isSpare = false): Promise<T> {
    if (isSpare && this.left() <= this.#limit * keptForDeploys) {
      throw new BitbucketError('bitbucket_rate_limited', 'the rest of this hour is for deploys', {
        retryAfterMs: untilMoreIsLeftMs,
      });
    }
    await this.#enter(signal);
    try {
      const left = this.#pauseLeft();
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

  get #maxAtOnce(): number {
    return Math.max(1, Math.floor(this.#options.maxAtOnce / this.#sharedBy));
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    if (this.#running < this.#maxAtOnce) {
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
    // Fewer may be allowed by now than are running.
    const next = this.#running > this.#maxAtOnce ? undefined : this.#waiting.shift();
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
  #nodes = 1;

  constructor(clock: Clock, options: LimiterOptions = {}) {
    this.#clock = clock;
    this.#options = options;
  }

  of(credential: string): CredentialLimiter {
    let limiter = this.#byCredential.get(credential);
    if (!limiter) {
      limiter = new CredentialLimiter(this.#clock, this.#options);
      limiter.shareWith(this.#nodes);
      this.#byCredential.set(credential, limiter);
    }
    return limiter;
  }

  /** Of those that something was asked with lately. */
  uses(): (LimiterUse & { credential: string })[] {
    const all = [...this.#byCredential].map(([credential, { use }]) => ({ credential, ...use }));
    return all.filter(({ calls, pausedUntil }) => calls > 0 || pausedUntil > 0);
  }

  /** What other nodes told of theirs; several of them may use the same credential. */
  heard(uses: readonly (LimiterUse & { credential: string })[]): void {
    const summed = new Map<string, LimiterUse>();
    for (const { credential, calls, pausedUntil } of uses) {
      const known = summed.get(credential);
      summed.set(credential, {
        calls: calls + (known?.calls ?? 0),
        pausedUntil: Math.max(pausedUntil, known?.pausedUntil ?? 0),
      });
    }
    for (const credential of summed.keys()) this.of(credential);
    // Also those that nobody tells of any more: what was told last must not count for ever.
    for (const [credential, limiter] of this.#byCredential) {
      limiter.heard(summed.get(credential) ?? { calls: 0, pausedUntil: 0 });
    }
  }

  /** Number of nodes, this one included. */
  shareWith(nodes: number): void {
    this.#nodes = nodes;
    for (const limiter of this.#byCredential.values()) limiter.shareWith(nodes);
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
