import { randomUUID } from 'node:crypto';
import type { Logger, Transaction } from '../../core/ports.js';
import { lockDataFolder } from '../data-folder.js';
import { sealingKeys } from '../sealing-keys.js';
import { GroupCommitWriter, type WriterDialect } from '../group-commit-writer.js';
import { remembering } from '../remembering.js';
import { maxWaitingItems, type OpenStorage } from '../storage.js';
import { clockStore } from '../stores/clock.js';
import { transactionOver } from '../stores/transaction.js';
import { isConflict, isDatabaseFailure } from './errors.js';
import { columnsOf } from './examine.js';
import { countNodes } from './locks.js';
import { openReaders } from './reader.js';
import { migratePostgres, reachable } from './schema.js';
import { ringing, type RingingTransaction } from './wake-ups.js';
import { WriterConnection } from './writer-connection.js';

export const postgresDialect: WriterDialect = {
  begin: 'BEGIN',
  // The next transaction may have to wait for another node; what is committed is told at once.
  commitAndBegin: null,
  couldNotBegin: () => false,
  isDatabaseFailure,
  isConflict,
};

/**
 * One of possibly many nodes on one database. Migrates (one node at a time), and leaves alone what other nodes have leased or
 * claimed: what a dead one held runs out by itself.
 *
 * Throws `ConfigError` or `InfrastructureError` with words for the operator; waits for nobody who is not there yet.
 */
export async function openPostgresStorage(options: {
  dataDir: string;
  url: string;
  newId: () => string;
  /** Every new id from now on sorts behind this one. */
  startIdsAfter?: (id: string) => unknown;
  now: () => number;
  logger: Logger;
  /** Whether lanes that become due add a job for the waker, whose tables are there by the time of the first one. */
  rings?: () => boolean;
}): Promise<OpenStorage> {
  const { url, logger } = options;
  const lock = await lockDataFolder(options.dataDir);
  try {
    await reachable(url, options);
    const applied = await migratePostgres(url);
    if (applied.length > 0) logger.info({ applied }, 'storage.migrated');
  } catch (error) {
    await lock.release();
    throw error;
  }
  let forget = (): void => undefined;
  const connection: WriterConnection = new WriterConnection({
    url,
    nodeId: randomUUID(),
    async onForeignWrite() {
      forget();
      // What is newest is told by ids, and their clocks may be ahead of ours.
      const newest = await clockStore(connection).newestId();
      if (newest !== null) options.startIdsAfter?.(newest);
    },
  });
  const memory = remembering(transactionOver(connection, options.newId));
  forget = memory.forget;
  const { tx } = memory;
  const { rings: wanted, now } = options;
  const rings = wanted ? ringing(tx, connection, { now, wanted }) : { run: direct(tx) };
  const writer = new GroupCommitWriter(connection, {
    maxWaiting: maxWaitingItems,
    onRollback: forget,
    dialect: postgresDialect,
  });
  const readers = openReaders(url, logger);
  const close = async (): Promise<void> => {
    await writer.idle();
    await readers.close();
    await connection.close();
    await lock.release();
  };
  try {
    // Nobody listened until now: whatever was pushed meanwhile is looked for at once.
    if (await connection.joinAlone()) {
      await writer.write(() => tx.repositories.reconcileAll(options.now()));
    }
  } catch (error) {
    await close();
    throw error;
  }
  let closed: Promise<void> | null = null;
  return {
    kind: 'postgres',
    write: (work) => writer.write(() => rings.run(work)),
    batched: (work) => writer.batched((items) => rings.run((ringing) => work(ringing, items))),
    read: transactionOver(readers.sql, options.newId),
    sealedBy: () => sealingKeys(readers.sql, columnsOf),
    async nodes() {
      const [row] = await readers.sql.all<{ nodes: number }>(countNodes);
      return row?.nodes ?? 0;
    },
    idle: () => writer.idle(),
    close: () => (closed ??= close()),
  };
}

function direct(tx: Transaction): RingingTransaction['run'] {
  return (work) => work(tx);
}
