import { chmod, lchown, lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { DeployFailure } from './deploy-failure.js';
import type { Identity } from './users.js';

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
    const isProgram = facts.isDirectory() || (facts.mode & 0o100) !== 0;
    await chmod(entry, isProgram ? 0o550 : 0o440);
  });
}

/** Visits children before their folder, so that a folder can be closed as the last. */
async function walk(entry: string, visit: (entry: string) => Promise<void>): Promise<void> {
  const facts = await lstat(entry);
  if (facts.isDirectory()) {
    const names = await readdir(entry);
    // A few at a time: a tree of packages has more files than a process may open.
    for (let start = 0; start < names.length; start += 32) {
      const some = names.slice(start, start + 32);
      await Promise.all(some.map((name) => walk(path.join(entry, name), visit)));
    }
  }
  await visit(entry);
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
