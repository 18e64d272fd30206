import {
  Logger as GraphileLogger,
  makeWorkerUtils,
  parseCronItems,
  run,
  type CronItem,
  type Runner,
  type RunnerOptions,
  type TaskList,
} from 'graphile-worker';
import type { Logger, Waker } from '../core/ports.js';
import { laneTaskOf, wakeUps } from '../core/wake-ups.js';
import type { LaneWaker, TimedJob } from './waker.js';

export interface GraphileWakerOptions {
  /** Three or more connections; whoever made them closes them. */
  pool: NonNullable<RunnerOptions['pgPool']>;
  /** This node: lanes that are bound to it have a task of their own. */
  node: string;
  /** Each has its turn once for all nodes, by graphile-worker's cron. */
  timed: readonly TimedJob[];
  logger: Logger;
}

type WakeUpTables = Pick<GraphileWakerOptions, 'pool' | 'logger'>;

/** Jobs at a time: waking takes no time, but the timed ones may take minutes and must not hold up a wake-up. */
const jobsAtOnce = 8;
const tidyTask = 'tidy';
const oneMinuteMs = 60_000;
/** After this many hours without any node, what was missed is made up for once. */
const backfillMs = 2 * 60 * oneMinuteMs;
const triesOfTimed = 3;
const openAgainAfterMs = 1_000;

/**
 * Wake-ups through PostgreSQL. Storage adds a job in the transaction that makes a lane due; whichever node gets it wakes its
 * worker, and the job is over: exclusivity comes from our own leases. `queue_name` is never used: a dead node's job would
 * block it for four hours, while a job under the same key is simply added again.
 */
export class GraphileWaker implements LaneWaker {
  readonly #options: GraphileWakerOptions;
  #runner: Runner | null = null;
  #opening: Promise<void> | null = null;
  #again: NodeJS.Timeout | null = null;
  #stopping = false;

  constructor(options: GraphileWakerOptions) {
    this.#options = options;
  }

  /** Where the database is away at that moment it begins later: sweeps find what is due in the meantime. */
  async start(worker: Waker): Promise<void> {
    await this.#open(worker).catch((error: unknown) => this.#notStarted(error, worker));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#again) clearTimeout(this.#again);
    await this.#opening?.catch(() => undefined);
    const runner = this.#runner;
    this.#runner = null;
    await runner?.stop().catch(() => undefined);
    await runner?.promise.catch(() => undefined);
  }

  #open(worker: Waker): Promise<void> {
    this.#opening = this.#run(worker);
    return this.#opening;
  }

  async #run(worker: Waker): Promise<void> {
    const { logger } = this.#options;
    const runner = await run(this.#runnerOptions(), this.#tasks(worker), this.#cron());
    this.#runner = runner;
    const ended = (error?: unknown): void => {
      if (this.#stopping) return;
      // Sweeps find what is due in the meantime.
      logger.warn(error === undefined ? {} : { err: error }, 'waker.ended');
      this.#openAgain(worker);
    };
    runner.promise.then(() => ended(), ended);
  }

  #openAgain(worker: Waker): void {
    this.#again = setTimeout(() => {
      this.#open(worker).catch((error: unknown) => this.#notStarted(error, worker));
    }, openAgainAfterMs);
  }

  #notStarted(error: unknown, worker: Waker): void {
    this.#options.logger.warn({ err: error }, 'waker.not_started');
    if (!this.#stopping) this.#openAgain(worker);
  }

  #runnerOptions(): RunnerOptions {
    return {
      ...sharedOptions(this.#options),
      concurrency: jobsAtOnce,
      noHandleSignals: true,
      preset: {
        worker: {
          // Fetched and finished many at a time: a burst of wake-ups costs few statements.
          localQueue: { size: 100 },
          completeJobBatchDelay: 20,
          failJobBatchDelay: 20,
        },
      },
    };
  }

  #tasks(worker: Waker): TaskList {
    const wake = (): void => worker.wake();
    const tasks: TaskList = {
      [wakeUps.laneTask]: wake,
      [laneTaskOf(this.#options.node)]: wake,
      [tidyTask]: () => tidy(this.#options),
    };
    for (const job of this.#options.timed) {
      tasks[job.name] = async (_payload, { addJob }) => {
        if (await job.turn()) return;
        const again = new Date(Date.now() + oneMinuteMs);
        await addJob(job.name, {}, { jobKey: `again:${job.name}`, runAt: again });
      };
    }
    return tasks;
  }

  #cron() {
    const hourly = this.#options.timed.filter(({ every }) => every === 'hour');
    const items = this.#options.timed.map((job) =>
      cronItem(job.name, job.every === 'hour' ? minuteOf(hourly.indexOf(job)) : '*/10'),
    );
    return parseCronItems([...items, cronItem(tidyTask, '57')]);
  }
}

/** Makes or updates graphile-worker's tables; safe when several nodes do it at once. */
export async function prepareWakeUps(options: WakeUpTables): Promise<void> {
  const utils = await makeWorkerUtils(sharedOptions(options));
  await utils.release();
}

/** Jobs whose node died in their midst stay behind once they are unlocked; nobody needs them. */
async function tidy(options: GraphileWakerOptions): Promise<void> {
  const utils = await makeWorkerUtils(sharedOptions(options));
  try {
    await utils.cleanup({ tasks: ['DELETE_PERMAFAILED_JOBS'] });
  } finally {
    await utils.release();
  }
}

/** At different minutes: they share the database with everything else. */
function minuteOf(position: number): string {
  return String((7 + position * 10) % 60);
}

function cronItem(task: string, minutes: string): CronItem {
  return {
    task,
    match: `${minutes} * * * *`,
    identifier: task,
    options: {
      backfillPeriod: backfillMs,
      maxAttempts: triesOfTimed,
      // One that could not run for an hour is not run twice then.
      jobKey: `cron:${task}`,
      jobKeyMode: 'replace',
    },
  };
}

function sharedOptions({ pool, logger }: WakeUpTables) {
  return { pgPool: pool, schema: wakeUps.schema, logger: graphileLogger(logger) };
}

const grave: readonly string[] = ['error', 'warning'];

/** Its lines are for whoever looks closely; only what went wrong is for everybody. */
function graphileLogger(logger: Logger): GraphileLogger {
  return new GraphileLogger(() => (level, message, meta) => {
    const fields = { said: message, ...('error' in (meta ?? {}) ? { err: meta?.['error'] } : {}) };
    if (grave.includes(level)) logger.warn(fields, 'waker.trouble');
    else logger.debug(fields, 'waker.says');
  });
}
