import type { Backend, BackendTarget, TriggerRequest } from '../../../src/core/backend.js';
import { createGuardedHttp } from '../../../src/lib/guarded-http.js';
import { createOutboundHttp } from '../../../src/lib/outbound-http.js';
import { repositoryUuid, type Engine } from '../../support/engine.js';
import type { Behaviour, Bench } from '../conformance/calls.js';
import type { LaneBench, Trouble } from '../conformance/lane.js';
import {
  elsewhere,
  loginPage,
  type Call,
  type FakeService,
  type Fault,
  type Reply,
} from './fake-service.js';

export const commit = '8d2f0b6c1f0a4b0f9c1de0a7b5c3e2d1f0a9b8c7';

/** For those that have no `softNo`. */
export const saysNoAloud = {
  refuses_softly: 'its refusals have a status of their own',
} as const;

/** What the suites must know of one service, to play with it. */
export interface Service {
  backend: Backend;
  fake: FakeService;
  settings: Record<string, string>;
  secrets?: Record<string, string>;
  connection?: { settings: Record<string, string>; secrets: Record<string, string> };
  isStart(call: Call): boolean;
  /** A plain no, in its own shape. */
  no(message: string): Reply;
  /** The same with a success, where it has such a way. */
  softNo?: Reply;
  /** It does not know our credential. */
  distrust: Reply;
  /** It has, or has never had, the deployment that is looked up. */
  know?(): void;
  forget?(): void;
  headIs(commit: string): void;
  started(): string[];
  finish(how: 'live' | 'failed'): Promise<void> | void;
  /** Behind a lane. */
  attach?(engine: Engine): void;
}

export interface Clients {
  clock: () => number;
  /** Both may call this machine. */
  vendorHttp: ReturnType<typeof createOutboundHttp>;
  http: ReturnType<typeof createOutboundHttp>;
}

export type OpenService = (clients: Clients) => Promise<Service>;

function clientsFor(clock: () => number, timeoutMs: number): Clients {
  const userAgent = 'Slipway/1';
  const allowPlainHttpHosts = ['127.0.0.1'];
  return {
    clock,
    vendorHttp: createOutboundHttp({ userAgent, allowPlainHttpHosts, timeoutMs }),
    http: createGuardedHttp({ allowPrivate: false, allowPlainHttp: true, userAgent, timeoutMs }),
  };
}

export async function openService(
  open: OpenService,
  options: { clock?: () => number; timeoutMs?: number } = {},
) {
  const clock = options.clock ?? Date.now;
  const clients = clientsFor(clock, options.timeoutMs ?? 5_000);
  const service = await open(clients);
  service.fake.clock = clock;
  const target: BackendTarget = {
    id: 't_1',
    name: 'Production',
    settings: service.settings,
    secrets: service.secrets ?? {},
    ...(service.connection && {
      connection: { id: 'c_1', name: 'Account', ...service.connection },
    }),
  };
  const request = (more: Partial<TriggerRequest> = {}): TriggerRequest => ({
    ...{ deploymentId: 'd_1', target, backendRef: null, commit, idempotencyKey: 'd_1', fencing: 7 },
    repository: {
      uuid: repositoryUuid,
      fullName: 'acme/site',
      cloneUrl: 'https://bitbucket.org/acme/site.git',
    },
    ...{ refType: 'branch', refName: 'main', message: 'Fix timetable', author: 'Mara Lind' },
    ...{ cause: 'push', causedBy: 'Ada Example', attempt: 1, previousCommit: null },
    cloneCredential: () => Promise.reject(new Error('never asked for by this backend')),
    ...more,
  });
  const secrets = [
    ...Object.values(service.secrets ?? {}),
    ...Object.values(service.connection?.secrets ?? {}),
  ];
  const close = async (): Promise<void> => {
    clients.vendorHttp.close();
    clients.http.close();
    await service.fake.close();
  };
  return { ...service, service, target, request, secretValues: secrets, clock, close };
}

export type OpenedService = Awaited<ReturnType<typeof openService>>;

const slowDown = (seconds: number): Reply => ({
  status: 429,
  body: {},
  headers: { 'retry-after': String(seconds) },
});

/** As the suite of calls wants it. */
export function callsOf(open: OpenService): () => Promise<Bench> {
  return async () => {
    const bench = await openService(open, { timeoutMs: 200 });
    const { fake, service } = bench;
    const all = (fault: Fault): void => fake.fail(fault);
    const start = (fault: Fault): void =>
      fake.fail({ fault, when: (call) => service.isStart(call) });
    const behaviours: Record<Behaviour, () => Promise<void> | void> = {
      accepts: () => undefined,
      refuses: () => start(service.no('no such commit')),
      refuses_softly: () => start(service.softNo ?? service.no('no such commit')),
      distrusts: () => all(service.distrust),
      is_gone: () => all({ status: 404, body: {} }),
      throttles: () => start(slowDown(90)),
      is_busy: () => start({ status: 409, body: {} }),
      fails: () => all({ status: 503, body: {} }),
      is_away: () => fake.close(),
      cuts: () => start('cut_before'),
      is_slow: () => start('silent_before'),
      redirects: () => all(elsewhere),
      answers_nonsense: () => all(loginPage),
      repeats_secrets: () => start(service.no(`no ${bench.secretValues.join(' or ')}`)),
      knows_it: () => service.know?.(),
      knows_it_not: () => service.forget?.(),
    };
    let wantsMore = false;
    return {
      backend: bench.backend,
      target: bench.target,
      secrets: bench.secretValues,
      sentAt: () => bench.clock() - 120_000,
      behave: (behaviour) => {
        fake.heal();
        // Looking up and cancelling meet the same trouble as starting does.
        wantsMore = behaviour === 'cuts' || behaviour === 'is_slow';
        if (wantsMore) {
          const fault = behaviour === 'cuts' ? 'cut_before' : 'silent_before';
          const when = ({ path, method }: Call): boolean => isAboutOne(path, method);
          fake.fail({ fault, when });
        }
        return behaviours[behaviour]();
      },
      request: bench.request,
      startedUnder: () => bench.started().map(() => 'd_1'),
      close: bench.close,
    };
  };
}

/** Lists of deployments, and cancelling one. */
function isAboutOne(path: string, method: string): boolean {
  return /\/cancel$/.test(path) || (method === 'GET' && /\/deploy(?:ment)?s(?:\/|$)/.test(path));
}

/** As the suite behind a lane wants it. */
export function laneOf(open: OpenService): (clock: () => number) => Promise<LaneBench> {
  return async (clock) => {
    const bench = await openService(open, { clock, timeoutMs: 300 });
    const { fake, service } = bench;
    const faults: Record<Exclude<Trouble, 'none'>, Fault> = {
      refuses: service.no(`no ${bench.secretValues.join(' or ')}`),
      refuses_softly: service.softNo ?? service.no('no such commit'),
      fails: { status: 503, body: {} },
      throttles: slowDown(30),
      distrusts: service.distrust,
      loses_answer: 'cut_after',
      loses_request: 'cut_before',
      hangs: 'silent_after',
      answers_nonsense: 'page_after',
    };
    const { connection, secrets = {} } = service;
    return {
      backend: service.backend,
      settings: { ...service.settings, ...secrets },
      ...(connection && { connection: { ...connection.settings, ...connection.secrets } }),
      secrets: bench.secretValues,
      meet: (trouble) => {
        fake.heal();
        if (trouble === 'none') return;
        fake.fail({ fault: faults[trouble], when: (call) => service.isStart(call) });
      },
      headIs: (head) => service.headIs(head),
      started: () => service.started(),
      attach: (engine) => service.attach?.(engine),
      finish: async (how = 'live') => service.finish(how),
      close: bench.close,
    };
  };
}
