import { join } from 'node:path';
import { installPeers, versions } from './lib/peers.js';
import { benchFolder, cleanUp } from './lib/process.js';
import { Report, say } from './lib/report.js';
import { benchCluster } from './scenarios/cluster.js';
import { benchCrowd } from './scenarios/crowd.js';
import { benchIntake } from './scenarios/intake.js';
import { benchOneBranch } from './scenarios/one-branch.js';
import { benchPanel } from './scenarios/panel.js';
import { benchSlowDisk } from './scenarios/slow-disk.js';
import { benchToBackend } from './scenarios/to-backend.js';

/**
 * `npm run bench`: bench/README.md says what is measured and how to read it. `--quick` is for working on the bench itself: its
 * figures mean nothing. `--only a,b` runs some scenarios.
 */
const quick = process.argv.includes('--quick');
const onlyAt = process.argv.indexOf('--only');
const only = onlyAt < 0 ? null : (process.argv[onlyAt + 1] ?? '').split(',');

const effort = quick
  ? { rounds: 1, warmUpMs: 200, measureMs: 700 }
  : { rounds: 3, warmUpMs: 500, measureMs: 2_500 };
const report = new Report();
const scenarios: Record<string, () => Promise<void>> = {
  intake: () => benchIntake(effort, report),
  'slow-disk': () => benchSlowDisk(effort, report),
  'to-backend': () => benchToBackend({ rounds: effort.rounds, seconds: quick ? 3 : 8 }, report),
  'one-branch': () => benchOneBranch(report),
  crowd: () => benchCrowd(quick ? 2_000 : 8_000, report),
  cluster: () => benchCluster(effort, report),
  panel: () => benchPanel(quick ? 500 : 10_000, quick ? 5 : 50, report),
};

const startedAt = performance.now();
let isFine = false;
try {
  if (quick) report.note('--quick: too short to be believed.');
  installPeers();
  for (const [name, run] of Object.entries(scenarios)) {
    if (!only || only.includes(name)) await run();
  }
  isFine = report.finish(join(benchFolder, 'results.json'), versions());
  say(`\nbench: ${Math.round((performance.now() - startedAt) / 1000)} s`);
} catch (error) {
  say(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
} finally {
  await cleanUp();
}
process.exit(isFine ? 0 : 1);
