import sqlite3 from 'sqlite3';
import { startFakeBitbucket } from '../lib/fake-bitbucket.js';
import { fill } from '../lib/fill.js';
import { fillHistory } from '../lib/fill-history.js';
import { burst, closedLoop } from '../lib/load.js';
import { freePort, pause, tempFolder } from '../lib/process.js';
import { connectToken, Pushes, repos, tenant, type Repo } from '../lib/pushes.js';
import { Receiver } from '../lib/receiver.js';
import { say, type Report } from '../lib/report.js';
import { databaseFile, seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';

/** Pushes of branches that are gone, and deployments of each of three repositories; both with what belongs to them. */
const outdated = { pushes: 40_000, deployments: 3_000 };
const dayMs = 24 * 3_600_000;
/** The pruner begins minutes after the start; a clock that leaps ahead two seconds after it makes that now. */
const leap = `let ahead = 0; const now = Date.now; Date.now = () => now() + ahead;
setTimeout(() => { ahead = 15 * 60_000; }, 2_000);`;
const user = '{9d3f4f0e-1111-4a86-a6f0-7f0f0e3f5a11}';

/** 256 pushes under way at a time, beside people who look at list pages and the pruner at work. Nobody may wait for the database. */
export async function benchCrowd(measureMs: number, report: Report): Promise<void> {
  say('256 pushes at a time, beside list pages and pruning');
  const heads = new Map<string, Map<string, string>>();
  const bitbucket = await startFakeBitbucket(heads);
  const receiver = new Receiver(await freePort());
  await receiver.up();
  const over = repos(300, 'crowd');
  const dataDir = tempFolder('crowd');
  await seed(dataDir, [{ repos: over, branchPattern: 'main', receiver: receiver.url }]);
  // Older than anything that is kept, so that the pruner finds work.
  await fill(dataDir, over, outdated.pushes, 120 * dayMs);
  for (const repo of over.slice(0, 3)) {
    await fillHistory(dataDir, repo, outdated.deployments, 120 * dayMs);
  }
  const before = await stored(dataDir);
  const server = await startSlipway({
    name: 'crowd',
    dataDir,
    bitbucket,
    nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(leap)}`],
  });
  const startedAt = performance.now();
  const { port } = server;
  const carrier = { kind: 'connect', path: '/connect/events' } as const;
  const pushes = new Pushes(carrier, over, ['main', 'develop'], heads);
  const first = await burst({ port, connections: 16, count: pushes.chains, next: pushes.next });

  // Sessions live for a quarter of an hour, so they are opened after the leap.
  await pause(Math.max(0, 2_500 - (performance.now() - startedAt)));
  const reader = await pageReader(port, over.slice(0, 8));
  const timing = { warmUpMs: 0, measureMs };
  const [intake, pages] = await Promise.all([
    closedLoop({ port, connections: 256, next: pushes.next, ...timing }),
    closedLoop({ port, connections: 4, next: reader, expect: 200, ...timing }),
  ]);
  const busy = server.log().split('SQLITE_BUSY').length - 1;
  const wrong = [first, intake, pages].flatMap(({ others }) => Object.values(others));
  const exact = { unit: '', better: 'less', goal: 0, floor: 0 } as const;
  report.check({
    figure: '256 at a time beside list pages and pruning: SQLITE_BUSY',
    value: busy,
    ...exact,
  });
  report.check({
    figure: '256 at a time beside list pages and pruning: answers other than 204 and 200',
    value: wrong.reduce((sum, count) => sum + count, 0),
    ...exact,
  });
  report.check({
    figure: '256 at a time beside list pages and pruning: slowest request',
    value: Math.max(first.max, intake.max, pages.max) / 1000,
    unit: 's',
    better: 'less',
    goal: 2,
    floor: 2,
  });
  const figures = {
    pushes: {
      perSecond: intake.perSecond,
      p99: intake.p99,
      max: intake.max,
      others: intake.others,
    },
    pages: { perSecond: pages.perSecond, p99: pages.p99, max: pages.max, others: pages.others },
  };
  await server.stop();
  const after = await stored(dataDir);
  const pruned = {
    deployments: before.deployments - after.deployments,
    pushes: before.pushes - after.pushes,
  };
  report.check({
    figure: '256 at a time beside list pages and pruning: old deployments pruned meanwhile',
    value: pruned.deployments,
    unit: '',
    better: 'more',
    goal: 5_000,
    floor: 1_000,
  });
  report.figures['crowd'] = { ...figures, pruned };
  await receiver.down();
  await bitbucket.close();
}

/** What is old of it. */
async function stored(dataDir: string): Promise<{ deployments: number; pushes: number }> {
  const database = new sqlite3.Database(databaseFile(dataDir));
  const count = (table: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const text = `SELECT count(*) AS n FROM ${table} WHERE created_at < ?`;
      database.get<{ n: number }>(text, [Date.now() - 30 * dayMs], (error, row) =>
        error ? reject(error) : resolve(row.n),
      );
    });
  const counts = { deployments: await count('deployments'), pushes: await count('ref_changes') };
  database.close();
  return counts;
}

/** The panel's list, as its script asks for it every few seconds. */
async function pageReader(port: number, over: readonly Repo[]): Promise<() => Buffer> {
  const requests: Buffer[] = [];
  for (const repo of over) {
    const query = new URLSearchParams({
      workspaceUuid: tenant.workspaceUuid,
      repoUuid: repo.uuid,
      userUuid: user,
    });
    const path = `/panel/repository?${query.toString()}`;
    const token = connectToken('GET', path);
    const page = await fetch(`http://127.0.0.1:${port}${path}&jwt=${token}`);
    const html = await page.text();
    const session = /<meta name="slipway-session" content="([^"]+)"/.exec(html)?.[1];
    if (!session) throw new Error(`the panel answered ${page.status}:\n${html.slice(0, 500)}`);
    requests.push(
      Buffer.from(
        `GET /panel/fragments/deployments HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${session}\r\n\r\n`,
      ),
    );
  }
  let turn = 0;
  return () => {
    turn = (turn + 1) % requests.length;
    return requests[turn] ?? Buffer.alloc(0);
  };
}
