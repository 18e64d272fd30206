import type { Logger } from '../../core/ports.js';
import { SqliteConnection } from './connection.js';

/** Commits between two checkpoints. */
const commitsPerCheckpoint = 32;

/**
 * Copies what the write-ahead log holds into the database file from a connection and thread of its own. Left to the commit
 * that makes the log long enough, as SQLite does by itself, every push of that transaction waits for it: a dozen pages a push
 * to be written, and two more flushes. A passive checkpoint waits for nobody and nobody waits for it; a log that goes on
 * growing meanwhile starts again at its beginning when the writer's own limit is reached, with little left to copy then.
 */
export class Checkpointer {
  readonly #connection: SqliteConnection;
  readonly #logger: Logger;
  #commits = 0;
  #running: Promise<void> | null = null;

  private constructor(connection: SqliteConnection, logger: Logger) {
    this.#connection = connection;
    this.#logger = logger;
  }

  static async open(file: string, logger: Logger): Promise<Checkpointer> {
    return new Checkpointer(await SqliteConnection.open(file), logger);
  }

  /** After each commit of the writer. */
  committed(): void {
    this.#commits += 1;
    if (this.#commits < commitsPerCheckpoint || this.#running) return;
    this.#commits = 0;
    this.#running = this.#checkpoint().finally(() => {
      this.#running = null;
    });
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#connection.close();
  }

  async #checkpoint(): Promise<void> {
    try {
      await this.#connection.all('PRAGMA wal_checkpoint(PASSIVE)');
    } catch (error) {
      // Nothing is lost: the log still holds everything. A full disk is told of by the commits that meet it.
      this.#logger.warn({ err: error }, 'storage.checkpoint_failed');
    }
  }
}
