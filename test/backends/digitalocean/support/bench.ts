import { createDigitalOceanBackend } from '../../../../src/backends/digitalocean/index.js';
import type { BackendTarget, TriggerRequest } from '../../../../src/core/backend.js';
import { createGuardedHttp } from '../../../../src/lib/guarded-http.js';
import { createOutboundHttp } from '../../../../src/lib/outbound-http.js';
import {
  startDigitalOcean,
  type BuildResult,
  type Fault,
} from '../../../../src/sandbox/digitalocean/index.js';
import type { Behaviour, Bench } from '../../conformance/calls.js';
import type { LaneBench, Trouble } from '../../conformance/lane.js';

export const token = `dop_v1_${'5e'.repeat(32)}`;
export const allScopes = ['app:read', 'app:update', 'app:create'];
export const repository = 'harbour-team/ferry-desk';
const commit = '8d2f0b6c1f0a4b0f9c1de0a7b5c3e2d1f0a9b8c7';
const startPath = /\/deployments$/;
const good: BuildResult = { ok: true, log: ['compiled'], page: '<h1>One</h1>' };

/** The backend against the fake, over real HTTP on this machine. */
export async function openBench(
  options: { clock?: () => number; timeoutMs?: number; repository?: string } = {},
) {
  const code = { head: commit as string | null, result: good };
  const fake = await startDigitalOcean({
    source: {
      head: () => Promise.resolve(code.head),
      build: () => Promise.resolve(code.result),
    },
    ...(options.clock ? { clock: options.clock } : {}),
  });
  fake.account.tokens.push({ token, scopes: allScopes });
  const app = fake.account.addApp({
    name: 'ferry-desk',
    services: [
      {
        name: 'web',
        bitbucket: {
          repo: options.repository ?? repository,
          branch: 'main',
          deploy_on_push: false,
        },
        envs: [{ key: 'DATABASE_URL', type: 'SECRET', value: 'EV[1:abcdef]' }],
      },
    ],
  });
  const { host } = new URL(fake.url);
  const vendorHttp = createOutboundHttp({
    userAgent: 'Slipway/1',
    allowPlainHttpHosts: [host],
    timeoutMs: options.timeoutMs ?? 5_000,
  });
  const http = createGuardedHttp({
    allowPrivate: false,
    allowPlainHttp: true,
    userAgent: 'Slipway/1',
  });
  const clock = options.clock ?? Date.now;
  const backend = createDigitalOceanBackend({ vendorHttp, http, digitaloceanUrl: fake.url, clock });
  const connection = { id: 'c_1', name: 'Team', settings: {}, secrets: { token } };
  const target: BackendTarget = {
    id: 't_1',
    name: 'Production',
    settings: { app: app.id, forceBuild: false },
    secrets: {},
    connection,
  };
  const request = (more: Partial<TriggerRequest> = {}): TriggerRequest => ({
    ...{ deploymentId: 'd_1', target, backendRef: null, commit, idempotencyKey: 'd_1', fencing: 7 },
    repository: {
      uuid: '{7c1e}',
      fullName: options.repository ?? repository,
      cloneUrl: `https://bitbucket.org/${repository}.git`,
    },
    ...{ refType: 'branch', refName: 'main', message: 'Fix timetable', author: 'Mara Lind' },
    ...{ cause: 'push', causedBy: 'Ada Example', attempt: 1, previousCommit: null },
    cloneCredential: () => Promise.reject(new Error('never asked for by this backend')),
    ...more,
  });
  return {
    ...{ backend, fake, app, code, connection, target, request, clock, commit },
    /** Oldest first. */
    started: () => [...app.deployments].filter(({ type }) => type === 'MANUAL').reverse(),
    async close() {
      vendorHttp.close();
      http.close();
      await fake.close().catch(() => undefined);
    },
  };
}

export type DigitalOceanBench = Awaited<ReturnType<typeof openBench>>;

/** The same, as the suite of calls wants it. */
export async function openCalls(): Promise<Bench> {
  const bench = await openBench({ timeoutMs: 200 });
  const { fake, app } = bench;
  const all = (fault: Omit<Fault, 'path'>, path = /^\/v2\//): void =>
    fake.faults.add({ ...fault, path, times: 1_000 });
  const starts = (fault: Omit<Fault, 'path' | 'method'>): void =>
    all({ ...fault, method: 'POST' }, startPath);
  const status = (code: number, body: object, headers = {}) =>
    ({ kind: 'status', status: code, body, headers }) as const;
  const behaviours: Record<Behaviour, () => Promise<void> | void> = {
    accepts: () => undefined,
    refuses: () => starts(status(422, { id: 'unprocessable_entity', message: 'no such branch' })),
    refuses_softly: () => undefined,
    distrusts: () => all(status(401, { id: 'unauthorized', message: 'Unable to authenticate' })),
    is_gone: () => all(status(404, { id: 'not_found', message: 'gone' })),
    throttles: () => starts(status(429, { id: 'too_many_requests' }, { 'retry-after': '90' })),
    is_busy: () => starts(status(409, { id: 'conflict', message: 'busy' })),
    fails: () => all(status(503, { id: 'server_error', message: 'Server Error' })),
    is_away: () => fake.close(),
    cuts: () => {
      starts({ kind: 'drop_after' });
      all({ kind: 'drop_after', method: 'GET' }, /deployments$/);
      all({ kind: 'drop_after' }, /cancel$/);
    },
    is_slow: () => {
      starts({ kind: 'hang' });
      all({ kind: 'hang', method: 'GET' }, /deployments$/);
    },
    redirects: () => all(status(302, {}, { location: 'https://elsewhere.example/' })),
    answers_nonsense: () => all({ kind: 'garbage' }),
    repeats_secrets: () => starts(status(422, { id: 'bad', message: `no ${token}` })),
    knows_it: () => void fake.account.begin(app, 'MANUAL', new Map([['web', commit]])),
    knows_it_not: () => void (app.deployments.length = 0),
  };
  return {
    backend: bench.backend,
    target: bench.target,
    secrets: [token],
    sentAt: () => bench.clock() - 120_000,
    behave: (behaviour) => {
      fake.faults.clear();
      return behaviours[behaviour]();
    },
    request: bench.request,
    startedUnder: () =>
      fake.calls
        .filter(({ method, path }) => method === 'POST' && startPath.test(path))
        .map(() => 'd_1'),
    close: () => bench.close(),
  };
}

/** The same, behind a lane. The engine's repository is `acme/site`. */
export async function openLane(clock: () => number): Promise<LaneBench> {
  const bench = await openBench({ clock, timeoutMs: 300, repository: 'acme/site' });
  const { fake, app, code } = bench;
  const faults: Record<Exclude<Trouble, 'none'>, Omit<Fault, 'path' | 'method'>> = {
    refuses: { kind: 'status', status: 422, body: { id: 'bad', message: `no ${token}` } },
    refuses_softly: { kind: 'status', status: 422 },
    fails: { kind: 'status', status: 503 },
    throttles: { kind: 'status', status: 429, headers: { 'retry-after': '30' } },
    distrusts: { kind: 'status', status: 401, body: { id: 'unauthorized', message: `${token}?` } },
    loses_answer: { kind: 'drop_after' },
    loses_request: { kind: 'drop_before' },
    hangs: { kind: 'hang' },
    answers_nonsense: { kind: 'garbage' },
  };
  return {
    backend: bench.backend,
    settings: { app: app.id },
    connection: { token },
    secrets: [token],
    meet: (trouble) => {
      fake.faults.clear();
      if (trouble === 'none') return;
      fake.faults.add({ ...faults[trouble], method: 'POST', path: startPath, times: 1_000 });
    },
    headIs: (head) => void (code.head = head),
    started: () => bench.started().map(({ commits }) => commits.get('web') ?? ''),
    finish: async (how = 'live') => {
      code.result =
        how === 'live' ? good : { ok: false, log: ['oh'], message: 'build command exited 1' };
      await fake.finish();
    },
    close: () => bench.close(),
  };
}
