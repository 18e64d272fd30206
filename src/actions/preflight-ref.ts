import type { Repository, Rule } from '../core/model/index.js';
import type { Bitbucket } from '../core/ports.js';
import type { PreflightStep } from '../core/preflight.js';
import { branchToDeploy } from '../core/routing/branch-to-deploy.js';
import { bitbucketTrouble } from './preflight-words.js';

export interface RefDeps {
  bitbucket: Pick<Bitbucket, 'head' | 'branches' | 'tags'>;
  matches: (patterns: string, name: string) => boolean;
}

export type RefRule = Pick<Rule, 'branchPattern' | 'tagPattern'>;

export interface CheckedRef {
  step: PreflightStep;
  /** What can be fetched to try the clone; null: nothing that is known of. */
  fetch: { commit: string | null; ref: string } | null;
}

type RefType = 'branch' | 'tag';

/** Where a pattern must be compared with names; the most recently changed ones. */
const namesLookedAt = 100;

/** Reads the ref that the rule deploys first. One that does not exist yet is no failure. */
export async function checkRef(
  repository: Repository,
  rule: RefRule,
  deps: RefDeps,
): Promise<CheckedRef> {
  const { branchPattern, tagPattern } = rule;
  const plain =
    branchPattern === null ? null : branchToDeploy(branchPattern, repository, deps.matches);
  try {
    const type: RefType = branchPattern === null ? 'tag' : 'branch';
    const pattern = branchPattern ?? tagPattern ?? '';
    const name = plain ?? (await newestMatching(type, pattern, repository, deps));
    const head = name === null ? null : await deps.bitbucket.head(repository, type, name);
    if (name !== null && head !== null) {
      const says = `Bitbucket shows ${type} ${name} at ${short(head.hash)}.`;
      return { step: ok(says), fetch: { commit: head.hash, ref: refPath(type, name) } };
    }
    const fetch = await mainBranch(repository, deps);
    const says = notThereYet(type, pattern, name);
    return { step: { id: 'ref', outcome: 'not_there_yet', says, fix: null }, fetch };
  } catch (error) {
    const step: PreflightStep = { id: 'ref', ...bitbucketTrouble(error) };
    const ref = plain === null ? null : refPath('branch', plain);
    return { step, fetch: ref === null ? null : { commit: null, ref } };
  }
}

async function newestMatching(
  type: RefType,
  pattern: string,
  repository: Repository,
  { bitbucket, matches }: RefDeps,
): Promise<string | null> {
  const names =
    type === 'tag'
      ? await bitbucket.tags(repository, namesLookedAt)
      : await bitbucket.branches(repository, namesLookedAt);
  return names.find((name) => matches(pattern, name)) ?? null;
}

/** Something that can be fetched while the ref itself is not there. */
async function mainBranch(
  repository: Repository,
  { bitbucket }: RefDeps,
): Promise<CheckedRef['fetch']> {
  const name = repository.mainBranch ?? 'main';
  const head = await bitbucket.head(repository, 'branch', name);
  return head && { commit: head.hash, ref: refPath('branch', name) };
}

function notThereYet(type: RefType, pattern: string, name: string | null): string {
  if (name !== null) return `There is no ${type} ${name} yet; it deploys with its first push.`;
  return `No ${type} matches ${pattern} yet; the first one that is pushed deploys.`;
}

function ok(says: string): PreflightStep {
  return { id: 'ref', outcome: 'ok', says, fix: null };
}

function refPath(type: RefType, name: string): string {
  return `refs/${type === 'tag' ? 'tags' : 'heads'}/${name}`;
}

function short(commit: string): string {
  return commit.slice(0, 7);
}
