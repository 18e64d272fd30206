import { startFakeBitbucket } from '../lib/fake-bitbucket.js';
import { assertClean, burst, closedLoop, type LoadResult } from '../lib/load.js';
import { freePort, serverArgs, start, tempFolder, type Running } from '../lib/process.js';
import { Pushes, repos, type Carrier } from '../lib/pushes.js';
import { Receiver } from '../lib/receiver.js';
import { figureOf, print, ratio, say, shown, table, type Report } from '../lib/report.js';
import { hookIdOf, seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';
import { median, spread } from '../lib/stats.js';

export interface Effort {
  rounds: number;
  warmUpMs: number;
  measureMs: number;
}

interface Contender {
  name: string;
  server: Running;
  pushes: Pushes;
  /** What it says when all is well. */
  expect: number;
}

const connectionCounts = [1, 16, 64] as const;
/** More than anything here that verifies a signature answers in one go. */
const signedAhead = 45_000;
const branches = ['main', 'develop', 'feature/a', 'feature/b', 'feature/c'];

/** Every kind of webhook server beside the others, round by round: A B C, A B C, A B C. */
export async function benchIntake(effort: Effort, report: Report): Promise<void> {
  say('intake: starting servers');
  const heads = new Map<string, Map<string, string>>();
  const bitbucket = await startFakeBitbucket(heads);
  const receiver = new Receiver(await freePort());
  receiver.mode = 'hold';
  await receiver.up();
  const quietRepos = repos(200, 'quiet');
  const busyRepos = repos(200, 'busy');
  const shippedData = tempFolder('shipped');
  const hookedData = tempFolder('hooked');
  const busyData = tempFolder('busy');
  const quiet = { repos: quietRepos, branchPattern: 'release/*', receiver: receiver.url };
  const busy = { repos: busyRepos, branchPattern: '**', receiver: receiver.url };
  await seed(shippedData, [quiet]);
  await seed(hookedData, [quiet]);
  await seed(busyData, [busy]);

  const servers = {
    raw: await start({ name: 'raw', args: serverArgs('raw', 'read') }),
    check: await start({ name: 'raw+hmac+parse', args: serverArgs('raw', 'check') }),
    ace: await start({ name: 'ace', args: serverArgs('ace', 'sequelize') }),
    aceMap: await start({ name: 'ace-map', args: serverArgs('ace', 'map') }),
    probot: await start({ name: 'probot', args: serverArgs('probot') }),
    shipped: await startSlipway({
      name: 'slipway',
      dataDir: shippedData,
      bitbucket,
    }),
    hooked: await startSlipway({
      name: 'slipway-hook',
      dataDir: hookedData,
      bitbucket,
    }),
    busy: await startSlipway({
      name: 'slipway-busy',
      dataDir: busyData,
      bitbucket,
    }),
  };
  const hook: Carrier = { kind: 'hmac', path: '/hooks/bench-hook' };
  const ownHooks: Carrier = { kind: 'hmac', path: ({ slug }) => `/hooks/${hookIdOf(slug)}` };
  const hooks: Carrier = { kind: 'hmac', path: '/hooks' };
  const events: Carrier = { kind: 'connect', path: '/connect/events' };
  const webhook: Carrier = { kind: 'connect', path: '/webhook' };
  const contender = (
    name: string,
    server: Running,
    carrier: Carrier,
    over = quietRepos,
    known?: typeof heads,
  ): Contender => ({
    name,
    server,
    pushes: new Pushes(carrier, over, branches, known),
    expect: 204,
  });
  const contenders = {
    raw: contender('node:http, reads and answers', servers.raw, hook),
    check: contender('node:http + HMAC + parse', servers.check, hook),
    ace: contender('atlassian-connect-express', servers.ace, webhook),
    aceMap: contender('atlassian-connect-express, Map as store', servers.aceMap, webhook),
    probot: { ...contender('Probot', servers.probot, hooks), expect: 200 },
    connect: contender('Slipway, Connect JWT', servers.shipped, events),
    signed: contender('Slipway, signed webhook', servers.hooked, ownHooks),
    busy: contender('Slipway, Connect JWT, lanes busy', servers.busy, events, busyRepos, heads),
  };
  const all = Object.entries(contenders);

  // Every lane gets a deployment that never ends by itself: from here on each push has to supersede and to wait.
  for (const [name, { server, pushes, expect }] of all) {
    const { port } = server;
    const warm = await burst({
      port,
      connections: 8,
      count: pushes.chains,
      next: pushes.next,
      expect,
    });
    assertClean(name, warm);
  }
  const results = new Map<string, LoadResult[]>();
  /** Processor time a push: the one figure that a busy neighbour hardly moves. */
  const cpu = new Map<string, number[]>();
  for (let round = 1; round <= effort.rounds; round += 1) {
    for (const connections of connectionCounts) {
      for (const [key, { name, server, pushes, expect }] of all) {
        const { port } = server;
        const load = { port, connections, next: pushes.next, expect };
        pushes.signAhead(signedAhead);
        const before = server.cpuMs();
        const result = await closedLoop({ ...load, ...effort });
        const cpuUs = ((server.cpuMs() - before) * 1000) / result.all;
        cpu.set(`${key} ${connections}`, [...(cpu.get(`${key} ${connections}`) ?? []), cpuUs]);
        assertClean(name, result);
        const list = results.get(`${key} ${connections}`) ?? [];
        results.set(`${key} ${connections}`, [...list, result]);
        say(
          `  round ${round}, ${connections} connections, ${name}: ${shown(result.perSecond)}/s, p99 ${shown(result.p99)} ms`,
        );
      }
    }
  }
  const of = (key: keyof typeof contenders, connections = 64): LoadResult[] =>
    results.get(`${key} ${connections}`) ?? [];

  const rows = all.map(([key, { name }]) => [
    name,
    ...connectionCounts.flatMap((connections) => {
      const { perSecond, p99 } = figureOf(of(key as keyof typeof contenders, connections));
      return [
        `${shown(perSecond.median)} (${shown(perSecond.min)}–${shown(perSecond.max)})`,
        shown(p99.median),
      ];
    }),
    shown(median(cpu.get(`${key} 64`) ?? [])),
  ]);
  const titles = connectionCounts.flatMap((count) => [`${count} conn., req/s`, 'p99 ms']);
  print(
    `\nIntake, ${contenders.connect.pushes.bodyBytes} bytes a push, median of ${effort.rounds}`,
  );
  print(table(['server', ...titles, 'CPU µs a push'], rows));
  report.figures['intake'] = Object.fromEntries(
    all.map(([key, { name }]) => [
      name,
      Object.fromEntries(
        connectionCounts.map((count) => [
          count,
          figureOf(of(key as keyof typeof contenders, count)),
        ]),
      ),
    ]),
  );

  const against = (
    figure: string,
    { median: value, min, max }: ReturnType<typeof ratio>,
    bounds: { better: 'more' | 'less'; goal: number; floor: number; note?: string },
  ): void => report.check({ figure, value, min, max, unit: '×', ...bounds });
  against('intake / atlassian-connect-express', ratio(of('connect'), of('ace'), 'perSecond'), {
    better: 'more',
    goal: 5,
    floor: 3,
  });
  against('intake, signed webhook / HMAC + parse', ratio(of('signed'), of('check'), 'perSecond'), {
    better: 'more',
    goal: 0.6,
    floor: 0.5,
  });
  against('p99 / atlassian-connect-express', ratio(of('connect'), of('ace'), 'p99'), {
    better: 'less',
    goal: 1 / 3,
    floor: 1 / 2,
  });
  report.figures['cpu µs a push, 64 connections'] = Object.fromEntries(
    all.map(([key, { name }]) => [name, spread(cpu.get(`${key} 64`) ?? [])]),
  );
  report.figures['lanes busy / lanes idle'] = ratio(of('busy'), of('connect'), 'perSecond');
  report.figures['intake / atlassian-connect-express, Map as store'] = ratio(
    of('connect'),
    of('aceMap'),
    'perSecond',
  );
  report.figures['intake / Probot'] = ratio(of('signed'), of('probot'), 'perSecond');

  await Promise.all(Object.values(servers).map((server) => server.stop()));
  await receiver.down();
  await bitbucket.close();
}
