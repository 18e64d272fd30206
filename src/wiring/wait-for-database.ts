import { setTimeout as delay } from 'node:timers/promises';
import { errorCatalogue, InfrastructureError } from '../core/errors.js';
import type { Logger } from '../core/ports.js';

/** As long as a database needs that docker or systemd brings up together with us. */
export const databasePatienceMs = 60_000;
const pauseMs = { first: 250, last: 5_000 } as const;

/**
 * Begins, and begins anew while the database cannot be reached or goes away meanwhile. What waiting does not mend (a wrong
 * password, a missing database, a refused certificate) is no reason to.
 *
 * @param begin leaves nothing open when it rejects
 * @param database what may be shown of where it is
 * @throws whatever `begin` rejects with, and `InfrastructureError('database_absent')` so many ms after the first try failed
 */
export async function onceDatabaseIsThere<T>(
  begin: () => Promise<T>,
  {
    database,
    logger,
    patienceMs = databasePatienceMs,
  }: { database: string; logger: Logger; patienceMs?: number },
): Promise<T> {
  let until: number | null = null;
  for (let nextTryMs: number = pauseMs.first; ; nextTryMs *= 2) {
    try {
      return await begin();
    } catch (error) {
      if (!isAway(error)) throw error;
      const reason = reasonOf(error);
      until ??= performance.now() + patienceMs;
      const givesUpInMs = Math.round(until - performance.now());
      if (givesUpInMs <= 0) {
        throw new InfrastructureError('database_absent', `${database}: ${reason}`, {
          cause: error,
        });
      }
      nextTryMs = Math.min(nextTryMs, pauseMs.last, givesUpInMs);
      logger.warn({ database, reason, nextTryMs, givesUpInMs }, 'storage.waiting');
      await delay(nextTryMs);
    }
  }
}

function isAway(error: unknown): error is InfrastructureError {
  return error instanceof InfrastructureError && error.code === 'storage_unavailable';
}

function reasonOf({ message }: InfrastructureError): string {
  return message.replace(`${errorCatalogue.storage_unavailable.says}: `, '');
}
