import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './durable-file.js';
import { resolveInside } from './inside-folder.js';

const largestRead = 256 * 1024;

/** Reads a small text file of the repository; null when it is not there or is not a plain file inside the folder. */
export async function readRepositoryFile(folder: string, name: string): Promise<string | null> {
  const found = await resolveInside(folder, name);
  if (found.kind !== 'inside') return null;
  try {
    // Resolved already; a fifo must not hold us up.
    const handle = await open(found.real, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = await handle.stat();
      if (!facts.isFile() || facts.size > largestRead) return null;
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errorCode(error) !== null) return null;
    throw error;
  }
}

export async function hasFile(folder: string, name: string): Promise<boolean> {
  return (await resolveInside(folder, name)).kind === 'inside';
}

/** Whether a folder inside `folder` holds an index page. */
export async function hasIndexPage(folder: string, relative: string): Promise<boolean> {
  return hasFile(folder, path.join(relative, 'index.html'));
}
