import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { clusterChaos } from './cluster.js';
import { isClean, type Verdict } from './support/judge.js';
import { printVerdict } from './support/report.js';
import { Run } from './support/run.js';

/**
 * `npm run test:chaos -- --rounds N [--seed S] [--through-sandbox]`: Slipway is killed with SIGKILL in every round, at each
 * boundary of design.md §2 in turn and at random moments, while events come twice, late and in disorder and the backend fails
 * in every way it can. Exit 1 on any loss. Last line: the figures and the seed.
 *
 * With `--cluster` it is about two nodes on one PostgreSQL: `cluster.ts`.
 *
 * The seed decides what is pushed, what befalls it and when it is killed; what the processes do in between is theirs.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    'through-sandbox': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '300' },
    rate: { type: 'string', default: '100' },
  },
});
if (values.cluster) {
  const { seed, keep, seconds, rate } = values;
  const wish = { seed, keep, seconds: Number(seconds), rate: Number(rate) };
  process.exit(await clusterChaos(wish, (line) => console.log(line)));
}
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a number above 0');

const run = new Run({
  rounds,
  seed: values.seed,
  throughSandbox: values['through-sandbox'],
  say: (line) => console.log(line),
});
console.log(`chaos: ${rounds} rounds, seed ${values.seed}`);
let verdict: Verdict | null = null;
try {
  await run.setUp();
  await run.rounds();
  await run.settle();
  verdict = await run.judge();
} finally {
  await run.finish().catch(() => undefined);
  await run.close(values.keep || verdict === null || !isClean(verdict));
}
process.exitCode = report(verdict);

function report(found: Verdict): 0 | 1 {
  const counts = printVerdict(found, (line) => console.log(line));
  const { met, ...figures } = run.figures;
  const isGood = isClean(found) && figures.refused === 0 && figures.ackedAtTheEnd > 0;
  console.log(`boundaries: ${JSON.stringify(met)}`);
  console.log(
    `chaos ${isGood ? 'ok' : 'FAILED'}: ${JSON.stringify({ ...counts, ...found.figures, ...figures })}`,
  );
  return isGood ? 0 : 1;
}
