import type { Repository } from '../state/model.js';
import type { GitRepositories } from './git-repositories.js';

export interface FileChange {
  status: 'added' | 'removed' | 'modified' | 'renamed';
  oldPath: string | null;
  newPath: string | null;
  added: number;
  removed: number;
}

/** What every repository has without storing it. */
export const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

export async function diffFiles(
  git: GitRepositories,
  repository: Repository,
  from: string,
  to: string,
  options: { renames: boolean; path?: string },
): Promise<FileChange[]> {
  const renames = options.renames ? '--find-renames' : '--no-renames';
  const args = ['diff-tree', '-r', '-z', '--raw', '--numstat', renames, from, to, '--'];
  if (options.path !== undefined) args.push(`:(literal)${options.path}`);
  return parseDiff(await git.text(repository, args));
}

/** With -z git prints all raw records first, then a numstat record for each in the same order. */
function parseDiff(text: string): FileChange[] {
  const parts = text.split('\0');
  const changes: FileChange[] = [];
  let i = 0;
  while (parts[i]?.startsWith(':')) {
    const letter = parts[i]?.split(' ')[4]?.[0] ?? 'M';
    const first = parts[i + 1] ?? '';
    if (letter === 'R') {
      changes.push(change('renamed', first, parts[i + 2] ?? ''));
      i += 3;
    } else {
      if (letter === 'A') changes.push(change('added', null, first));
      else if (letter === 'D') changes.push(change('removed', first, null));
      else changes.push(change('modified', first, first));
      i += 2;
    }
  }
  for (const entry of changes) {
    const [added = '', removed = '', path = ''] = (parts[i] ?? '').split('\t');
    // Binary files have "-" for both.
    entry.added = Number(added) || 0;
    entry.removed = Number(removed) || 0;
    i += path === '' ? 3 : 1;
  }
  return changes;
}

function change(
  status: FileChange['status'],
  oldPath: string | null,
  newPath: string | null,
): FileChange {
  return { status, oldPath, newPath, added: 0, removed: 0 };
}

export async function mergeBase(
  git: GitRepositories,
  repository: Repository,
  a: string,
  b: string,
): Promise<string> {
  try {
    return (await git.text(repository, ['merge-base', a, b])).trim();
  } catch {
    return emptyTree;
  }
}
