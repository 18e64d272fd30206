import { statSync } from 'node:fs';
import { startFakeBitbucket } from '../lib/fake-bitbucket.js';
import { assertClean, burst, closedLoop, type LoadResult } from '../lib/load.js';
import { fill } from '../lib/fill.js';
import { tempFolder } from '../lib/process.js';
import { Pushes, repos } from '../lib/pushes.js';
import { figureOf, ratio, say, shown, type Report } from '../lib/report.js';
import { databaseFile, seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';
import type { Effort } from './intake.js';

/** The same intake beside itself: one database is new, the other has kept a million events. */
export async function benchMillion(count: number, effort: Effort, report: Report): Promise<void> {
  say(`${count} stored events against an empty database`);
  const over = repos(200, 'million');
  const bitbucket = await startFakeBitbucket(new Map());
  const folders = { empty: tempFolder('empty'), full: tempFolder('full') };
  const target = { repos: over, branchPattern: 'release/*', receiver: bitbucket.url };
  await seed(folders.empty, [target]);
  await seed(folders.full, [target]);
  await fill(folders.full, over, count, 0);
  say(`  ${shown(statSync(databaseFile(folders.full)).size / 1e9)} GB`);

  const carrier = { kind: 'connect', path: '/connect/events' } as const;
  const branches = ['main', 'develop', 'feature/a', 'feature/b', 'feature/c'];
  const results: Record<keyof typeof folders, LoadResult[]> = { empty: [], full: [] };
  const start = async (name: keyof typeof folders) => ({
    server: await startSlipway({ name, dataDir: folders[name], bitbucket }),
    pushes: new Pushes(carrier, over, branches),
  });
  const sides = { empty: await start('empty'), full: await start('full') };
  for (const { server, pushes } of Object.values(sides)) {
    const load = { port: server.port, connections: 8, count: pushes.chains, next: pushes.next };
    assertClean('warm up', await burst(load));
  }
  for (let round = 1; round <= effort.rounds; round += 1) {
    for (const name of ['empty', 'full'] as const) {
      const { server, pushes } = sides[name];
      const load = { port: server.port, connections: 64, next: pushes.next, ...effort };
      const result = await closedLoop(load);
      assertClean(name, result);
      results[name].push(result);
      say(`  round ${round}, ${name}: ${shown(result.perSecond)}/s, p99 ${shown(result.p99)} ms`);
    }
  }
  const { median, min, max } = ratio(results.full, results.empty, 'perSecond');
  report.check({
    figure: `intake with ${count} stored events / empty database`,
    value: median,
    min,
    max,
    unit: '×',
    better: 'more',
    goal: 0.9,
    floor: 0.8,
  });
  report.figures['million'] = { empty: figureOf(results.empty), full: figureOf(results.full) };
  for (const { server } of Object.values(sides)) await server.stop();
  await bitbucket.close();
}
