import { chmod, lchown, lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { DeployFailure } from './deploy-failure.js';
import { errorCode } from './durable-file.js';
import type { Identity } from './users.js';

/** Ours to change, so that a data folder can be removed like any other by whoever runs Slipway. */
const folderMode = 0o750;

/** Gives a tree to a user. Only for a tree nobody else can change meanwhile. */
export async function giveTree(folder: string, to: Identity | null): Promise<void> {
  if (to === null) return;
  await walk(folder, async (entry) => lchown(entry, to.uid, to.gid));
}

/**
 * Makes what a build left read-only for everybody, and ours. Nothing of the build runs any more, but what it left can be
 * a trap: a hard link to a file of somebody else would be opened up with the rest, a fifo would hold up a reader.
 */
export async function lockTree(folder: string, builtBy: Identity | null): Promise<void> {
  await walk(folder, async (entry) => {
    const facts = await lstat(entry);
    if (builtBy !== null && facts.uid !== builtBy.uid) {
      throw new DeployFailure(
        'The build left a file that is not its own, so the release was refused.',
      );
    }
    if (facts.isSymbolicLink()) {
      if (builtBy !== null) await lchown(entry, 0, builtBy.gid);
      return;
    }
    if (!facts.isDirectory() && !facts.isFile()) {
      await rm(entry, { force: true });
      return;
    }
    if (builtBy !== null) await lchown(entry, 0, builtBy.gid);
    if (facts.isDirectory()) await chmod(entry, folderMode);
    else await chmod(entry, (facts.mode & 0o100) === 0 ? 0o440 : 0o550);
  });
}

/** Visits children before their folder, so that a folder can be closed as the last. */
async function walk(entry: string, visit: (entry: string) => Promise<void>): Promise<void> {
  const facts = await lstat(entry);
  if (facts.isDirectory()) {
    const names = await namesIn(entry);
    // A few at a time: a tree of packages has more files than a process may open.
    for (let start = 0; start < names.length; start += 32) {
      const some = names.slice(start, start + 32);
      await Promise.all(some.map((name) => walk(path.join(entry, name), visit)));
    }
  }
  await visit(entry);
}

/** A build may close a folder to its own user, who is ours when there are no separate ones. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error;
    await chmod(folder, 0o700);
    return readdir(folder);
  }
}

/** Removes a tree whatever modes a build or `lockTree` gave its folders. */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch {
    await openFolders(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function openFolders(folder: string): Promise<void> {
  const facts = await lstat(folder).catch(() => null);
  if (facts?.isDirectory() !== true) return;
  await chmod(folder, 0o700);
  for (const name of await readdir(folder)) await openFolders(path.join(folder, name));
}
