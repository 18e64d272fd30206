import type { Logger } from '../../core/ports.js';
import { SqliteConnection } from './connection.js';

/** Commits between two checkpoints. */
const commitsPerCheckpoint = 64;
/** 128 MiB. A log that is longer starts again at its beginning as soon as it can, whoever waits. */
const maxLogPages = 32_000;

/** Without a commit for so long, nobody minds a pause. */
const quietMs = 500;

/** What the checkpointer needs of the writer. */
export interface PausingWriter {
  /** Runs `work` while no transaction is open. */
  pause(work: () => Promise<void>): Promise<void>;
}

/**
 * Copies what the write-ahead log holds into the database file from a connection and thread of its own. Left to the commit
 * that makes the log long enough, as SQLite does by itself, every push of that transaction waits for it: a dozen pages a push
 * to be written, and two more flushes. A passive checkpoint waits for nobody and nobody waits for it.
 *
 * But the log starts again at its beginning only when all of it is copied, which a busy writer never lets happen, and a log
 * that grows is flushed half as fast as one that is used again. So the last pages are copied when the writer has had nothing to
 * do for a moment; where it always has, it waits for that (tens of milliseconds, most of them for the disk) once for every
 * 128 MiB.
 */
export class Checkpointer {
  readonly #connection: SqliteConnection;
  readonly #writer: PausingWriter;
  readonly #logger: Logger;
  #commits = 0;
  #running: Promise<void> | null = null;
  /** Ends when nothing was committed for a moment. */
  #quiet: NodeJS.Timeout | null = null;

  private constructor(connection: SqliteConnection, writer: PausingWriter, logger: Logger) {
    this.#connection = connection;
    this.#writer = writer;
    this.#logger = logger;
  }

  static async open(file: string, writer: PausingWriter, logger: Logger): Promise<Checkpointer> {
    return new Checkpointer(await SqliteConnection.open(file), writer, logger);
  }

  /** After each commit of the writer. */
  committed(): void {
    this.#commits += 1;
    this.#quiet?.refresh();
    if (this.#commits < commitsPerCheckpoint || this.#running) return;
    this.#run(() => this.#copy());
  }

  async close(): Promise<void> {
    if (this.#quiet) clearTimeout(this.#quiet);
    await this.#running;
    await this.#connection.close();
  }

  #run(work: () => Promise<void>): void {
    this.#commits = 0;
    this.#running = work()
      .catch((error: unknown) => {
        // Nothing is lost: the log still holds everything. A full disk is told of by the commits that meet it.
        this.#logger.warn({ err: error }, 'storage.checkpoint_failed');
      })
      .finally(() => {
        this.#running = null;
      });
  }

  async #copy(): Promise<void> {
    const pages = await this.#pass();
    if (pages > maxLogPages) await this.#finish();
    else this.#quiet ??= setTimeout(() => this.#beQuiet(), quietMs).unref();
  }

  #beQuiet(): void {
    this.#quiet = null;
    if (!this.#running) this.#run(() => this.#finish());
  }

  #finish(): Promise<void> {
    return this.#writer.pause(async () => void (await this.#pass()));
  }

  /** Returns how many pages the log has. */
  async #pass(): Promise<number> {
    const [done] = await this.#connection.all<{ log: number }>('PRAGMA wal_checkpoint(PASSIVE)');
    return done?.log ?? 0;
  }
}
