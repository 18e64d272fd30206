import pg from 'pg';
import type { Logger } from '../../core/ports.js';
import type { Sql, SqlValue } from '../sql.js';
import { codeOf, staleStatement } from './errors.js';
import { connectMs, graceMs, idleReaderMs, readStatementMs, readers } from './limits.js';
import { clientConfig, setUp, statementOf } from './session.js';
import { unavailable } from './writer-connection.js';

export interface ReaderPool {
  sql: Sql;
  close(): Promise<void>;
}

/** Committed rows, beside the writer. Fails with `storage_unavailable` while the database is away. */
export function openReaders(url: string, logger: Logger | null): ReaderPool {
  const pool = new pg.Pool({
    ...clientConfig(url),
    max: readers,
    idleTimeoutMillis: idleReaderMs,
    connectionTimeoutMillis: connectMs,
    query_timeout: readStatementMs + graceMs,
    // Nobody gets the connection before it is done; the driver's types do not say so.
    onConnect: ((client) =>
      client.query(
        setUp({ statementMs: readStatementMs, plans: 'fresh' }),
      )) as pg.PoolConfig['onConnect'],
  });
  // One that nobody uses at the moment; whoever asks next gets another.
  pool.on('error', (error) => logger?.debug({ code: codeOf(error) }, 'storage.reader_lost'));
  return {
    sql: {
      async all<Row>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
        const statement = statementOf(text, values);
        const ask = async (): Promise<Row[]> => (await pool.query<Row & object>(statement)).rows;
        return ask().catch((error: unknown) => {
          // The pool has given that connection up; the next one prepares it anew.
          if (codeOf(error) === staleStatement) return ask();
          throw unavailable(error);
        });
      },
      run: () => Promise.reject(new Error('the reader does not write')),
    },
    close: () => pool.end(),
  };
}
