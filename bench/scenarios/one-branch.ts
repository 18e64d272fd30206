import { startFakeBitbucket } from '../lib/fake-bitbucket.js';
import { assertClean, burst } from '../lib/load.js';
import { freePort, pause, tempFolder, until } from '../lib/process.js';
import { Pushes, repos } from '../lib/pushes.js';
import { Receiver } from '../lib/receiver.js';
import { say, type Report } from '../lib/report.js';
import { seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';

const count = 1000;

/**
 * A thousand pushes to one branch while a deploy of it runs: exactly one more, of the newest commit. In order over one
 * connection, and then sixteen at a time, where some overtake each other and Bitbucket's head has to decide.
 */
export async function benchOneBranch(report: Report): Promise<void> {
  say(`${count} pushes to one branch during one deploy`);
  const heads = new Map<string, Map<string, string>>();
  const bitbucket = await startFakeBitbucket(heads);
  const receiver = new Receiver(await freePort());
  receiver.mode = 'hold';
  await receiver.up();
  const dataDir = tempFolder('one-branch');
  const families = { 'in order': repos(1, 'ordered'), 'sixteen at a time': repos(1, 'crowded') };
  const over = Object.values(families).flat();
  await seed(dataDir, [{ repos: over, branchPattern: 'main', receiver: receiver.url }]);
  const server = await startSlipway({ name: 'one-branch', dataDir, bitbucket });
  const { port } = server;

  for (const [way, [repo]] of Object.entries(families)) {
    if (!repo) continue;
    receiver.asked.length = 0;
    const carrier = { kind: 'connect', path: '/connect/events' } as const;
    const pushes = new Pushes(carrier, [repo], ['main'], heads);
    assertClean('first', await burst({ port, connections: 1, count: 1, next: pushes.next }));
    await until(() => receiver.asked.length === 1, 10_000);
    const first = receiver.asked[0];
    const connections = way === 'in order' ? 1 : 16;
    const load = await burst({ port, connections, count, next: sealed(pushes.next) });
    assertClean(way, load);
    const during = receiver.asked.length;
    if (first) await receiver.finish(first);
    await until(() => receiver.asked.length > during, 20_000);
    // Whatever else would be asked for would be asked for now; the second one is let go, too.
    const second = receiver.asked[1];
    if (second) await receiver.finish(second);
    await pause(3_000);
    const newest = heads.get(repo.uuid)?.get('main');
    const isRight = during === 1 && receiver.asked.at(-1)?.commit === newest;
    report.check({
      figure: `${count} pushes to one branch during a deploy, ${way}: more deploys`,
      value: isRight ? receiver.asked.length - 1 : Number.NaN,
      unit: '(newest)',
      better: 'less',
      goal: 1,
      floor: 1,
    });
    if (!isRight) report.note(`${way}: asked ${during} during, newest deployed: ${isRight}`);
    report.figures[`one branch, ${way}`] = {
      deploys: receiver.asked.length,
      pushesPerSecond: load.perSecond,
      headsAsked: bitbucket.calls['head'] ?? 0,
    };
  }
  await server.stop();
  await receiver.down();
  await bitbucket.close();
}

/** One branch over many connections: the template is used again before it is answered, so each push gets its own bytes. */
function sealed(next: () => Buffer): () => Buffer {
  return () => Buffer.from(next());
}
