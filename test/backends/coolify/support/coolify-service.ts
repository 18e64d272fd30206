import { createCoolifyBackend } from '../../../../src/backends/coolify/index.js';
import { commit, type Clients, type Service } from '../../support/service-bench.js';
import { FakeCoolify } from './fake-coolify.js';

export async function openCoolify(clients: Clients): Promise<Service & { fake: FakeCoolify }> {
  const fake = await new FakeCoolify().listen();
  const { uuid } = fake.addApplication({ git_repository: 'acme/site' });
  return {
    backend: createCoolifyBackend(clients),
    fake,
    settings: { application: uuid },
    connection: { settings: { url: fake.origin }, secrets: { token: fake.token } },
    isStart: ({ path }) => path === '/api/v1/deploy',
    no: (message) => ({ status: 400, body: { message } }),
    softNo: { status: 200, body: { deployments: [{ message: 'No deployment queued.' }] } },
    distrust: { status: 401, body: { message: 'Unauthenticated.' } },
    know: () => {
      fake.deployments.length = 0;
      const at = new Date(fake.clock()).toISOString();
      fake.deployments.unshift({
        ...{ deployment_uuid: 'known', application_uuid: uuid, status: 'in_progress', commit },
        ...{ commit_message: '', logs: '', deployment_url: '', rollback: false },
        ...{ force_rebuild: false, is_api: true, created_at: at, updated_at: at },
      });
    },
    forget: () => void (fake.deployments.length = 0),
    headIs: (head) => void (fake.head = head),
    started: () =>
      [...fake.deployments]
        .reverse()
        .filter((one) => one.deployment_uuid !== 'known' && !one.rollback)
        .map((one) => one.commit),
    finish: (how) => {
      for (const one of fake.deployments) {
        if (one.status !== 'queued') continue;
        fake.become(one.deployment_uuid, how === 'live' ? 'finished' : 'failed');
      }
    },
  };
}
