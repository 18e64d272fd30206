import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../core/errors.js';
import {
  inspect,
  keyFilePattern,
  manifestName,
  syncFolder,
  type BackupManifest,
} from './backup.js';
import { lockDataFolder } from './data-folder.js';
import { databaseName } from './read-only.js';
import { extract, listTar, readMember, type TarMember } from './tar.js';

export interface Restored {
  manifest: BackupManifest;
  /** Where the files that were there before are now; null when there were none. */
  movedAside: string | null;
}

const manifestSchema = z.object({
  format: z.literal('slipway-backup'),
  version: z.literal(1),
  database: z.enum(['sqlite', 'postgres']).optional(),
  createdAt: z.string(),
  migrations: z.array(z.string()),
  masterKeysNeeded: z.array(z.string()),
  files: z.array(z.object({ name: z.string(), size: z.number(), sha256: z.string() })),
}) satisfies z.ZodType<BackupManifest>;

/** What a server that was killed leaves in a folder that is otherwise empty. */
const ofTheLock = /^(owner\.(lock|json)|control\.sock)/;
const ofTheDatabase = /^slipway\.sqlite(-wal|-shm|-journal)?$/;

/**
 * Puts a backup into a data folder that no server owns. Everything is unpacked, compared with its checksums and read
 * through before anything is put in place; what was there is moved aside, never deleted.
 *
 * Throws `ConfigError` in words for the operator, `InfrastructureError('data_folder_owned')` while a server runs.
 */
export async function restoreBackup(options: {
  dataDir: string;
  file: string;
  force: boolean;
  now: number;
}): Promise<Restored> {
  const { dataDir, file } = options;
  const archive = await openArchive(file);
  try {
    const { manifest, members } = await readManifest(archive, file);
    refuseFull(dataDir, options.force);
    const lock = await lockDataFolder(dataDir);
    const work = await mkdtemp(join(dataDir, 'restore-'));
    try {
      await unpack(archive, file, manifest, members, work);
      const movedAside = await moveAside(dataDir, options.now);
      for (const { name } of manifest.files) await rename(join(work, name), join(dataDir, name));
      await syncFolder(dataDir);
      return { manifest, movedAside };
    } finally {
      await rm(work, { recursive: true, force: true });
      await lock.release();
    }
  } finally {
    await archive.close();
  }
}

async function openArchive(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new ConfigError([`${file} cannot be read (${code}).`]);
  }
}

function damaged(file: string, why: string): ConfigError {
  return new ConfigError([`${file} cannot be restored: ${why}. Nothing was changed.`]);
}

async function readManifest(
  archive: FileHandle,
  file: string,
): Promise<{ manifest: BackupManifest; members: Map<string, TarMember> }> {
  try {
    const members = new Map((await listTar(archive)).map((member) => [member.name, member]));
    const member = members.get(manifestName);
    if (!member || member.size > 1024 * 1024) throw new Error('it has no list of its files');
    const text = (await readMember(archive, member)).toString('utf8');
    const manifest = manifestSchema.safeParse(JSON.parse(text));
    if (!manifest.success) throw new Error('it was made by another version of Slipway');
    return { manifest: manifest.data, members };
  } catch (error) {
    throw damaged(file, error instanceof Error ? error.message : String(error));
  }
}

function refuseFull(dataDir: string, force: boolean): void {
  if (force || !existsSync(dataDir)) return;
  const found = readdirSync(dataDir).filter((name) => !ofTheLock.test(name));
  if (found.length === 0) return;
  throw new ConfigError([
    `${dataDir} is not empty (${found.slice(0, 3).join(', ')}). With --force its database and keys are moved aside first.`,
  ]);
}

async function unpack(
  archive: FileHandle,
  file: string,
  manifest: BackupManifest,
  members: ReadonlyMap<string, TarMember>,
  work: string,
): Promise<void> {
  const hasDatabase = manifest.files.some(({ name }) => name === databaseName);
  if (!hasDatabase && manifest.database !== 'postgres') throw damaged(file, 'it has no database');
  for (const { name, size, sha256 } of manifest.files) {
    // Names become paths: nothing but what a backup of ours can hold.
    if (name !== databaseName && !keyFilePattern.test(name)) {
      throw damaged(file, 'it holds a file that does not belong there');
    }
    const member = members.get(name);
    if (member?.size !== size) throw damaged(file, `${name} is not whole`);
    const found = await extract(archive, member, join(work, name));
    if (found !== sha256) throw damaged(file, `${name} does not have its checksum`);
  }
  if (hasDatabase) await inspect(work);
  // Reading it leaves files of its own behind, which must not come along.
  for (const name of readdirSync(work)) {
    if (name !== databaseName && ofTheDatabase.test(name)) await rm(join(work, name));
  }
}

/** With its write-ahead log: left behind, that would be played into the restored database. */
async function moveAside(dataDir: string, now: number): Promise<string | null> {
  const old = readdirSync(dataDir).filter(
    (name) => ofTheDatabase.test(name) || keyFilePattern.test(name),
  );
  if (old.length === 0) return null;
  const aside = join(
    dataDir,
    `before-restore-${new Date(now).toISOString().replace(/[:.]/g, '-')}`,
  );
  await mkdir(aside, { mode: 0o700 });
  await chmod(aside, 0o700);
  for (const name of old) await rename(join(dataDir, name), join(aside, name));
  return aside;
}

/** The texts of the kept master keys, for a look at their fingerprints. */
export function keyTextsIn(dataDir: string): string[] {
  return readdirSync(dataDir)
    .filter((name) => keyFilePattern.test(name))
    .flatMap((name) => readFileSync(join(dataDir, name), 'utf8').trim().split(/\s+/));
}
