import type { DeploymentLimits, SpentPage, Walk } from '../core/care.js';
import type { Target } from '../core/model/index.js';
import type { Storage } from '../core/ports.js';
import {
  createCareJob,
  type Budget,
  type CareJob,
  type CareJobDeps,
  type Worked,
} from './care-job.js';

export interface PruneOptions {
  /** Finished deployments and pushes older than this go. */
  keepDays: number;
  /** But the newest so many of a target stay, however old: a target that is seldom deployed keeps its history. */
  keepPerTarget: number;
  /** And so many of those that went live: more than any backend keeps releases to roll back to. */
  keepLivePerTarget: number;
  /** More than this a target never has, however young: a runaway pipeline must not fill the disk. */
  mostPerTarget: number;
  /** Rows of one transaction: a push that waits behind it is held up for milliseconds. */
  sliceRows: number;
  /** Pieces of one run: at most this many times `sliceRows` rows. */
  slicesPerRun: number;
}

/** A quarter of a year answers "when did this last work?"; 200 are ten pages of the panel. */
export const pruneDefaults: Readonly<PruneOptions> = {
  keepDays: 90,
  keepPerTarget: 200,
  keepLivePerTarget: 20,
  mostPerTarget: 5_000,
  sliceRows: 500,
  slicesPerRun: 100,
};

export interface PruneDeps extends CareJobDeps {
  storage: Storage;
}

const dayMs = 24 * 60 * 60_000;
/** What just ended is looked at, reported and rolled back to: too many of them wait until the day after tomorrow. */
const settledAfterMs = 2 * dayMs;
const targetsPerPage = 100;

/**
 * The background job that keeps the database from growing for ever. Never goes: what is live, what has not ended, what
 * Bitbucket is still owed a status for, what a rollback may want, and what says where a branch or tag stands.
 */
export function createPruner(deps: PruneDeps, options: Partial<PruneOptions> = {}): CareJob {
  const figures = { ...pruneDefaults, ...options };
  const at: Place = { phase: 0, after: '' };
  const work = (budget: Budget): Promise<Worked> =>
    new Prune(deps.storage, figures, deps.clock(), budget, at).run();
  return createCareJob('prune', figures.slicesPerRun, work, deps);
}

/** Where the next run goes on when this one's allowance is used up. */
interface Place {
  phase: number;
  /** Id of the last row that was looked at. */
  after: string;
}

/** In this order: pushes go once their deployments are gone, events once their pushes are. Names of people wait for nothing. */
const phases = ['targets', 'refChanges', 'events', 'people'] as const;

class Prune {
  readonly #storage: Storage;
  readonly #options: PruneOptions;
  readonly #budget: Budget;
  readonly #at: Place;
  readonly #before: number;
  readonly #limits: DeploymentLimits;

  constructor(storage: Storage, options: PruneOptions, now: number, budget: Budget, at: Place) {
    this.#storage = storage;
    this.#options = options;
    this.#budget = budget;
    this.#at = at;
    this.#before = now - options.keepDays * dayMs;
    this.#limits = {
      keepNewest: options.keepPerTarget,
      keepLive: options.keepLivePerTarget,
      mostPerTarget: options.mostPerTarget,
      endedBefore: this.#before,
      settledBefore: now - settledAfterMs,
    };
  }

  async run(): Promise<Worked> {
    let rows = 0;
    for (;;) {
      const phase = phases[this.#at.phase];
      if (!phase) {
        this.#at.phase = 0;
        return { rows, isDone: true };
      }
      const worked = await this.#work(phase);
      rows += worked.rows;
      if (!worked.isDone) return { rows, isDone: false };
      this.#at.phase += 1;
      this.#at.after = '';
    }
  }

  #work(phase: (typeof phases)[number]): Promise<Worked> {
    if (phase === 'targets') return this.#targets();
    return phase === 'people' ? this.#people() : this.#walk(phase);
  }

  async #targets(): Promise<Worked> {
    let rows = 0;
    for (;;) {
      const page = await this.#storage.read.care.targets(this.#at.after, targetsPerPage);
      for (const target of page) {
        const pruned = await this.#target(target);
        rows += pruned.rows;
        if (!pruned.isDone) return { rows, isDone: false };
        this.#at.after = target.id;
      }
      if (page.length < targetsPerPage) return { rows, isDone: true };
    }
  }

  async #target(target: Target): Promise<Worked> {
    const { read } = this.#storage;
    // Of a removed target only the age counts: nobody will deploy to it, nor roll it back.
    const limits =
      target.state === 'removed' ? { ...this.#limits, keepNewest: 0, keepLive: 0 } : this.#limits;
    const kept = await read.care.keptDeployments(target, limits);
    let rows = 0;
    while (await read.care.hasSpentDeployments(target.id, kept, limits)) {
      if (!(await this.#budget.take())) return { rows, isDone: false };
      const pruned = await this.#storage.write((tx) =>
        tx.care.pruneDeployments(target.id, kept, limits, this.#options.sliceRows),
      );
      rows += pruned;
      // Asked for in the meantime; the next run looks again.
      if (pruned === 0) break;
    }
    if (target.state === 'removed' && target.createdAt < this.#before) {
      rows += await this.#storage.write((tx) => tx.care.deleteRemovedTarget(target.id));
    }
    return { rows, isDone: true };
  }

  /** Whoever pushes is asked for again long before that. */
  async #people(): Promise<Worked> {
    let rows = 0;
    while (await this.#budget.take()) {
      const limit = this.#options.sliceRows;
      const gone = await this.#storage.write((tx) => tx.personNames.prune(this.#before, limit));
      rows += gone;
      if (gone < limit) return { rows, isDone: true };
    }
    return { rows, isDone: false };
  }

  async #walk(what: 'refChanges' | 'events'): Promise<Worked> {
    let rows = 0;
    while (await this.#budget.take()) {
      const limit = this.#options.sliceRows;
      const walk: Walk = { after: this.#at.after, limit, before: this.#before };
      const page = await this.#page(what, walk);
      const deleted = page.ids.length === 0 ? 0 : await this.#delete(what, page);
      rows += deleted;
      // A slice that was full left some of its page: once more from the same place.
      if (deleted >= limit && what === 'refChanges') continue;
      if (page.next === null) return { rows, isDone: true };
      this.#at.after = page.next;
    }
    return { rows, isDone: false };
  }

  #page(what: 'refChanges' | 'events', walk: Walk): Promise<SpentPage> {
    const { care } = this.#storage.read;
    return what === 'refChanges' ? care.spentRefChanges(walk) : care.spentEvents(walk);
  }

  #delete(what: 'refChanges' | 'events', { ids }: SpentPage): Promise<number> {
    return this.#storage.write((tx) =>
      what === 'refChanges'
        ? tx.care.deleteRefChanges(ids, this.#options.sliceRows)
        : tx.care.deleteEvents(ids),
    );
  }
}
