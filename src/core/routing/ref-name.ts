import type { RefChange } from '../model/index.js';

/** Far beyond what git can keep as one file name, and within what an index of PostgreSQL takes (2,704 bytes a row). */
export const longestRefName = 700;
const keptStart = 600;

/**
 * A name that is too long to be found again is kept by its beginning and its digest: the push is recorded like any other, so
 * that what came with it is, too.
 */
export function withKeptNames(
  changes: readonly RefChange[],
  digest: (text: string) => string,
): readonly RefChange[] {
  if (changes.every(({ name }) => name.length <= longestRefName)) return changes;
  return changes.map((change) => {
    const { name } = change;
    if (name.length <= longestRefName) return change;
    return { ...change, name: `${name.slice(0, keptStart)}…${digest(name)}` };
  });
}
