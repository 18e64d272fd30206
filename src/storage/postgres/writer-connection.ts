import { InfrastructureError } from '../../core/errors.js';
import type { Sql, SqlValue } from '../sql.js';
import { codeOf, connectionLost, isDatabaseFailure, named, staleStatement } from './errors.js';
import { graceMs, idleInTransactionMs, lockMs, reconnectMs, writeStatementMs } from './limits.js';
import { presenceKey, writerKey } from './locks.js';
import { Session, statementOf } from './session.js';

export interface WriterConnectionOptions {
  url: string;
  /** Of this process; hexadecimal digits and dashes only. */
  nodeId: string;
  /** Another node has written since we did: whatever is remembered of the database may be wrong. In the new transaction. */
  onForeignWrite(): void | Promise<void>;
}

/**
 * The connection that a node writes through. Every transaction waits for those of the other nodes: what one writer is to
 * SQLite, a lock for the time of a transaction is to PostgreSQL. So actions may read and then write, on both databases, as if
 * nobody else were there; each statement sees what was committed before the lock was given, no two nodes can wait for each
 * other, and under load the waiting costs little, for each transaction takes along all that waited meanwhile.
 *
 * Connects when it is needed and again when it was lost; while the database is away, everything fails at once with
 * `storage_unavailable`.
 */
export class WriterConnection implements Sql {
  readonly #options: WriterConnectionOptions;
  #session: Session | null = null;
  /** Of the transaction: what went wrong first. PostgreSQL refuses everything after it, and says only that. */
  #failure: Error | null = null;
  #wasAlone = false;
  #pauseMs = 0;
  /** By `performance.now()`. */
  #notBefore = 0;

  constructor(options: WriterConnectionOptions) {
    this.#options = options;
  }

  async all<Row>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const { rows } = await this.#run<Row & object>(text, values);
    return rows;
  }

  async run(text: string, values: readonly SqlValue[] = []): Promise<number> {
    const { rowCount } = await this.#run(text, values);
    return rowCount ?? 0;
  }

  /** Of the transaction itself; without values. Anything else goes through `all` and `run`. */
  async exec(text: string): Promise<void> {
    if (text === 'BEGIN') return this.#begin();
    const session = this.#session;
    // The transaction ended with the connection.
    if (session === null || session.isLost) {
      if (text.startsWith('ROLLBACK')) return;
      throw named(new Error('ended in the middle of a transaction'));
    }
    const results = await this.#watched(() => session.exec(text));
    if (text.startsWith('ROLLBACK')) this.#failure = null;
    // A transaction in which a statement failed ends like this, without an error.
    if (text === 'COMMIT' && results.at(-1)?.command !== 'COMMIT') {
      throw this.#failure ?? new Error('PostgreSQL did not commit');
    }
  }

  /** Connects, if need be. For whoever has something to ask outside a transaction. */
  async session(): Promise<Session> {
    if (this.#session && !this.#session.isLost) return this.#session;
    this.#session = null;
    if (performance.now() < this.#notBefore) {
      throw Object.assign(new Error('PostgreSQL was away a moment ago'), { code: connectionLost });
    }
    try {
      const times = { statementMs: writeStatementMs, lockMs, idleInTransactionMs };
      const limits = { ...times, plans: 'kept' } as const;
      const session = await Session.open(this.#options.url, writeStatementMs + graceMs, limits);
      this.#wasAlone = await join(session);
      this.#session = session;
      this.#pauseMs = 0;
      return session;
    } catch (error) {
      this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, reconnectMs.first), reconnectMs.last);
      this.#notBefore = performance.now() + this.#pauseMs;
      throw error;
    }
  }

  /** Connects, if need be. Whether no other node was connected then. */
  async joinAlone(): Promise<boolean> {
    try {
      await this.session();
      return this.#wasAlone;
    } catch (error) {
      throw unavailable(error);
    }
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = null;
  }

  async #begin(): Promise<void> {
    this.#failure = null;
    const session = await this.session();
    const { nodeId } = this.#options;
    const results = await this.#watched(() =>
      session.exec(
        `BEGIN; SELECT pg_advisory_xact_lock(${writerKey});
         UPDATE last_writer SET node = '${nodeId}' WHERE node <> '${nodeId}'`,
      ),
    );
    if (results.at(-1)?.rowCount !== 0) await this.#options.onForeignWrite();
  }

  #run<Row extends object>(text: string, values: readonly SqlValue[]) {
    return this.#watched(() => {
      if (this.#session === null) throw named(new Error('not connected'));
      return this.#session.query<Row>(statementOf(text, values));
    });
  }

  async #watched<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      const first = codeOf(error) === '25P02' ? this.#failure : null;
      const failure = first ?? named(error);
      this.#failure ??= failure;
      // A standby stays one, and a session that the server ends is over: the next one may find a better.
      const code = codeOf(failure);
      if (isDatabaseFailure(code) || code === staleStatement) this.#session?.destroy(failure);
      throw failure;
    }
  }
}

/** Says that this node is there. Of several that come at the same moment, one is the first. */
async function join(session: Session): Promise<boolean> {
  const [first] = await session.exec(
    `SELECT pg_try_advisory_lock(${presenceKey}) AS alone; SELECT pg_advisory_lock_shared(${presenceKey})`,
  );
  const [row] = (first?.rows ?? []) as { alone: boolean }[];
  if (row?.alone) await session.exec(`SELECT pg_advisory_unlock(${presenceKey})`);
  return row?.alone ?? false;
}

/** For everything that is not the writer's: the words that doors and commands know. */
export function unavailable(error: unknown): unknown {
  const cause = named(error);
  return isDatabaseFailure(cause.code)
    ? new InfrastructureError('storage_unavailable', cause.code, { cause })
    : cause;
}
