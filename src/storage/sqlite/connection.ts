import type { Database, Statement } from 'sqlite3';
import type { Sql, SqlValue } from '../sql.js';
import { loadSqlite } from './driver.js';

const maxCachedStatements = 200;

/**
 * The writer's own connection, without Sequelize in between: statements are prepared once and run on libuv's threads, so
 * that the event loop never waits for the disk.
 */
export class SqliteConnection implements Sql {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  private constructor(database: Database) {
    this.#database = database;
  }

  static async open(
    file: string,
    pragmas: Readonly<Record<string, string | number>> = durablePragmas,
  ): Promise<SqliteConnection> {
    const { Database } = loadSqlite();
    const database = await new Promise<Database>((resolve, reject) => {
      const opened = new Database(file, (error) => {
        if (error) reject(error);
        else resolve(opened);
      });
    });
    const connection = new SqliteConnection(database);
    for (const [pragma, value] of Object.entries(pragmas)) {
      await connection.exec(`PRAGMA ${pragma} = ${value}`);
    }
    return connection;
  }

  async all<Row>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const statement = await this.#prepared(text);
    return new Promise((resolve, reject) => {
      statement.all<Row>(values, (error, rows) => {
        if (error) reject(error);
        else resolve(rows);
      });
    });
  }

  async run(text: string, values: readonly SqlValue[] = []): Promise<number> {
    const statement = await this.#prepared(text);
    return new Promise((resolve, reject) => {
      statement.run(values, function (error) {
        if (error) reject(error);
        else resolve(this.changes);
      });
    });
  }

  /** For statements without values that need not be cached: pragmas, BEGIN, COMMIT. */
  exec(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#database.exec(text, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  async close(): Promise<void> {
    for (const statement of this.#statements.values()) await finalize(statement);
    this.#statements.clear();
    await new Promise<void>((resolve, reject) => {
      this.#database.close((error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  async #prepared(text: string): Promise<Statement> {
    const known = this.#statements.get(text);
    if (known) return known;
    const oldest = this.#statements.entries().next();
    if (this.#statements.size >= maxCachedStatements && !oldest.done) {
      this.#statements.delete(oldest.value[0]);
      await finalize(oldest.value[1]);
    }
    const statement = await new Promise<Statement>((resolve, reject) => {
      const prepared = this.#database.prepare(withoutOwnUndo(text), (error: Error | null) => {
        if (error) reject(error);
        else resolve(prepared);
      });
    });
    this.#statements.set(text, statement);
    return statement;
  }
}

/**
 * SQLite can undo a single INSERT that fails on its way, and copies every page that it touches for that. Here the writer rolls
 * back whatever failed, its whole job with it, so an INSERT may leave undone what it had done until then.
 */
function withoutOwnUndo(text: string): string {
  return text.replace(/^INSERT INTO/, 'INSERT OR FAIL INTO');
}

/** WAL with FULL: a commit survives a power cut. NORMAL loses acknowledged pushes. */
export const durablePragmas = {
  journal_mode: 'WAL',
  synchronous: 'FULL',
  busy_timeout: 5_000,
  foreign_keys: 'ON',
  // What a statement of many rows needs to undo itself; in files, it was a fifth of what a push costs.
  temp_store: 'MEMORY',
  /** KiB when negative: what one transaction touches must fit, or SQLite writes pages twice. */
  cache_size: -16_000,
  /** Pages. Copying the log is the checkpointer's work; a commit does it only where that one cannot keep up. */
  wal_autocheckpoint: 64_000,
} as const;

function finalize(statement: Statement): Promise<void> {
  return new Promise((resolve, reject) => {
    statement.finalize((error: Error | null | undefined) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
