import { createRenderBackend } from '../../../../src/backends/render/index.js';
import { commit, type Clients, type Service } from '../../support/service-bench.js';
import { FakeRender } from './fake-render.js';

export async function openRender(clients: Clients): Promise<Service & { fake: FakeRender }> {
  const fake = await new FakeRender().listen();
  const { id } = fake.addService();
  const running = () => fake.deploys.filter(({ finishedAt }) => finishedAt === null);
  return {
    backend: createRenderBackend({ ...clients, renderUrl: fake.origin }),
    fake,
    settings: { service: id },
    connection: { settings: {}, secrets: { apiKey: fake.key } },
    isStart: ({ method, path }) => method === 'POST' && path.endsWith('/deploys'),
    no: (message) => ({ status: 400, body: { id: 'err', message } }),
    distrust: { status: 401, body: { id: 'err', message: 'Unauthorized' } },
    know: () => {
      fake.deploys.length = 0;
      const at = new Date(fake.clock()).toISOString();
      fake.deploys.unshift({
        ...{ id: 'dep-known', serviceId: id, status: 'build_in_progress', trigger: 'api' },
        ...{ createdAt: at, updatedAt: at, startedAt: at, finishedAt: null },
        commit: { id: commit, message: 'Fix timetable', createdAt: at },
      });
    },
    forget: () => void (fake.deploys.length = 0),
    headIs: () => undefined,
    started: () =>
      fake.calls.length === 0
        ? []
        : [...fake.deploys]
            .reverse()
            .filter((deploy) => deploy.trigger === 'api' && deploy.id !== 'dep-known')
            .map((deploy) => deploy.commit?.id ?? ''),
    finish: (how) => {
      for (const deploy of running())
        fake.become(deploy.id, how === 'live' ? 'live' : 'build_failed');
    },
  };
}
