import type { Verdict } from './judge.js';

/** Every finding in a line of its own; returns how many there are of each kind. */
export function printVerdict(verdict: Verdict, say: (line: string) => void): object {
  const { lost, double, olderOverNewer, withoutEnd, withoutDecision } = verdict;
  const lists = Object.entries({ lost, double, olderOverNewer, withoutEnd, withoutDecision });
  for (const [name, sentences] of lists) {
    for (const sentence of sentences) say(`${name}: ${sentence}`);
  }
  return Object.fromEntries(lists.map(([name, sentences]) => [name, sentences.length]));
}
