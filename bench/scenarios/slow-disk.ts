import { startFakeBitbucket } from '../lib/fake-bitbucket.js';
import { assertClean, closedLoop, type LoadResult } from '../lib/load.js';
import { serverArgs, start, tempFolder, type Running } from '../lib/process.js';
import { Pushes, repos, type Carrier } from '../lib/pushes.js';
import { figureOf, ratio, say, shown, type Report } from '../lib/report.js';
import { seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';
import { slowDisk } from '../lib/slow-disk.js';
import type { Effort } from './intake.js';

const bounds = {
  row: { figure: '4 ms disk: intake / one row a transaction', goal: 15, floor: 10 },
  create: { figure: '4 ms disk: intake / Sequelize create', goal: 50, floor: 30 },
} as const;
/** At 45 a second, fewer would be a guess. */
const atLeastMs = 4_000;

/** Where a flush takes 4 ms, group commit is the difference between a server and a queue in front of one. */
export async function benchSlowDisk(effort: Effort, report: Report): Promise<void> {
  say('slow disk: every flush takes 4 ms more');
  const slow = slowDisk();
  if ('missing' in slow) {
    report.note(`SLOW DISK NOT MEASURED: ${slow.missing}.`);
    for (const bound of Object.values(bounds)) {
      report.check({ ...bound, value: null, unit: '×', better: 'more' });
    }
    return;
  }
  const { env } = slow;
  const over = repos(200, 'slow');
  const bitbucket = await startFakeBitbucket(new Map());
  const dataDir = tempFolder('slow-slipway');
  await seed(dataDir, [{ repos: over, branchPattern: 'release/*', receiver: bitbucket.url }]);
  const oneRow = (kind: string): Promise<Running> =>
    start({ name: kind, args: serverArgs('one-row', kind, tempFolder(`slow-${kind}`)), env });
  const servers = {
    slipway: await startSlipway({ name: 'slipway', dataDir, bitbucket, env }),
    row: await oneRow('sqlite3'),
    create: await oneRow('sequelize'),
  };
  const hook: Carrier = { kind: 'hmac', path: '/hooks' };
  const events: Carrier = { kind: 'connect', path: '/connect/events' };
  const pushes = {
    slipway: new Pushes(events, over, ['main', 'develop']),
    row: new Pushes(hook, over, ['main', 'develop']),
    create: new Pushes(hook, over, ['main', 'develop']),
  };
  const results: Record<keyof typeof servers, LoadResult[]> = { slipway: [], row: [], create: [] };
  for (let round = 1; round <= effort.rounds; round += 1) {
    for (const key of ['slipway', 'row', 'create'] as const) {
      const result = await closedLoop({
        port: servers[key].port,
        connections: 64,
        next: pushes[key].next,
        warmUpMs: effort.warmUpMs,
        measureMs: Math.max(effort.measureMs, key === 'slipway' ? 0 : atLeastMs),
      });
      assertClean(`slow disk, ${key}`, result);
      results[key].push(result);
      say(`  round ${round}, ${key}: ${shown(result.perSecond)}/s, p99 ${shown(result.p99)} ms`);
    }
  }
  for (const key of ['row', 'create'] as const) {
    const { median, min, max } = ratio(results.slipway, results[key], 'perSecond');
    report.check({ ...bounds[key], value: median, min, max, unit: '×', better: 'more' });
  }
  report.figures['slow disk'] = {
    'Slipway, Connect JWT': figureOf(results.slipway),
    'sqlite3, one row a transaction': figureOf(results.row),
    'Sequelize create, defaults': figureOf(results.create),
  };
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  await bitbucket.close();
}
