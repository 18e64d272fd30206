import { join } from 'node:path';
import { Sequelize } from 'sequelize';
import { lockDataFolder } from './data-folder.js';
import { migrate } from './migrations/index.js';
import { databaseName } from './read-only.js';
import { loadSqlite } from './sqlite/driver.js';

/**
 * Brings the database of a data folder up to date without starting a server; returns the names of what was applied. Throws
 * `InfrastructureError('data_folder_owned')` while a server runs, which has done the same when it started.
 */
export async function migrateDataFolder(dataDir: string): Promise<string[]> {
  const lock = await lockDataFolder(dataDir);
  loadSqlite();
  const storage = join(dataDir, databaseName);
  const sequelize = new Sequelize({ dialect: 'sqlite', storage, logging: false });
  try {
    return await migrate(sequelize);
  } finally {
    await sequelize.close();
    await lock.release();
  }
}
