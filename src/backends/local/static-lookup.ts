import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './durable-file.js';
import { liesInside } from './inside-folder.js';

export type Found =
  | { kind: 'file'; file: string }
  /** A folder without its slash at the end: relative links in its page would be wrong. */
  | { kind: 'redirect'; location: string }
  | { kind: 'missing' }
  | { kind: 'malformed' };

/** Finds what an address means inside a folder. `root` is a real path; nothing outside it is ever returned. */
export async function lookUp(root: string, address: string): Promise<Found> {
  const mark = address.indexOf('?');
  const rawPath = mark < 0 ? address : address.slice(0, mark);
  const segments = segmentsOf(rawPath);
  if (segments === null) return { kind: 'malformed' };
  if (segments.some(isHidden)) return { kind: 'missing' };
  const wanted = await realInside(root, path.join(root, ...segments));
  if (wanted === null) return { kind: 'missing' };
  const facts = await stat(wanted);
  if (facts.isFile()) {
    return rawPath.endsWith('/') ? { kind: 'missing' } : { kind: 'file', file: wanted };
  }
  if (!facts.isDirectory()) return { kind: 'missing' };
  const index = await realInside(root, path.join(wanted, 'index.html'));
  if (index === null || !(await stat(index)).isFile()) return { kind: 'missing' };
  if (rawPath.endsWith('/')) return { kind: 'file', file: index };
  // Put together anew, so that "//elsewhere" cannot become another host.
  const location = `/${segments.map(encodeURIComponent).join('/')}/${mark < 0 ? '' : address.slice(mark)}`;
  return { kind: 'redirect', location };
}

/** Null when the path cannot be a path: bad escapes, or steps upwards. */
function segmentsOf(rawPath: string): string[] | null {
  if (!rawPath.startsWith('/')) return null;
  let decoded: string;
  try {
    decoded = decodeURIComponent(rawPath);
  } catch {
    return null;
  }
  if (decoded.includes('\0') || decoded.includes('\\')) return null;
  const segments = decoded.split('/').filter((segment) => segment !== '' && segment !== '.');
  return segments.includes('..') ? null : segments;
}

/** `.env`, `.git` and their like are never meant to be seen; `.well-known` is. */
function isHidden(segment: string): boolean {
  return segment.startsWith('.') && segment !== '.well-known';
}

/** Follows links; a link may lead neither outside nor to a hidden file. */
async function realInside(root: string, file: string): Promise<string | null> {
  let real: string;
  try {
    real = await realpath(file);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG')
      return null;
    throw error;
  }
  if (!liesInside(root, real)) return null;
  return path.relative(root, real).split(path.sep).some(isHidden) ? null : real;
}
