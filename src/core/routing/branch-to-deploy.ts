import type { Repository } from '../model/index.js';

/**
 * The branch that stands for a rule: the first plain name among its patterns, else the main branch where it matches; null:
 * neither.
 */
export function branchToDeploy(
  patterns: string,
  repository: Pick<Repository, 'mainBranch'>,
  matches: (patterns: string, name: string) => boolean,
): string | null {
  const names = patterns.split(',').map((one) => one.trim());
  const plain = names.find((one) => one !== '' && !/[*?[\]{}!()@+]/.test(one));
  if (plain !== undefined) return plain;
  const main = repository.mainBranch ?? 'main';
  return matches(patterns, main) ? main : null;
}
