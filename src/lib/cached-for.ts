import { isWithin } from './is-within.js';

/**
 * Remembers the answers of an asynchronous question for a while. Questions under way are shared; failures are not kept.
 *
 * @param lifeMs how long an answer counts, ms
 */
export function cachedFor<Args extends readonly unknown[], Answer>(
  lifeMs: number,
  clock: () => number,
  ask: (...args: Args) => Promise<Answer>,
  options: { key: (...args: Args) => string; maxEntries?: number },
): (...args: Args) => Promise<Answer> {
  const entries = new Map<string, { at: number; answer: Promise<Answer> }>();
  const maxEntries = options.maxEntries ?? 1_000;
  return (...args) => {
    const key = options.key(...args);
    const known = entries.get(key);
    const now = clock();
    if (known && isWithin(lifeMs, { at: known.at, now })) return known.answer;
    if (entries.size >= maxEntries) entries.clear();
    const answer = ask(...args);
    entries.set(key, { at: now, answer });
    answer.catch(() => entries.delete(key));
    return answer;
  };
}
