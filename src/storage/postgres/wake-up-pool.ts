import pg from 'pg';
import type { Logger } from '../../core/ports.js';
import { codeOf } from './errors.js';
import { clientConfig } from './session.js';

/** One listens, the others fetch and finish jobs. */
const connections = 4;

/** Connections for the waker, apart from those of the stores: one of them is never free. */
export function openWakeUpPool(url: string, logger: Logger): pg.Pool {
  // The waker reads what it gets by types of its own.
  const { types: _, ...config } = clientConfig(url);
  const pool = new pg.Pool({ ...config, max: connections });
  const lost = (error: Error): void =>
    logger.debug({ code: codeOf(error) }, 'waker.connection_lost');
  pool.on('error', lost);
  // Also of one that is in use: nobody else listens while it waits for news.
  pool.on('connect', (client) => client.on('error', lost));
  return pool;
}
