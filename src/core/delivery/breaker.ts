import type { BreakerCounts } from '../measures.js';

/** Calls of the last five minutes count; fewer than ten say nothing. */
const windowMs = 5 * 60_000;
const leastCalls = 10;
const failureShare = 0.7;
const openForMs = 30_000;
/** Enough to judge by; more would only be kept to be thrown away. */
const keptCalls = 200;

interface Host {
  calls: { at: number; failed: boolean }[];
  /** Null = closed. */
  openUntil: number | null;
  /** Half-open: one call is under way to find out. */
  probing: boolean;
  /** Targets that wait for this host, because the breaker is open or their last try failed. */
  waiting: Set<string>;
}

/**
 * One breaker per host: a backend that does not answer is not asked by a thousand lanes. While it is open no attempt is
 * spent; after 30 s one call may try, and its answer opens or closes. Times are passed in, Unix ms.
 */
export class Breakers {
  readonly #hosts = new Map<string, Host>();

  /** Null = go ahead; then `record` or `forgo` must follow. Otherwise when to ask again; the target is remembered. */
  heldUntil(host: string, targetId: string, now: number): number | null {
    const known = this.#hosts.get(host);
    if (!known || known.openUntil === null) return null;
    // The clock was set back: nobody is spared for longer than that.
    known.openUntil = Math.min(known.openUntil, now + openForMs);
    if (now >= known.openUntil && !known.probing) {
      known.probing = true;
      return null;
    }
    known.waiting.add(targetId);
    return Math.max(known.openUntil, now + 1_000);
  }

  /** The call was not made after all. */
  forgo(host: string): void {
    const known = this.#hosts.get(host);
    if (known) known.probing = false;
  }

  /** What came of a call. Returns the targets that may be woken, when this answer closed the breaker. */
  record(host: string, targetId: string, failed: boolean, now: number): string[] {
    const known = this.#hosts.get(host) ?? this.#add(host);
    known.calls = [...known.calls.filter(({ at }) => now - at < windowMs), { at: now, failed }];
    if (known.calls.length > keptCalls) known.calls.shift();
    known.probing = false;
    if (failed) {
      known.waiting.add(targetId);
      if (known.openUntil !== null || isFailing(known)) known.openUntil = now + openForMs;
      return [];
    }
    known.waiting.delete(targetId);
    if (known.openUntil === null) return [];
    known.openUntil = null;
    known.calls = [];
    const woken = [...known.waiting];
    known.waiting.clear();
    return woken;
  }

  /** Hosts that were called within the window, or are being spared. */
  counts(now: number): BreakerCounts {
    const counts = { closed: 0, open: 0, half_open: 0 };
    for (const { openUntil, calls } of this.#hosts.values()) {
      if (openUntil !== null) counts[now < openUntil ? 'open' : 'half_open'] += 1;
      else if (calls.some(({ at }) => now - at < windowMs)) counts.closed += 1;
    }
    return counts;
  }

  #add(host: string): Host {
    const added: Host = { calls: [], openUntil: null, probing: false, waiting: new Set() };
    this.#hosts.set(host, added);
    return added;
  }
}

function isFailing({ calls }: Host): boolean {
  const failures = calls.filter(({ failed }) => failed).length;
  return calls.length >= leastCalls && failures / calls.length >= failureShare;
}
