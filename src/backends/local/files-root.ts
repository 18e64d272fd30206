import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  lstat,
  mkdir,
  readdir,
  realpath,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { errorCode } from './durable-file.js';
import { liesInside } from './inside-folder.js';
import type { Isolation } from './isolation.js';

const othersMayEnter = 0o001;

/**
 * The folder that holds every target's files. Normally `<dataDir>/local`. Builds under users of their own must be able to
 * walk there; when a folder above the data folder is closed to them (`/root`, say), the files live elsewhere and
 * `<dataDir>/local` is a link to that place.
 */
export async function openFilesRoot(
  dataDir: string,
  filesDir: string | undefined,
  isolation: Isolation,
): Promise<string> {
  const wanted = path.resolve(filesDir ?? path.join(dataDir, 'local'));
  await mkdir(path.dirname(wanted), { recursive: true, mode: 0o711 });
  const isReachable =
    isolation === 'none' || (await reachableByOthers(path.dirname(wanted), dataDir));
  const root = isReachable ? wanted : await elsewhere(wanted);
  await mkdir(root, { recursive: true, mode: 0o711 });
  await assertOurs(root);
  await chmod(root, 0o711);
  if (!isReachable) await linkTo(root, wanted);
  // Node and npm look for package.json upwards; without this one they could find Slipway's own.
  await writeFile(path.join(root, 'package.json'), '{ "private": true }\n', { mode: 0o644 });
  // Real, because what lies inside it is compared with real paths.
  return realpath(root);
}

/**
 * The data folder may have to be walked through, so everything else in it is closed to others, whatever mode it was created
 * with. Repeated before every build: files come and go.
 */
export async function closeDataFolder(dataDir: string, filesRoot: string): Promise<void> {
  const folder = path.resolve(dataDir);
  const isOnTheWay = liesInside(await realpath(folder), filesRoot);
  await chmod(folder, isOnTheWay ? 0o711 : 0o700);
  for (const name of await readdir(folder)) {
    const entry = path.join(folder, name);
    try {
      if (liesInside(await realpath(entry), filesRoot)) continue;
      const facts = await lstat(entry);
      const mode = facts.mode & 0o777;
      if (!facts.isSymbolicLink() && (mode & 0o077) !== 0) await chmod(entry, mode & 0o700);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}

/** The data folder does not count: it is ours, and is opened for walking through. */
async function reachableByOthers(folder: string, dataDir: string): Promise<boolean> {
  const own = path.resolve(dataDir);
  for (let at = folder; ; at = path.dirname(at)) {
    if (at !== own && ((await stat(at)).mode & othersMayEnter) === 0) return false;
    if (path.dirname(at) === at) return true;
  }
}

async function elsewhere(wanted: string): Promise<string> {
  const name = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  const temporary = os.tmpdir();
  const isTemporary = wanted.startsWith(`${temporary}${path.sep}`);
  return path.join(isTemporary ? await ourTemporary() : await machineFolder(), `local-${name}`);
}

/** For what all Slipways of this machine share. Only root comes here. */
export async function machineFolder(): Promise<string> {
  const folder = '/var/lib/slipway';
  try {
    await mkdir(folder, { recursive: true, mode: 0o711 });
    await access(folder, constants.W_OK);
    return folder;
  } catch {
    return ourTemporary();
  }
}

async function ourTemporary(): Promise<string> {
  const folder = path.join(os.tmpdir(), 'slipway');
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await assertOurs(folder);
  await chmod(folder, 0o711);
  return folder;
}

/** In a shared temporary folder somebody could have been there before us. */
async function assertOurs(root: string): Promise<void> {
  const facts = await lstat(root);
  if (facts.isDirectory() && (process.getuid === undefined || facts.uid === process.getuid()))
    return;
  throw new Error('The folder for builds and releases belongs to another user');
}

async function linkTo(root: string, wanted: string): Promise<void> {
  try {
    await symlink(root, wanted);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
