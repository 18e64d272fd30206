import { join } from 'node:path';
import { QueryTypes, Sequelize } from 'sequelize';
import { ConfigError } from '../core/errors.js';
import type { Logger } from '../core/ports.js';
import { lockDataFolder } from './data-folder.js';
import { migrate } from './migrations/index.js';
import { defineModels } from './models/index.js';
import { sealingKeys } from './sealing-keys.js';
import type { Sql } from './sql.js';
import { Checkpointer } from './sqlite/checkpointer.js';
import { durablePragmas, SqliteConnection } from './sqlite/connection.js';
import { sqliteDialect } from './sqlite/dialect.js';
import { loadSqlite } from './sqlite/driver.js';
import { SqliteWriterConnection } from './sqlite/writer-connection.js';
import { GroupCommitWriter } from './group-commit-writer.js';
import { remembering } from './remembering.js';
import { maxWaitingItems, type OpenStorage } from './storage.js';
import { transactionOver } from './stores/transaction.js';

/**
 * Takes the data folder, migrates, checks that commits are durable, and ends the leases a former process held.
 * Throws `ConfigError` or `InfrastructureError` with words for the operator.
 */
export async function openSqliteStorage(options: {
  dataDir: string;
  newId: () => string;
  now: () => number;
  logger: Logger;
}): Promise<OpenStorage> {
  const lock = await lockDataFolder(options.dataDir);
  const file = join(options.dataDir, 'slipway.sqlite');
  const sequelize = openSequelize(file);
  const { connection, applied } = await openFile(file, sequelize);
  if (applied.length > 0) options.logger.info({ applied }, 'storage.migrated');
  const writing = await SqliteWriterConnection.over(connection);
  const { tx, forget } = remembering(transactionOver(writing, options.newId));
  const writer = new GroupCommitWriter(writing, {
    maxWaiting: maxWaitingItems,
    onRollback: forget,
    onCommit: () => checkpointer.committed(),
    dialect: sqliteDialect,
  });
  const checkpointer = await Checkpointer.open(file, writer, options.logger);
  const takenOver = await writer.write(async () => {
    await tx.repositories.reconcileAll(options.now());
    await tx.statusReports.wakeAll(options.now());
    await tx.grants.endRenewals();
    return tx.lanes.takeOverAll(options.now());
  });
  if (takenOver > 0) options.logger.info({ lanes: takenOver }, 'storage.leases_taken_over');
  return {
    kind: 'sqlite',
    write: (work) => writer.write(() => work(tx)),
    batched: (work) => writer.batched((items) => work(tx, items)),
    read: transactionOver(sequelizeSql(sequelize), options.newId),
    sealedBy: () => sealingKeys(connection),
    nodes: () => Promise.resolve(1),
    idle: () => writer.idle(),
    async close() {
      await writer.idle();
      await sequelize.close();
      await checkpointer.close();
      await connection.close();
      await lock.release();
    },
  };
}

async function openFile(
  file: string,
  sequelize: Sequelize,
): Promise<{ connection: SqliteConnection; applied: string[] }> {
  try {
    const connection = await SqliteConnection.open(file);
    await assertDurable(connection);
    return { connection, applied: await migrate(sequelize) };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code !== 'SQLITE_NOTADB' && code !== 'SQLITE_CORRUPT') throw error;
    throw new ConfigError([
      `The database ${file} cannot be read (${code}). Restore a backup, or move the file away to start with an empty one.`,
    ]);
  }
}

function openSequelize(file: string): Sequelize {
  loadSqlite();
  const sequelize = new Sequelize({ dialect: 'sqlite', storage: file, logging: false });
  defineModels(sequelize);
  return sequelize;
}

/** A build of SQLite or a file system that does not keep these would lose acknowledged pushes: refuse to run on it. */
async function assertDurable(connection: SqliteConnection): Promise<void> {
  const [journal] = await connection.all<{ journal_mode: string }>('PRAGMA journal_mode');
  const [sync] = await connection.all<{ synchronous: number }>('PRAGMA synchronous');
  if (
    journal?.journal_mode.toUpperCase() !== durablePragmas.journal_mode ||
    sync?.synchronous !== 2
  ) {
    throw new ConfigError([
      `SQLite cannot be made durable here (journal_mode ${journal?.journal_mode}, synchronous ${sync?.synchronous}). ` +
        'Put SLIPWAY_DATA_DIR on a local disk.',
    ]);
  }
}

/** Committed rows through Sequelize's own connection, beside the writer's. */
function sequelizeSql(sequelize: Sequelize): Sql {
  const numbered = (text: string): string => {
    let position = 0;
    return text.replace(/\?/g, () => `$${++position}`);
  };
  return {
    async all<Row>(text: string, values: readonly (string | number | null)[] = []): Promise<Row[]> {
      const rows = await sequelize.query(numbered(text), {
        bind: [...values],
        type: QueryTypes.SELECT,
      });
      return rows as Row[];
    },
    run: () => Promise.reject(new Error('the reader does not write')),
  };
}
