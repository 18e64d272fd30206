import jwt from 'jsonwebtoken';
import { queryStringHash } from '../../src/sandbox/connect/qsh.js';
import { startFakeBitbucket } from '../lib/fake-bitbucket.js';
import { fillHistory } from '../lib/fill-history.js';
import { tempFolder } from '../lib/process.js';
import { repos, tenant, type Repo } from '../lib/pushes.js';
import { say, type Report } from '../lib/report.js';
import { seed } from '../lib/seed.js';
import { startSlipway } from '../lib/slipway.js';
import { median, spread } from '../lib/stats.js';

const viewer = '{2f1e9a10-2222-4bbb-8ccc-abcdefabcdef}';

/** What the page shows, and choices that find little or nothing, so that everything has to be looked through. */
const choices: Record<string, string> = {
  'first view': '',
  'failed ones': '&state=failed',
  'one person': '&person=Ada+Lovelace',
  'nothing fits': '&branch=release%2F1&person=Nobody&state=stopped',
};

/**
 * The server's part of opening the panel: a repository with `stored` pushes and deployments, beside one with a single page of them and
 * an empty one, in turns. Signed as Bitbucket signs the frame's address; no answer of Bitbucket's is waited for but cached ones.
 */
export async function benchPanel(stored: number, times: number, report: Report): Promise<void> {
  say(`the panel's first view with ${stored} deployments`);
  const bitbucket = await startFakeBitbucket(new Map());
  const dataDir = tempFolder('panel');
  const [empty, small, full] = repos(3, 'panel');
  if (!empty || !small || !full) throw new Error('three repositories are needed');
  const all = [empty, small, full];
  await seed(dataDir, [{ repos: all, branchPattern: '**', receiver: 'http://127.0.0.1:9' }]);
  await fillHistory(dataDir, small, 30);
  await fillHistory(dataDir, full, stored);
  const server = await startSlipway({ name: 'panel', dataDir, bitbucket });
  for (const [choice, query] of Object.entries(choices)) {
    const took = new Map<Repo, number[]>(all.map((repo) => [repo, []]));
    for (let round = -5; round < times; round += 1) {
      for (const repo of all) {
        const ms = await open(server.port, repo, query);
        if (round >= 0) took.get(repo)?.push(ms);
      }
    }
    const of = (repo: Repo): number => median(took.get(repo) ?? []);
    report.figures[`panel, ${choice}`] = {
      full: spread(took.get(full) ?? []),
      small: spread(took.get(small) ?? []),
      empty: spread(took.get(empty) ?? []),
    };
    const figure = `panel, ${choice}, ${stored} deployments`;
    if (choice === 'first view') {
      report.check({
        figure: `${figure}, against one page of them`,
        ...{ value: of(full) / of(small), unit: '×', better: 'less', goal: 1.5, floor: 3 },
      });
      report.check({
        figure: `${figure}, against an empty repository`,
        ...{ value: of(full) / of(empty), unit: '×', better: 'less', goal: 3, floor: 6 },
      });
    }
    report.check({
      figure,
      ...{ value: of(full), unit: 'ms', better: 'less', goal: 100, floor: 200 },
    });
  }
  await server.stop();
  await bitbucket.close();
}

async function open(port: number, repo: Repo, more: string): Promise<number> {
  const query = new URLSearchParams({
    workspaceUuid: tenant.workspaceUuid,
    ...{ repoUuid: repo.uuid, userUuid: viewer },
  });
  const path = `/panel/repository?${query.toString()}${more}`;
  const iat = Math.floor(Date.now() / 1000);
  const { clientKey, sharedSecret } = tenant;
  const token = jwt.sign(
    { iss: clientKey, aud: clientKey, iat, exp: iat + 180, qsh: queryStringHash('GET', path) },
    sharedSecret,
  );
  const startedAt = performance.now();
  const answer = await fetch(`http://127.0.0.1:${port}${path}&jwt=${token}`);
  const html = await answer.text();
  const ms = performance.now() - startedAt;
  if (answer.status !== 200 || !html.includes('data-target-card')) {
    throw new Error(`the panel answered ${answer.status}: ${html.slice(0, 300)}`);
  }
  return ms;
}
