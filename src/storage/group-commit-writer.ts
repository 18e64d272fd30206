import { InfrastructureError, SlipwayError } from '../core/errors.js';
import { RunAgain } from '../core/run-again.js';

interface Job {
  /** Runs inside the open transaction; must touch nothing but it. It may run again after a rollback. */
  work(): Promise<void>;
  committed(): void;
  failed(error: unknown): void;
}

interface Batch<Item, Result> {
  items: {
    item: Item;
    resolve: (result: Result) => void;
    reject: (error: unknown) => void;
  }[];
}

/** How many jobs one transaction takes; more wait for the next one. */
const jobsPerTransaction = 256;
/** How many items one call of batched work takes. */
const itemsPerCall = 256;

/** The connection that everything is written through. */
export interface WriterConnection {
  /** Statements of the transaction itself, without values. */
  exec(text: string): Promise<void>;
  /** Instead of `exec(begin)`, for a transaction of one job: it may begin with its first statement, or not at all. */
  beginLater?(): void;
  /** Of a transaction that was to begin later: whether there is something to commit or to roll back. */
  hasBegun?(): boolean;
}

/** What the writer has to know of the database behind its connection. */
export interface WriterDialect {
  begin: string;
  /** Ends a transaction and begins the next one in the same call; null: there is no such call. */
  commitAndBegin: string | null;
  /** Of `commitAndBegin`: that it committed, but could not begin. */
  couldNotBegin(code: string): boolean;
  /** The whole transaction is gone, not just one job's part of it. */
  isDatabaseFailure(code: string): boolean;
  /** Somebody else was in the way: the same transaction once more may do. */
  isConflict(code: string): boolean;
}

/** A transaction that meets a conflict as often as this is given up. */
const triesPerTransaction = 4;

/**
 * The only writer of a SQLite file, or of a node to PostgreSQL. While one transaction is being committed, whatever arrives waits
 * and goes into the next one together: a rule of correctness first (on SQLite, overlapping write transactions end in
 * SQLITE_BUSY), and the reason why durable commits cost next to nothing under load. No timer: a lone job is committed at once.
 */
export class GroupCommitWriter {
  readonly #connection: WriterConnection;
  readonly #dialect: WriterDialect;
  readonly #maxWaiting: number;
  readonly #onRollback: () => void;
  readonly #onCommit: () => void;
  #waiting: Job[] = [];
  #running: Promise<void> | null = null;
  /** The commit before has begun this transaction. */
  #hasBegun = false;
  readonly #pauses: (() => Promise<void>)[] = [];

  /** @param options.onRollback called when what was written since the last commit, or a part of it, is gone */
  constructor(
    connection: WriterConnection,
    options: {
      maxWaiting: number;
      onRollback?: () => void;
      onCommit?: () => void;
      dialect: WriterDialect;
    },
  ) {
    this.#connection = connection;
    this.#dialect = options.dialect;
    this.#maxWaiting = options.maxWaiting;
    this.#onRollback = options.onRollback ?? (() => undefined);
    this.#onCommit = options.onCommit ?? (() => undefined);
  }

  write<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.#add({
        work: async () => {
          result = await work();
        },
        committed: () => resolve(result),
        failed: reject,
      });
    });
  }

  /** See `Storage.batched`. */
  batched<Item, Result>(
    work: (items: readonly Item[]) => Promise<readonly Result[]>,
  ): (item: Item) => Promise<Result> {
    let open: Batch<Item, Result> | null = null;
    let waiting = 0;
    const runBatch = (batch: Batch<Item, Result>): void => {
      let results: readonly Result[] = [];
      this.#add({
        work: async () => {
          // From here on later arrivals start a batch of their own.
          if (open === batch) open = null;
          results = await work(batch.items.map(({ item }) => item));
        },
        committed: () => {
          waiting -= batch.items.length;
          batch.items.forEach(({ resolve }, index) => resolve(results[index] as Result));
        },
        failed: (error) => {
          // It may not have come to its work: whoever arrives now must not join what is over.
          if (open === batch) open = null;
          waiting -= batch.items.length;
          const [only] = batch.items;
          if (error instanceof RunAgain) {
            waiting += batch.items.length;
            runBatch(batch);
          } else if (batch.items.length === 1 || isOurs(error)) {
            batch.items.forEach(({ reject }) => reject(error));
          } else if (only) {
            // One of them is bad: each alone, so that it takes no other down with it.
            waiting += batch.items.length;
            for (const entry of batch.items) runBatch({ items: [entry] });
          }
        },
      });
    };
    return (item) =>
      new Promise<Result>((resolve, reject) => {
        if (waiting >= this.#maxWaiting) {
          reject(new InfrastructureError('storage_overloaded'));
          return;
        }
        waiting += 1;
        if (open && open.items.length < itemsPerCall) {
          open.items.push({ item, resolve, reject });
          return;
        }
        open = { items: [{ item, resolve, reject }] };
        runBatch(open);
      });
  }

  /** Runs `work` while no transaction is open, between two of them. Must be short: everybody waits. */
  pause(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pauses.push(() => work().then(resolve, reject));
      this.#running ??= this.#drain();
    });
  }

  /** Settles when nothing waits or runs any more. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #add(job: Job): void {
    this.#waiting.push(job);
    this.#running ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length + this.#pauses.length > 0) {
      if (!this.#hasBegun) for (const pause of this.#pauses.splice(0)) await pause();
      if (this.#waiting.length > 0) {
        await this.#transaction(this.#waiting.splice(0, jobsPerTransaction));
      }
    }
    // In the same turn as the last look at the list: a job that comes a moment later starts a new round.
    this.#running = null;
  }

  async #transaction(jobs: readonly Job[], tries = 1): Promise<void> {
    try {
      const done = (await this.#together(jobs)) ?? (await this.#apart(jobs));
      this.#onCommit();
      // After the first statements of the next transaction have gone out, so that the database does not wait for answers.
      if (this.#hasBegun) setImmediate(tell, done);
      else tell(done);
    } catch (cause) {
      // A full disk has rolled back by itself; then there is nothing left to roll back.
      await this.#rollBack('ROLLBACK').catch(() => undefined);
      if (this.#dialect.isConflict(codeOf(cause)) && tries < triesPerTransaction) {
        return this.#transaction(jobs, tries + 1);
      }
      const error = new InfrastructureError('storage_unavailable', codeOf(cause), { cause });
      // A job that failed by itself has been told already; telling it twice does nothing.
      for (const job of jobs) job.failed(error);
    }
  }

  /**
   * Without savepoints, which cost two statements a job and a copy of each page it touches, although hardly any job ever fails.
   * Null when one did: nothing is written then, and each has to run again apart from the others. Returns what was committed.
   */
  async #together(jobs: readonly Job[]): Promise<readonly Job[] | null> {
    await this.#begin(jobs.length === 1);
    for (const job of jobs) {
      const failure = await failureOf(job);
      if (!failure) continue;
      if (this.#isOver(failure.error)) throw failure.error;
      await this.#rollBack('ROLLBACK');
      if (jobs.length > 1) return null;
      job.failed(failure.error);
      return [];
    }
    await this.#commit();
    return jobs;
  }

  async #apart(jobs: readonly Job[]): Promise<readonly Job[]> {
    const done: Job[] = [];
    const failures: (() => void)[] = [];
    await this.#begin(false);
    for (const job of jobs) {
      await this.#connection.exec('SAVEPOINT job');
      const failure = await failureOf(job);
      if (failure && this.#isOver(failure.error)) throw failure.error;
      if (failure) {
        await this.#rollBack('ROLLBACK TO job; RELEASE job');
        failures.push(() => job.failed(failure.error));
      } else {
        await this.#connection.exec('RELEASE job');
        done.push(job);
      }
    }
    await this.#commit();
    // Not before: had the commit met a conflict, they would have run again.
    for (const tell of failures) tell();
    return done;
  }

  /** Not one job has failed, but the transaction. */
  #isOver(error: unknown): boolean {
    const code = codeOf(error);
    return this.#dialect.isDatabaseFailure(code) || this.#dialect.isConflict(code);
  }

  async #begin(isOfOneJob: boolean): Promise<void> {
    if (!this.#hasBegun) {
      if (isOfOneJob && this.#connection.beginLater) this.#connection.beginLater();
      else await this.#connection.exec(this.#dialect.begin);
    }
    this.#hasBegun = false;
  }

  /** Where the next jobs wait already, their transaction begins in the same call: one turn of the event loop less for them. */
  async #commit(): Promise<void> {
    if (this.#connection.hasBegun?.() === false) return;
    const { commitAndBegin } = this.#dialect;
    const waiting = this.#waiting.length;
    const mayBeginLater = waiting === 1 && this.#connection.beginLater !== undefined;
    if (waiting === 0 || mayBeginLater || this.#pauses.length > 0 || commitAndBegin === null) {
      await this.#connection.exec('COMMIT');
      return;
    }
    try {
      await this.#connection.exec(commitAndBegin);
      this.#hasBegun = true;
    } catch (error) {
      if (!this.#dialect.couldNotBegin(codeOf(error))) throw error;
    }
  }

  async #rollBack(how: string): Promise<void> {
    try {
      if (this.#connection.hasBegun?.() !== false) await this.#connection.exec(how);
    } finally {
      this.#onRollback();
    }
  }
}

function tell(done: readonly Job[]): void {
  for (const job of done) job.committed();
}

async function failureOf(job: Job): Promise<{ error: unknown } | null> {
  try {
    await job.work();
    return null;
  } catch (error) {
    return { error };
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown error';
}

function isOurs(error: unknown): boolean {
  return error instanceof SlipwayError && error.code === 'storage_unavailable';
}
