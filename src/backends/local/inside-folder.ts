import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './durable-file.js';

/** Whether one real path lies in (or is) another. Both must already be resolved. */
export function liesInside(realFolder: string, realFile: string): boolean {
  return realFile === realFolder || realFile.startsWith(`${realFolder}${path.sep}`);
}

export type FolderResult =
  { kind: 'inside'; real: string } | { kind: 'missing' } | { kind: 'outside' };

/** Follows every link of `relative` and tells whether the end is still inside `folder`. */
export async function resolveInside(folder: string, relative: string): Promise<FolderResult> {
  const realFolder = await realpath(folder);
  try {
    const real = await realpath(path.join(realFolder, relative));
    return liesInside(realFolder, real) ? { kind: 'inside', real } : { kind: 'outside' };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return { kind: 'missing' };
    throw error;
  }
}
