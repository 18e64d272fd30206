import { join } from 'node:path';
import { versions } from './lib/peers.js';
import { benchFolder, cleanUp } from './lib/process.js';
import { Report, say } from './lib/report.js';
import { benchMillion } from './scenarios/million.js';
import { benchOutage } from './scenarios/outage.js';

/** `npm run bench:long`: about half an hour and 10 GB of disk. `--quick` and `--only` as in run.ts. */
const quick = process.argv.includes('--quick');
const onlyAt = process.argv.indexOf('--only');
const only = onlyAt < 0 ? null : (process.argv[onlyAt + 1] ?? '').split(',');

const effort = quick
  ? { rounds: 1, warmUpMs: 300, measureMs: 1_500 }
  : { rounds: 5, warmUpMs: 1_000, measureMs: 5_000 };
const report = new Report();
const scenarios: Record<string, () => Promise<void>> = {
  million: () => benchMillion(quick ? 20_000 : 1_000_000, effort, report),
  outage: () =>
    benchOutage(
      quick ? { beforeSeconds: 5, outageSeconds: 10 } : { beforeSeconds: 60, outageSeconds: 600 },
      report,
    ),
};

let isFine = false;
try {
  if (quick) report.note('--quick: too short to be believed.');
  for (const [name, run] of Object.entries(scenarios)) {
    if (!only || only.includes(name)) await run();
  }
  isFine = report.finish(join(benchFolder, 'results-long.json'), versions());
} catch (error) {
  say(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
} finally {
  await cleanUp();
}
process.exit(isFine ? 0 : 1);
