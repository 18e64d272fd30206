import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, InfrastructureError } from '../core/errors.js';
import { SqliteConnection } from './sqlite/connection.js';

/** The right to a data folder, until `release` or the end of the process, however it ends. */
export interface DataFolderLock {
  release(): Promise<void>;
}

/**
 * Creates the folder if need be and takes it for this process. The lock is one that the operating system drops when the
 * process dies (SQLite's own file lock on a small file beside the database), so kill -9 leaves nothing to clean up.
 *
 * Throws `ConfigError` when the folder cannot be used, `InfrastructureError('data_folder_owned')` when it is taken.
 */
export async function lockDataFolder(dataDir: string): Promise<DataFolderLock> {
  makeWritable(dataDir);
  const note = join(dataDir, 'owner.json');
  const connection = await SqliteConnection.open(join(dataDir, 'owner.lock'), { busy_timeout: 0 });
  try {
    await connection.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    await connection.close();
    throw new InfrastructureError('data_folder_owned', `${dataDir} (${ownerIn(note)})`, { cause });
  }
  writeFileSync(note, `${JSON.stringify({ pid: process.pid, since: new Date().toISOString() })}\n`);
  return {
    async release() {
      await connection.exec('ROLLBACK');
      await connection.close();
    },
  };
}

function makeWritable(dataDir: string): void {
  try {
    // Others on this machine have no business in here: it holds the database and, on loopback, the master key.
    mkdirSync(dataDir, { recursive: true, mode: 0o711 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new ConfigError([
      `The data folder ${dataDir} is not writable (${code}). Set SLIPWAY_DATA_DIR to a folder that this user may write.`,
    ]);
  }
}

function ownerIn(note: string): string {
  try {
    const { pid, since } = JSON.parse(readFileSync(note, 'utf8')) as { pid: number; since: string };
    return `process ${pid}, since ${since}`;
  } catch {
    return 'by another process';
  }
}
