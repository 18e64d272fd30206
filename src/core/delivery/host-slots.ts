/** How many calls of one host are under way; targets that found no room are counted until they get in. */
interface Host {
  busy: number;
  waiting: Set<string>;
}

const shortestWaitMs = 200;

/**
 * A host that answers slowly must not take every hand we have: at most so many calls to one host at a time. Kept in memory; a
 * lane that finds no room is given back and comes again soon.
 */
export class HostSlots {
  readonly #limit: number;
  readonly #hosts = new Map<string, Host>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Null: there was room, and `free` must follow. Otherwise after how many ms to come again. */
  take(host: string, targetId: string, random: number): number | null {
    const known = this.#hosts.get(host) ?? { busy: 0, waiting: new Set() };
    this.#hosts.set(host, known);
    if (known.busy < this.#limit) {
      known.busy += 1;
      known.waiting.delete(targetId);
      return null;
    }
    known.waiting.add(targetId);
    // The more wait, the later each comes: about as many at a time as there is room for.
    const rounds = known.waiting.size / this.#limit;
    return Math.round(shortestWaitMs * (0.5 + random * (0.5 + rounds)));
  }

  free(host: string): void {
    const known = this.#hosts.get(host);
    if (!known) return;
    known.busy -= 1;
    if (known.busy === 0 && known.waiting.size === 0) this.#hosts.delete(host);
  }
}
