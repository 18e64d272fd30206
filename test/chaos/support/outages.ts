import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresControl } from '../../support/postgres.js';
import type { Random } from './random.js';
import type { Door } from './under-way.js';

export interface OutageFigures {
  outages: number;
  /** Together. */
  downMs: number;
  /** Answers to events that were sent and answered while PostgreSQL was down, by status; `none`: the node was down, too. */
  answeredWhileDown: Record<string, number>;
}

/** How long PostgreSQL stays away. */
const longestMs = 2_000;

/** Stops PostgreSQL and starts it again, and notes what is answered meanwhile. */
export class Outages {
  readonly figures: OutageFigures = { outages: 0, downMs: 0, answeredWhileDown: {} };
  readonly #control: PostgresControl;
  readonly #reachable: Door;
  /** By `performance.now()`; null: it runs, stops or starts. */
  #downSince: number | null = null;

  /** @param reachable whoever tries again waits for it */
  constructor(control: PostgresControl, reachable: Door) {
    this.#control = control;
    this.#reachable = reachable;
  }

  async once(dice: Random): Promise<void> {
    this.#reachable.close();
    const beganAt = performance.now();
    await this.#control.stop();
    this.#downSince = performance.now();
    await delay(dice.int(0, longestMs));
    this.#downSince = null;
    await this.#control.start();
    this.figures.outages += 1;
    this.figures.downMs += Math.round(performance.now() - beganAt);
    this.#reachable.open();
  }

  /** Only what was sent after the server was gone and answered before it was started again says something for sure. */
  noteAnswer(status: number | null, sentAt: number, answeredAt: number): void {
    if (this.#downSince === null || sentAt < this.#downSince || answeredAt < sentAt) return;
    const name = status === null ? 'none' : String(status);
    this.figures.answeredWhileDown[name] = (this.figures.answeredWhileDown[name] ?? 0) + 1;
  }
}
