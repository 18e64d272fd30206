import type { Repository } from '../state/model.js';
import type { GitRepositories } from './git-repositories.js';

export interface Person {
  name: string;
  email: string;
}

export interface Commit {
  hash: string;
  parents: string[];
  author: Person;
  /** The author's date; Bitbucket shows this one (bitbucket-api §6, 24). */
  date: number;
  message: string;
}

// NUL cannot occur inside any of these, messages included.
const fields = ['%H', '%P', '%an', '%ae', '%at', '%B'];
const format = `--format=${fields.join('%x00')}%x00`;

export interface LogQuery {
  include: readonly string[];
  exclude?: readonly string[];
  limit?: number;
  skip?: number;
  path?: string;
}

/** Newest first. */
export async function listCommits(
  git: GitRepositories,
  repository: Repository,
  query: LogQuery,
): Promise<Commit[]> {
  if (query.include.length === 0) return [];
  const args = ['log', '--encoding=UTF-8', format];
  if (query.limit !== undefined) args.push(`--max-count=${query.limit}`);
  if (query.skip !== undefined) args.push(`--skip=${query.skip}`);
  args.push(...query.include, ...(query.exclude ?? []).map((hash) => `^${hash}`), '--');
  if (query.path !== undefined) args.push(`:(literal)${query.path}`);
  return parseLog(await git.text(repository, args));
}

export async function readCommit(
  git: GitRepositories,
  repository: Repository,
  hash: string,
): Promise<Commit> {
  const [commit] = await listCommits(git, repository, { include: [hash], limit: 1 });
  if (!commit) throw new Error(`commit ${hash} vanished`);
  return commit;
}

function parseLog(text: string): Commit[] {
  const parts = text.split('\0');
  const commits: Commit[] = [];
  for (let i = 0; i + fields.length <= parts.length; i += fields.length) {
    const [hash = '', parents = '', name = '', email = '', at = '0', message = ''] = parts.slice(
      i,
      i + fields.length,
    );
    commits.push({
      hash: hash.trim(),
      parents: parents.split(' ').filter(Boolean),
      author: { name, email },
      date: Number(at) * 1000,
      message,
    });
  }
  return commits;
}

export function isAncestor(
  git: GitRepositories,
  repository: Repository,
  older: string,
  newer: string,
): Promise<boolean> {
  return git.succeeds(repository, ['merge-base', '--is-ancestor', older, newer]);
}

export interface TagObject {
  message: string;
  tagger: Person | null;
  date: number | null;
}

export async function readTagObject(
  git: GitRepositories,
  repository: Repository,
  object: string,
): Promise<TagObject> {
  const text = await git.text(repository, ['cat-file', 'tag', object]);
  const split = text.indexOf('\n\n');
  const header = split < 0 ? text : text.slice(0, split);
  const tagger = /^tagger (.*) <(.*)> (\d+) [+-]\d{4}$/m.exec(header);
  return {
    message: split < 0 ? '' : text.slice(split + 2),
    tagger: tagger ? { name: tagger[1] ?? '', email: tagger[2] ?? '' } : null,
    date: tagger ? Number(tagger[3]) * 1000 : null,
  };
}
