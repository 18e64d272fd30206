import { createDeployHookBackend } from '../../../../src/backends/deploy-hook/index.js';
import type { Clients, Service } from '../../support/service-bench.js';
import { FakeHooks } from './fake-hooks.js';

/** Jenkins, with a user that may look: the one hook whose builds can be followed. */
export async function openJenkins(clients: Clients): Promise<Service & { fake: FakeHooks }> {
  const fake = await new FakeHooks().listen();
  const { name: jenkinsUser, token: jenkinsToken } = fake.jenkinsUser;
  const isHook = (path: string): boolean => path.startsWith('/generic-webhook-trigger/');
  return {
    backend: createDeployHookBackend(clients),
    fake,
    settings: { service: 'jenkins', branch: 'main', jenkinsUser },
    secrets: { url: fake.url('jenkins'), jenkinsToken },
    isStart: ({ path, headers }) => isHook(path) && headers['gwt-dry-run'] === undefined,
    no: (message) => ({ status: 400, body: { message } }),
    softNo: {
      status: 200,
      body: { message: 'Triggered jobs.', jobs: { ferry: { triggered: false, id: 0, url: '' } } },
    },
    distrust: { status: 403, body: { message: 'Not in the allow-list' } },
    headIs: () => undefined,
    started: () => fake.started.map((one) => one.commit ?? ''),
    finish: (how) => {
      for (const [item, build] of fake.queue) {
        if (build.result !== null) continue;
        const result = how === 'live' ? 'SUCCESS' : 'FAILURE';
        Object.assign(build, { url: `${fake.origin}/job/ferry/${item}/`, result });
      }
    },
  };
}
