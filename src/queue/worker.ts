import { randomUUID } from 'node:crypto';
import type { LaneLease } from '../core/model/index.js';
import type { Clock, Logger, Storage, Waker } from '../core/ports.js';

export interface WorkerOptions {
  storage: Storage;
  /** One step of a lane; must settle or leave the lease to run out. */
  step(lease: LaneLease): Promise<void>;
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
  /** Unix ms. With it, it runs by its own time, also while no lane is due. */
  dueAt?(): number;
}

/** Figures of the design: a dead worker's lanes are free again after `leaseMs`. */
export const leaseMs = 15_000;
const heartbeatMs = 5_000;
const sweepMs = 1_000;
const rememberedWorkspaces = 20;
const troublePauseMs = 1_000;

/** Wakes actions when lanes are due. Knows no backend, no HTTP, no SQL. A wake-up is only a hint: the sweep finds the rest. */
export class Worker implements Waker {
  readonly #options: WorkerOptions;
  readonly #owner = randomUUID();
  readonly #active = new Map<LaneLease, Promise<void>>();
  /** Workspaces that had their turn, the latest last: nobody's thousands may hold up another's single push. */
  #servedLately: readonly string[] = [];
  #loop: Promise<void> | null = null;
  readonly #background = new Map<string, Promise<void>>();
  #heartbeat: NodeJS.Timeout | null = null;
  #stopping = false;
  #woken = false;
  #rouse: (() => void) | null = null;

  constructor(options: WorkerOptions) {
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

  /** Takes no more work and waits for the running steps; the lanes of any that do not end in time are found by the sweep. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#loop;
    await Promise.all([...this.#active.values(), ...this.#background.values()]);
    if (this.#heartbeat) clearInterval(this.#heartbeat);
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      let waitMs: number;
      try {
        waitMs = await this.#workOnce();
      } catch (error) {
        this.#options.logger.error({ err: error }, 'worker.trouble');
        waitMs = troublePauseMs;
      }
      if (waitMs > 0) await this.#sleep(waitMs);
    }
  }

  /** Returns how long to wait for the next round, at most a sweep. */
  async #workOnce(): Promise<number> {
    const { storage, clock, concurrency } = this.#options;
    const nextDue = await storage.read.lanes.nextDue();
    const now = clock();
    for (const job of this.#options.background) {
      if (job.dueAt && job.dueAt() <= now) this.#runBeside(job);
    }
    if (nextDue === null || nextDue > now) {
      return Math.min(nextDue === null ? sweepMs : nextDue - now, sweepMs);
    }
    const free = concurrency - this.#active.size;
    const leases =
      free > 0
        ? await storage.write((tx) =>
            tx.lanes.claim(free, clock(), leaseMs, this.#owner, this.#servedLately),
          )
        : [];
    for (const lease of leases) this.#begin(lease);
    for (const job of this.#options.background) {
      if (!job.dueAt) this.#runBeside(job);
    }
    // Nothing could be taken although something is due: all hands are busy, and each wakes the loop when it is done.
    return leases.length === 0 ? sweepMs : 0;
  }

  /** Never in front of the lanes: a Bitbucket that answers slowly must not hold up a deploy. */
  #runBeside(job: BackgroundJob): void {
    const { name } = job;
    if (this.#background.has(name)) return;
    const work = job
      .run()
      .catch((error: unknown) => {
        this.#options.logger.error({ job: name, err: error }, 'worker.job_failed');
        return 0;
      })
      .then((taken) => {
        this.#background.delete(name);
        if (taken > 0) this.wake();
      });
    this.#background.set(name, work);
  }

  #begin(lease: LaneLease): void {
    const others = this.#servedLately.filter((workspace) => workspace !== lease.workspaceUuid);
    this.#servedLately = [...others, lease.workspaceUuid].slice(-rememberedWorkspaces);
    const work = this.#options
      .step(lease)
      .catch((error: unknown) => {
        this.#options.logger.error({ target: lease.targetId, err: error }, 'lane.step_failed');
      })
      .finally(() => {
        this.#active.delete(lease);
        this.wake();
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
      const timer = setTimeout(done, ms);
      const rouse = (): void => done();
      this.#rouse = rouse;
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
    });
  }
}
