import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Repository } from '../state/model.js';
import type { GitRepositories } from './git-repositories.js';

export type RefType = 'branch' | 'tag';

export interface Ref {
  type: RefType;
  /** Without `refs/heads/` or `refs/tags/`. */
  name: string;
  /** What the ref holds: a commit, or the tag object of an annotated tag. */
  object: string;
  annotated: boolean;
  /** The commit, peeled. */
  commit: string;
}

export interface RefChange {
  type: RefType;
  name: string;
  old: Ref | null;
  new: Ref | null;
}

const prefixes: Record<RefType, string> = { branch: 'refs/heads/', tag: 'refs/tags/' };

export function fullRefName(type: RefType, name: string): string {
  return prefixes[type] + name;
}

export async function listRefs(
  git: GitRepositories,
  repository: Repository,
  patterns: readonly string[] = ['refs/heads', 'refs/tags'],
): Promise<Ref[]> {
  const format = '%(objectname)%00%(objecttype)%00%(*objectname)%00%(refname)';
  const text = await git.text(repository, ['for-each-ref', `--format=${format}`, ...patterns]);
  return text.split('\n').flatMap((line) => parseRef(line) ?? []);
}

function parseRef(line: string): Ref | null {
  const [object = '', kind = '', peeled = '', refname = ''] = line.split('\0');
  const type = refname.startsWith(prefixes.branch)
    ? 'branch'
    : refname.startsWith(prefixes.tag)
      ? 'tag'
      : null;
  // Tags may point at trees and blobs; Bitbucket shows none of those.
  if (type === null || (kind !== 'commit' && kind !== 'tag')) return null;
  return {
    type,
    name: refname.slice(prefixes[type].length),
    object,
    annotated: kind === 'tag',
    commit: kind === 'tag' ? peeled : object,
  };
}

export async function findRef(
  git: GitRepositories,
  repository: Repository,
  type: RefType,
  name: string,
): Promise<Ref | undefined> {
  // for-each-ref patterns are globs; names with such characters are not valid refs anyway.
  if (/[*?[\\]/.test(name)) return undefined;
  const refs = await listRefs(git, repository, [fullRefName(type, name)]);
  return refs.find((ref) => ref.name === name);
}

export function compareRefs(before: readonly Ref[], after: readonly Ref[]): RefChange[] {
  const key = (ref: Ref) => fullRefName(ref.type, ref.name);
  const old = new Map(before.map((ref) => [key(ref), ref]));
  const now = new Map(after.map((ref) => [key(ref), ref]));
  const names = [...new Set([...old.keys(), ...now.keys()])].sort();
  return names.flatMap((name) => {
    const from = old.get(name) ?? null;
    const to = now.get(name) ?? null;
    const ref = to ?? from;
    if (!ref || from?.object === to?.object) return [];
    return [{ type: ref.type, name: ref.name, old: from, new: to }];
  });
}

/** The branch that HEAD names, or null while the repository has no such branch. */
export async function mainBranch(
  git: GitRepositories,
  repository: Repository,
): Promise<Ref | undefined> {
  return findRef(git, repository, 'branch', await headName(git, repository));
}

async function headName(git: GitRepositories, repository: Repository): Promise<string> {
  const head = await readFile(join(git.path(repository), 'HEAD'), 'utf8');
  return head.trim().slice(`ref: ${prefixes.branch}`.length);
}

/** Bitbucket makes the first branch that arrives the main branch, whatever it is called. */
export async function adoptMainBranch(
  git: GitRepositories,
  repository: Repository,
  refs: readonly Ref[],
  changes: readonly RefChange[],
): Promise<void> {
  const head = await headName(git, repository);
  if (refs.some((ref) => ref.type === 'branch' && ref.name === head)) return;
  const created = changes.filter((c) => c.type === 'branch' && c.new).map((c) => c.name);
  const choice = created.find((name) => name === 'main' || name === 'master') ?? created[0];
  if (choice === undefined) return;
  await git.run(repository, ['symbolic-ref', 'HEAD', fullRefName('branch', choice)]);
}

/**
 * A commit from what callers may write: a hash (also shortened), a branch or a tag. Nothing
 * else of git's revision syntax is understood, as on Bitbucket.
 */
export async function resolveCommit(
  git: GitRepositories,
  repository: Repository,
  revision: string,
): Promise<string | undefined> {
  if (!/^[0-9a-f]{40}$/.test(revision)) {
    const ref =
      (await findRef(git, repository, 'branch', revision)) ??
      (await findRef(git, repository, 'tag', revision));
    if (ref) return ref.commit;
  }
  if (!/^[0-9a-f]{4,40}$/i.test(revision)) return undefined;
  const args = ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`];
  try {
    return (await git.text(repository, args)).trim() || undefined;
  } catch {
    return undefined;
  }
}
