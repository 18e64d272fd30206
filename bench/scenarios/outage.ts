import { startFakeBitbucket } from '../lib/fake-bitbucket.js';
import { assertClean, burst, openLoop } from '../lib/load.js';
import { freePort, pause, tempFolder, until } from '../lib/process.js';
import { Pushes, repos } from '../lib/pushes.js';
import { Receiver } from '../lib/receiver.js';
import { say, shown, type Report } from '../lib/report.js';
import { seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';

const perSecond = 300;
const lanes = 1000;

/**
 * The backend refuses connections while pushes go on: memory must not grow with what waits, intake must not suffer, and once the
 * backend is back, the newest commit of every lane must reach it soon.
 */
export async function benchOutage(
  { beforeSeconds, outageSeconds }: { beforeSeconds: number; outageSeconds: number },
  report: Report,
): Promise<void> {
  const minutes = outageSeconds / 60;
  say(`backend down for ${shown(minutes)} min at ${perSecond}/s over ${lanes} lanes`);
  const heads = new Map<string, Map<string, string>>();
  const bitbucket = await startFakeBitbucket(heads);
  const receiver = new Receiver(await freePort());
  await receiver.up();
  const over = repos(lanes, 'outage');
  const dataDir = tempFolder('outage');
  await seed(dataDir, [{ repos: over, branchPattern: 'main', receiver: receiver.url }]);
  const server = await startSlipway({ name: 'outage', dataDir, bitbucket });
  const { port } = server;
  const pushes = new Pushes({ kind: 'connect', path: '/connect/events' }, over, ['main'], heads);
  const load = { port, connections: 64, perSecond, next: pushes.next };
  assertClean('warm up', await burst({ ...load, count: lanes }));

  const before = await openLoop({ ...load, seconds: beforeSeconds });
  assertClean('before', before);
  await pause(1_000);
  await receiver.down();
  const memory = [server.memoryMb()];
  const during = await openLoop({
    ...load,
    seconds: outageSeconds,
    onSecond: () => {
      memory.push(server.memoryMb());
      if (memory.length % 30 === 0) say(`  ${memory.length} s: ${shown(memory.at(-1) ?? 0)} MB`);
    },
  });
  assertClean('during', during);

  receiver.asked.length = 0;
  const served = new Set<string>();
  const newest = new Set(over.map(({ uuid }) => heads.get(uuid)?.get('main')));
  receiver.onAsked = ({ commit }) => {
    if (newest.has(commit)) served.add(commit);
  };
  const back = performance.now();
  await receiver.up();
  const isDrained = await until(() => served.size === lanes, 300_000);
  const drainedIn = isDrained ? (performance.now() - back) / 1000 : Number.NaN;
  if (!isDrained) report.note(`outage: ${served.size} of ${lanes} lanes were served.`);

  const bounds = { better: 'less' } as const;
  report.check({
    ...{ ...bounds, figure: 'outage: memory growth', unit: 'MB', goal: 100, floor: 100 },
    value: Math.max(...memory) - (memory[0] ?? Number.NaN),
  });
  report.check({
    ...{ ...bounds, figure: 'outage: intake p99 / before', unit: '×', goal: 2, floor: 2 },
    value: during.p99 / before.p99,
  });
  report.check({
    ...{ ...bounds, figure: 'outage: drained after its return', unit: 's', goal: 60, floor: 300 },
    value: drainedIn,
  });
  report.figures['outage'] = {
    pushes: during.ok,
    p99Before: before.p99,
    p99During: during.p99,
    memoryMb: { start: memory[0], highest: Math.max(...memory), end: memory.at(-1) },
    callsAfterReturn: receiver.asked.length,
    drainedIn,
  };
  await server.stop();
  await receiver.down();
  await bitbucket.close();
}
