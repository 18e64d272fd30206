import { ClusterRun, type ClusterRunOptions } from './support/cluster-run.js';
import { isClean, type Verdict } from './support/judge.js';
import { printVerdict } from './support/report.js';

/**
 * `npm run test:chaos -- --cluster [--seconds N] [--rate N] [--seed S]`: two nodes on one PostgreSQL under a steady stream of
 * pushes. Nodes are killed, or sleep through their leases; PostgreSQL is stopped for up to two seconds again and again. Exit 1
 * on any loss, and on any answer but 503 to an event while PostgreSQL is down. Last line: the figures and the seed.
 */
export async function clusterChaos(
  options: Pick<ClusterRunOptions, 'seed' | 'seconds' | 'rate'> & { keep: boolean },
  say: (line: string) => void,
): Promise<0 | 1> {
  const { keep, ...rest } = options;
  const run = new ClusterRun({ ...rest, ...fullTrouble, say });
  say(`chaos: two nodes, ${rest.seconds} s at ${rest.rate} pushes/s, seed ${rest.seed}`);
  let verdict: Verdict;
  let isGood = false;
  try {
    await run.setUp();
    await run.play();
    await run.settle();
    verdict = await run.judge();
    isGood = isClean(verdict) && isFine(run);
  } finally {
    await run.close(keep || !isGood);
  }
  const counts = printVerdict(verdict, say);
  const figures = { ...counts, ...verdict.figures, ...run.figures };
  say(`chaos ${isGood ? 'ok' : 'FAILED'}: ${JSON.stringify(figures)}`);
  return isGood ? 0 : 1;
}

/** As the issue wants it, with nodes that die and sleep besides. */
export const fullTrouble = {
  repositories: 30,
  weather: 'wild',
  killEvery: [8, 20],
  outageEvery: [5, 10],
  sleepEvery: [40, 60],
} satisfies Partial<ClusterRunOptions>;

/** Beyond the verdict: while PostgreSQL was down, nothing but 503 was answered, and in the end events are taken. */
export function isFine({ figures }: ClusterRun): boolean {
  const { answeredWhileDown, refused, ackedAtTheEnd } = figures;
  const wrong = Object.keys(answeredWhileDown).filter((name) => !['503', 'none'].includes(name));
  return wrong.length === 0 && refused === 0 && ackedAtTheEnd > 0;
}
