import { createVercelBackend } from '../../../../src/backends/vercel/index.js';
import { repositoryUuid } from '../../../support/engine.js';
import type { Clients, Service } from '../../support/service-bench.js';
import { FakeVercel } from './fake-vercel.js';

export async function openVercel(clients: Clients): Promise<Service & { fake: FakeVercel }> {
  const fake = await new FakeVercel().listen();
  const teamId = 'team_harbour';
  const link = { type: 'bitbucket', productionBranch: 'main', uuid: repositoryUuid };
  const { id } = fake.addProject({ teamId, link });
  return {
    backend: createVercelBackend({ ...clients, vercelUrl: fake.origin }),
    fake,
    settings: { project: id, environment: 'production' },
    connection: { settings: { teamId }, secrets: { token: fake.token } },
    isStart: ({ method, path }) => method === 'POST' && path === '/v13/deployments',
    no: (message) => ({ status: 400, body: { error: { code: 'bad_request', message } } }),
    distrust: { status: 403, body: { error: { code: 'forbidden', message: 'Not authorized' } } },
    know: () => {
      fake.deployments.length = 0;
      fake.deployments.unshift({
        ...{ id: 'dpl_known', projectId: id, url: 'known.vercel.app', readyState: 'BUILDING' },
        ...{ readySubstate: null, target: 'production', createdAt: fake.clock() },
        ...{ errorMessage: null, gitSource: {}, meta: { slipwayDeployment: 'd_1' } },
      });
    },
    forget: () => void (fake.deployments.length = 0),
    headIs: () => undefined,
    started: () =>
      [...fake.deployments]
        .reverse()
        .filter((one) => one.id !== 'dpl_known')
        .map(({ gitSource }) => String(gitSource['sha'] as string)),
    finish: (how) => {
      if (fake.projects.get(id)?.lastAliasRequest?.jobStatus === 'in-progress') {
        fake.finishAlias(id, 'succeeded');
      }
      for (const one of fake.deployments) {
        if (one.readyState !== 'QUEUED') continue;
        fake.become(one.id, how === 'live' ? 'READY' : 'ERROR', 'Command "npm run build" exited 1');
      }
    },
  };
}
