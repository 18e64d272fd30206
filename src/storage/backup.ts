import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../core/errors.js';
import { databaseName, openReadOnly } from './read-only.js';
import { sealingKeys } from './sealing-keys.js';
import type { Sql } from './sql.js';
import { sha256Of, writeTar, type TarEntry } from './tar.js';

/** What a backup says of itself: the first file in it, readable with `tar xOf FILE manifest.json`. */
export interface BackupManifest {
  format: 'slipway-backup';
  version: 1;
  /** `postgres`: it holds the keys only, for the database has its own way to be saved. Absent: `sqlite`. */
  database?: 'sqlite' | 'postgres' | undefined;
  createdAt: string;
  /** Names of the migrations the database has seen. */
  migrations: string[];
  /** Fingerprints of the master keys that seal secrets in it: without them those are lost. */
  masterKeysNeeded: string[];
  files: { name: string; size: number; sha256: string }[];
}

export const manifestName = 'manifest.json';
/** Keys kept in the data folder. Those set in the environment are not ours to copy. */
export const keyFilePattern = /^master[\w.-]*\.keys?$/;

/**
 * One file with the database and the keys kept beside it. The database is copied by SQLite itself from one read
 * transaction, so it is of one moment, whatever is written meanwhile, and no push waits. It is checked before it counts.
 *
 * Throws `ConfigError` in words for the operator.
 */
export function createBackup(options: BackupOptions): Promise<BackupManifest> {
  return inOneFile(options, async (work) => {
    const copy = join(work, databaseName);
    await copyDatabase(options.dataDir, copy);
    const sources = [{ name: databaseName, path: copy }, ...keyFiles(options.dataDir)];
    return { sources, facts: await inspect(work) };
  });
}

/**
 * The same for a database that is saved by other means: the keys kept in the data folder, without which its secrets are lost.
 *
 * Throws `ConfigError` when there are none.
 */
export function createKeyBackup(
  options: BackupOptions & { facts: DatabaseFacts },
): Promise<BackupManifest> {
  const sources = existsSync(options.dataDir) ? keyFiles(options.dataDir) : [];
  if (sources.length === 0) {
    throw new ConfigError([
      `No master key is kept in ${options.dataDir}, so there is nothing to put into a file. Keep SLIPWAY_MASTER_KEY where you keep secrets.`,
    ]);
  }
  const facts = { ...options.facts, database: 'postgres' as const };
  return inOneFile(options, () => Promise.resolve({ sources, facts }));
}

export interface BackupOptions {
  dataDir: string;
  file: string;
  now: number;
}

type Contents = {
  sources: readonly SourceFile[];
  facts: DatabaseFacts & Pick<BackupManifest, 'database'>;
};

async function inOneFile(
  options: BackupOptions,
  gather: (work: string) => Promise<Contents>,
): Promise<BackupManifest> {
  const file = resolve(options.file);
  if (existsSync(file)) {
    throw new ConfigError([
      `${file} exists already. Name another file: a backup is not overwritten.`,
    ]);
  }
  const work = await workFolder(file);
  try {
    const { sources, facts } = await gather(work);
    const manifest = await describe(sources, facts, options.now);
    const partial = join(work, 'backup');
    await writeTar(partial, [manifestEntry(manifest), ...sources.map(entryOf)], options.now);
    await rename(partial, file);
    await syncFolder(dirname(file));
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Beside the file that is to be, so that it appears there all at once; open to its owner only. */
async function workFolder(file: string): Promise<string> {
  try {
    return await mkdtemp(`${file}.partial-`);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new ConfigError([`${dirname(file)} cannot be written (${code}).`]);
  }
}

async function copyDatabase(dataDir: string, copy: string): Promise<void> {
  const storage = await openReadOnly(dataDir);
  try {
    await storage.sql.all('VACUUM INTO ?', [copy]);
  } finally {
    await storage.close();
  }
}

export interface DatabaseFacts {
  migrations: string[];
  masterKeysNeeded: string[];
}

/** Reads a copy through: a backup that nobody can restore is none. Throws `ConfigError`. */
export async function inspect(folder: string): Promise<DatabaseFacts> {
  const storage = await openReadOnly(folder);
  try {
    const problems = await storage.sql.all<{ quick_check: string }>('PRAGMA quick_check(1)');
    if (problems[0]?.quick_check !== 'ok') {
      throw new ConfigError([
        `The database is damaged: ${problems[0]?.quick_check ?? 'unreadable'}.`,
      ]);
    }
    return {
      migrations: await names(storage.sql, 'SELECT name FROM migrations ORDER BY name'),
      masterKeysNeeded: [...(await sealingKeys(storage.sql)).keys()].sort(),
    };
  } finally {
    await storage.close();
  }
}

async function names(sql: Sql, text: string): Promise<string[]> {
  return (await sql.all<{ name: string }>(text)).map(({ name }) => name);
}

interface SourceFile {
  name: string;
  path: string;
}

function keyFiles(dataDir: string): SourceFile[] {
  return readdirSync(dataDir)
    .filter((name) => keyFilePattern.test(name))
    .sort()
    .map((name) => ({ name, path: join(dataDir, name) }));
}

async function describe(
  sources: readonly SourceFile[],
  facts: Contents['facts'],
  now: number,
): Promise<BackupManifest> {
  const files: BackupManifest['files'] = [];
  for (const { name, path } of sources) {
    const handle = await open(path);
    const { size } = await handle.stat();
    await handle.close();
    files.push({ name, size, sha256: await sha256Of(path) });
  }
  const createdAt = new Date(now).toISOString();
  return { format: 'slipway-backup', version: 1, createdAt, ...facts, files };
}

function manifestEntry(manifest: BackupManifest): TarEntry {
  return { name: manifestName, content: `${JSON.stringify(manifest, null, 2)}\n` };
}

function entryOf({ name, path }: SourceFile): TarEntry {
  return { name, content: { file: path } };
}

/** A new name is on the disk only once its folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
