import type { Repository } from '../state/model.js';
import type { GitRepositories } from './git-repositories.js';

export interface TreeEntry {
  kind: 'file' | 'directory' | 'submodule';
  mode: string;
  object: string;
  size: number;
  /** From the root of the repository. */
  path: string;
}

/** One path of a commit, or undefined. */
export async function findEntry(
  git: GitRepositories,
  repository: Repository,
  commit: string,
  path: string,
): Promise<TreeEntry | undefined> {
  const [entry] = await listTree(git, repository, commit, [path], false);
  return entry;
}

/** What lies directly in a directory (`''` is the root), or everything below it. */
export async function listDirectory(
  git: GitRepositories,
  repository: Repository,
  commit: string,
  directory: string,
  recursive: boolean,
): Promise<TreeEntry[]> {
  const paths = directory === '' ? [] : [`${directory}/`];
  return listTree(git, repository, commit, paths, recursive);
}

async function listTree(
  git: GitRepositories,
  repository: Repository,
  commit: string,
  paths: readonly string[],
  recursive: boolean,
): Promise<TreeEntry[]> {
  const flags = recursive ? ['-r', '-t'] : [];
  const args = ['ls-tree', '-z', '-l', ...flags, commit, '--', ...paths];
  const text = await git.text(repository, args);
  return text
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [meta = '', path = ''] = line.split('\t');
      const [mode = '', type = '', object = '', size = ''] = meta.split(/ +/);
      const kind = type === 'tree' ? 'directory' : type === 'commit' ? 'submodule' : 'file';
      return { kind, mode, object, size: Number(size) || 0, path };
    });
}

export function readBlob(
  git: GitRepositories,
  repository: Repository,
  object: string,
): Promise<Buffer> {
  return git.run(repository, ['cat-file', 'blob', object]);
}
