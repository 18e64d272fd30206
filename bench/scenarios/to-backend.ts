import { startFakeBitbucket } from '../lib/fake-bitbucket.js';
import { assertClean, burst, openLoop } from '../lib/load.js';
import { freePort, pause, tempFolder, until } from '../lib/process.js';
import { Pushes, repos } from '../lib/pushes.js';
import { Receiver } from '../lib/receiver.js';
import { say, type Report } from '../lib/report.js';
import { seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';
import { percentile, spread } from '../lib/stats.js';

const perSecond = 200;

/**
 * From the moment a push is sent to the moment its deploy request arrives, both seen from outside. One target a repository, no
 * path filter, clone tokens in the cache. Each lane is idle again when its next push comes.
 */
export async function benchToBackend(
  { rounds, seconds }: { rounds: number; seconds: number },
  report: Report,
): Promise<void> {
  say(`push to backend at ${perSecond}/s`);
  const heads = new Map<string, Map<string, string>>();
  const bitbucket = await startFakeBitbucket(heads);
  const receiver = new Receiver(await freePort());
  await receiver.up();
  const over = repos(1000, 'lane');
  const dataDir = tempFolder('to-backend');
  await seed(dataDir, [{ repos: over, branchPattern: 'main', receiver: receiver.url }]);
  const server = await startSlipway({ name: 'to-backend', dataDir, bitbucket });
  const pushes = new Pushes({ kind: 'connect', path: '/connect/events' }, over, ['main'], heads);
  const { port } = server;

  // One push a repository: a token each, and every statement and code path has been used.
  assertClean('warm up', await burst({ port, connections: 4, count: 1000, next: pushes.next }));
  // Two statuses a deployment: when all are written, nothing is left to do.
  await until(() => (bitbucket.calls['status'] ?? 0) >= 2000, 60_000);
  await pause(500);

  const p50s: number[] = [];
  const p99s: number[] = [];
  /** Of a push with everything that follows from it, the build statuses included. */
  const cpuMs: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const sentAt = new Map<string, number>();
    const waited: number[] = [];
    pushes.onPush = (commit) => sentAt.set(commit, performance.now());
    receiver.onAsked = ({ commit, at }) => {
      const sent = sentAt.get(commit);
      if (sent !== undefined) waited.push(at - sent);
    };
    const cpuBefore = server.cpuMs();
    const load = await openLoop({ port, connections: 32, perSecond, seconds, next: pushes.next });
    assertClean('push to backend', load);
    const all = perSecond * seconds;
    const arrived = await until(() => waited.length >= all, 30_000);
    if (!arrived) report.note(`push to backend: only ${waited.length} of ${all} were asked for.`);
    waited.sort((a, b) => a - b);
    p50s.push(arrived ? percentile(waited, 50) : Number.NaN);
    p99s.push(arrived ? percentile(waited, 99) : Number.NaN);
    say(`  round ${round}: p50 ${p50s.at(-1)?.toFixed(1)} ms, p99 ${p99s.at(-1)?.toFixed(1)} ms`);
    const { calls } = bitbucket;
    await until(() => (calls['status'] ?? 0) >= 2 * receiver.asked.length, 30_000);
    cpuMs.push((server.cpuMs() - cpuBefore) / all);
  }
  const line = (figure: string, values: number[], goal: number): void => {
    const { median, min, max } = spread(values);
    const bounds = { unit: 'ms', better: 'less', goal, floor: 2 * goal } as const;
    report.check({ figure, value: median, min, max, ...bounds });
  };
  line('push → backend called at 200/s, p50', p50s, 5);
  line('push → backend called at 200/s, p99', p99s, 25);
  report.figures['push to backend'] = {
    p50: spread(p50s),
    p99: spread(p99s),
    cpuMsAPush: spread(cpuMs),
  };
  await server.stop();
  await receiver.down();
  await bitbucket.close();
}
