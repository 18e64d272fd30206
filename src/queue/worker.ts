import { randomUUID } from 'node:crypto';
import { clockStepMs, clockWentBack } from '../actions/clock-went-back.js';
import type { LaneLease } from '../core/model/index.js';
import type { Clock, Logger, Storage, Waker } from '../core/ports.js';

/** What a lane does next; to the worker only whose lane it is. */
interface LaneStep {
  readonly lease: LaneLease;
}

/** What the worker asks for when it takes lanes. */
export interface LaneWish {
  limit: number;
  owner: string;
  leaseMs: number;
  /** Workspaces that had their turn, the latest last. */
  servedLately: readonly string[];
}

export interface LanesBegun<Step extends LaneStep> {
  claimed: number;
  steps: readonly Step[];
  nextDue: number | null;
}

export interface WorkerOptions<Step extends LaneStep = LaneStep> {
  storage: Storage;
  lanes: {
    /**
     * Leases up to `limit` due lanes and plans their steps. Those without a step are given back already; `nextDue` is when the
     * first of them is due again, Unix ms.
     */
    begin(wish: LaneWish): Promise<LanesBegun<Step>>;
    /** Must settle or leave the lease to run out. When the lane is due again, Unix ms; null: nobody knows, or never. */
    run(step: Step): Promise<number | null>;
  };
  /** Work beside the lanes that must never hold them up; each runs at most once at a time. */
  background: readonly BackgroundJob[];
  clock: Clock;
  logger: Logger;
  /** Lanes worked on at the same time. */
  concurrency: number;
}

export interface BackgroundJob {
  name: string;
  /** Does what is due; returns how much that was. */
  run(): Promise<number>;
  /** Rests this long before each run that somebody asks for, so that what comes in the meantime goes along, ms. */
  gatherMs?: number;
  /** Unix ms. With it, it runs by its own time, also while no lane is due. */
  dueAt?(): number;
}

/** Figures of the design: a dead worker's lanes are free again after `leaseMs`. */
export const leaseMs = 15_000;
const heartbeatMs = 5_000;
const sweepMs = 1_000;
const rememberedWorkspaces = 20;
const troublePauseMs = 1_000;

/**
 * Wakes actions when lanes are due. Knows no backend, no HTTP, no SQL. A wake-up is only a hint, and so is what a step says of
 * its lane's next time: the sweep finds the rest.
 */
export class Worker<Step extends LaneStep = LaneStep> implements Waker {
  readonly #options: WorkerOptions<Step>;
  readonly #owner = randomUUID();
  readonly #active = new Map<LaneLease, Promise<void>>();
  /** Hands that somebody may be taking lanes for at this moment. */
  #promised = 0;
  /** Workspaces that had their turn, the latest last: nobody's thousands may hold up another's single push. */
  #servedLately: readonly string[] = [];
  #loop: Promise<void> | null = null;
  readonly #background = new Map<string, Promise<void>>();
  /** Jobs that were asked for and rest first. */
  readonly #gathering = new Map<string, NodeJS.Timeout>();
  /** Jobs that were asked for while they ran. */
  readonly #again = new Set<string>();
  #heartbeat: NodeJS.Timeout | null = null;
  #stopping = false;
  #woken = false;
  /** By `performance.now()`. */
  #sweepAt = 0;
  /** How far the clock is ahead of `performance.now()`, which cannot be set. */
  #ahead: number | null = null;
  /** The earliest time that a lane is known to be due, Unix ms. */
  #nextDue = Infinity;
  /** Something was due when all hands were busy. */
  #isLeft = false;
  #rouse: (() => void) | null = null;

  constructor(options: WorkerOptions<Step>) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
    this.#heartbeat ??= setInterval(() => void this.#beat(), heartbeatMs);
  }

  wake(): void {
    this.#woken = true;
    this.#rouse?.();
  }

  /** A background job has something to do; nobody waits for the sweep. */
  wakeJob(name: string): void {
    if (this.#loop === null || this.#stopping) return;
    const job = this.#options.background.find((one) => one.name === name);
    if (job) this.#runSoon(job);
  }

  #runSoon(job: BackgroundJob): void {
    const { name, gatherMs = 0 } = job;
    if (gatherMs === 0) return this.#runBeside(job);
    if (this.#gathering.has(name)) return;
    const timer = setTimeout(() => {
      this.#gathering.delete(name);
      this.#runBeside(job);
    }, gatherMs);
    this.#gathering.set(name, timer);
  }

  /** Takes no more work and waits for the running steps; the lanes of any that do not end in time are found by the sweep. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    for (const timer of this.#gathering.values()) clearTimeout(timer);
    await this.#loop;
    // What was leased in somebody else's transaction comes when that is committed; this one is committed after it.
    await this.#options.storage.write(() => Promise.resolve()).catch(() => undefined);
    while (this.#active.size + this.#background.size > 0) {
      await Promise.all([...this.#active.values(), ...this.#background.values()]);
    }
    if (this.#heartbeat) clearInterval(this.#heartbeat);
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      let waitMs: number;
      try {
        waitMs = await this.#workOnce();
      } catch (error) {
        this.#options.logger.error({ err: error }, 'worker.trouble');
        waitMs = troublePauseMs;
        this.#woken = false;
      }
      await this.#sleep(waitMs);
    }
  }

  /** Returns how long to wait for the next round, at most a sweep. */
  async #workOnce(): Promise<number> {
    // Not by the clock of the deployments: that one can jump.
    if (performance.now() >= this.#sweepAt) await this.#sweep();
    const { clock } = this.#options;
    const isDue = this.#woken || this.#nextDue <= clock();
    this.#woken = false;
    // All hands are busy: each rouses the loop when it is done.
    const wish = isDue ? this.#promise() : null;
    if (wish) await this.#takeLanes(wish);
    else this.#isLeft ||= isDue;
    const untilSweep = Math.max(0, this.#sweepAt - performance.now());
    return Math.max(0, Math.min(this.#nextDue - clock(), untilSweep));
  }

  /** What is due without anybody having said so: lanes, build statuses, looks at repositories, care. */
  async #sweep(): Promise<void> {
    this.#sweepAt = performance.now() + sweepMs;
    await this.#watchClock();
    const { storage, background, clock } = this.#options;
    const nextDue = (await storage.read.lanes.nextDue()) ?? Infinity;
    this.#nextDue = nextDue;
    const now = clock();
    for (const job of background) {
      if (job.dueAt ? job.dueAt() <= now : nextDue <= now) this.#runBeside(job);
    }
  }

  async #watchClock(): Promise<void> {
    const { storage, clock, logger } = this.#options;
    const ahead = clock() - performance.now();
    const backMs = this.#ahead === null ? 0 : this.#ahead - ahead;
    if (backMs > clockStepMs) {
      logger.warn({ backMs: Math.round(backMs) }, 'worker.clock_went_back');
      await clockWentBack(storage, clock(), leaseMs);
    }
    this.#ahead = ahead;
  }

  async #takeLanes(wish: LaneWish): Promise<void> {
    this.#isLeft = false;
    this.#nextDue = Infinity;
    try {
      this.take(await this.#options.lanes.begin(wish), wish);
    } catch (error) {
      this.giveBack(wish);
      throw error;
    }
  }

  /** Half of the hands that are free, so that two who ask at once both get some, and together never more than there are. */
  #promise(): LaneWish | null {
    const free = this.#options.concurrency - this.#active.size - this.#promised;
    if (free <= 0) return null;
    const limit = Math.ceil(free / 2);
    this.#promised += limit;
    return { limit, owner: this.#owner, leaseMs, servedLately: this.#servedLately };
  }

  /**
   * For whoever makes lanes due and leases them in the same transaction: what it may take now. `take` or `giveBack` must follow.
   * Null: all hands are busy.
   */
  wish(): LaneWish | null {
    return this.#loop === null || this.#stopping ? null : this.#promise();
  }

  /** Nothing was leased for this wish after all. */
  giveBack({ limit }: Pick<LaneWish, 'limit'>): void {
    this.#promised -= limit;
    if (this.#isLeft) this.wake();
  }

  /** Works on lanes that were leased for it, once that is committed. */
  take({ claimed, steps, nextDue }: LanesBegun<Step>, { limit }: Pick<LaneWish, 'limit'>): void {
    this.#promised -= limit;
    for (const step of steps) this.#begin(step);
    this.#hearOf(nextDue);
    // There may be more.
    if (claimed === limit || this.#isLeft) this.wake();
  }

  #hearOf(dueAt: number | null): void {
    if (dueAt !== null && dueAt < this.#nextDue) this.#nextDue = dueAt;
  }

  /** Never in front of the lanes: a Bitbucket that answers slowly must not hold up a deploy. */
  #runBeside(job: BackgroundJob): void {
    const { name } = job;
    if (this.#background.has(name)) {
      this.#again.add(name);
      return;
    }
    const work = job
      .run()
      .catch((error: unknown) => {
        this.#options.logger.error({ job: name, err: error }, 'worker.job_failed');
        return 0;
      })
      .then((taken) => {
        this.#background.delete(name);
        const again = this.#again.delete(name) || taken > 0;
        if (again && !this.#stopping) this.#runSoon(job);
      });
    this.#background.set(name, work);
  }

  #begin(step: Step): void {
    const { lease } = step;
    const others = this.#servedLately.filter((workspace) => workspace !== lease.workspaceUuid);
    this.#servedLately = [...others, lease.workspaceUuid].slice(-rememberedWorkspaces);
    const work = this.#options.lanes
      .run(step)
      .catch((error: unknown) => {
        this.#options.logger.error({ target: lease.targetId, err: error }, 'lane.step_failed');
        return null;
      })
      .then((dueAt) => {
        this.#active.delete(lease);
        this.#hearOf(dueAt);
        if (this.#isLeft) this.wake();
        else this.#rouse?.();
      });
    this.#active.set(lease, work);
  }

  async #beat(): Promise<void> {
    const leases = [...this.#active.keys()];
    if (leases.length === 0) return;
    try {
      const until = this.#options.clock() + leaseMs;
      const lost = await this.#options.storage.write((tx) => tx.lanes.renew(leases, until));
      for (const target of lost) this.#options.logger.warn({ target }, 'lane.lease_lost');
    } catch (error) {
      this.#options.logger.error({ err: error }, 'worker.heartbeat_failed');
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#woken) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#rouse = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#rouse = done;
    });
  }
}
