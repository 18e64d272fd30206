import type { WriterConnection } from '../group-commit-writer.js';
import type { Sql, SqlValue } from '../sql.js';
import type { SqliteConnection } from './connection.js';
import { sqliteDialect } from './dialect.js';
import { newsSchema } from './news.js';

type BareConnection = Pick<SqliteConnection, 'all' | 'run' | 'exec'>;

/**
 * The connection of the writer, whose transactions may begin with their first statement. One that is a single statement needs
 * neither BEGIN nor COMMIT: SQLite commits it by itself, and the event loop is asked once in between instead of three times.
 */
export class SqliteWriterConnection implements Sql, WriterConnection {
  /** The driver looks at each value on the event loop; SQLite reads JSON on a thread of its own. */
  readonly rowsAsJson = true;
  readonly #connection: BareConnection;
  /** `begun` also stands for a transaction that the writer begins and ends by `exec`. */
  #state: 'later' | 'begun' | 'over' = 'begun';
  #beginning: Promise<void> | null = null;

  private constructor(connection: BareConnection) {
    this.#connection = connection;
  }

  /** Over a connection that is durable; the tables may come later. */
  static async over(connection: BareConnection): Promise<SqliteWriterConnection> {
    await connection.exec(newsSchema);
    return new SqliteWriterConnection(connection);
  }

  beginLater(): void {
    this.#state = 'later';
  }

  hasBegun(): boolean {
    return this.#state === 'begun';
  }

  async all<Row>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    if (this.#state !== 'begun') await this.#begin();
    return this.#connection.all(text, values);
  }

  async run(text: string, values: readonly SqlValue[] = []): Promise<number> {
    if (this.#state !== 'begun') await this.#begin();
    return this.#connection.run(text, values);
  }

  async runAlone(text: string, values: readonly SqlValue[]): Promise<number> {
    if (this.#state !== 'later' || this.#beginning) return this.run(text, values);
    this.#state = 'over';
    // Unlike within a transaction, what it had done before it failed must be undone by SQLite.
    return this.#connection.run(text.replace(/^INSERT INTO/, 'INSERT OR ABORT INTO'), values);
  }

  async exec(text: string): Promise<void> {
    await this.#connection.exec(text);
    this.#state = 'begun';
  }

  async #begin(): Promise<void> {
    if (this.#state === 'over')
      throw new Error('there was to be one statement, and this is another');
    this.#beginning ??= this.#connection
      .exec(sqliteDialect.begin)
      .then(() => {
        this.#state = 'begun';
      })
      .finally(() => {
        this.#beginning = null;
      });
    await this.#beginning;
  }
}
