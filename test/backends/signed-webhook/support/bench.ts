import type {
  BackendTarget,
  Observation,
  RollbackRequest,
  TriggerRequest,
} from '../../../../src/core/backend.js';
import {
  createSignedWebhookBackend,
  type LatestReport,
  type ReceiverReports,
} from '../../../../src/backends/signed-webhook/index.js';
import { createGuardedHttp } from '../../../../src/lib/guarded-http.js';
import { createIds } from '../../../../src/lib/ids.js';
import { newSecret } from '../../../../src/lib/standard-webhooks.js';
import type { Behaviour, Bench } from '../../conformance/calls.js';
import { FakeReceiver } from './fake-receiver.js';

export const commit = '8d2f0b6c1f0a4b0f9c1de0a7b5c3e2d1f0a9b8c7';

/** Stands for what the API door stores. */
export class MemoryReports implements ReceiverReports {
  readonly kept = new Map<string, LatestReport>();
  readonly noted: Observation[] = [];

  latest(deploymentId: string): Promise<LatestReport | null> {
    return Promise.resolve(this.kept.get(deploymentId) ?? null);
  }

  note(deploymentId: string, observation: Observation): Promise<void> {
    this.noted.push(observation);
    const heardAt = this.kept.get(deploymentId)?.heardAt ?? 0;
    this.kept.set(deploymentId, { observation, heardAt });
    return Promise.resolve();
  }
}

/** The backend against a receiver that does what a test wants, over real HTTP on this machine. */
export async function openBench(options: { timeoutMs?: number } = {}) {
  const secret = newSecret();
  const previousSecret = newSecret();
  const receiver = await FakeReceiver.open(() => [secret, previousSecret]);
  const http = createGuardedHttp({
    allowPrivate: false,
    allowPlainHttp: true,
    userAgent: 'Slipway/1',
    timeoutMs: options.timeoutMs ?? 5_000,
  });
  const reports = new MemoryReports();
  const ids = createIds();
  const offers: { deploymentId: string; fencing: number; token: string }[] = [];
  // Real: the reference library compares timestamps with this machine's clock.
  let aheadMs = 0;
  const clock = () => Date.now() + aheadMs;
  const backend = createSignedWebhookBackend({
    http,
    baseUrl: 'https://slipway.example',
    reports,
    offerCredential: (deploymentId, fencing) => {
      const token = ids.secretToken();
      offers.push({ deploymentId, fencing, token });
      return Promise.resolve(token);
    },
    newId: () => ids.next(),
    clock,
  });
  const target: BackendTarget = {
    id: 't_1',
    name: 'Production',
    settings: { url: receiver.url, silenceMinutes: 60 },
    secrets: { secret, previousSecret },
  };
  const request = (more: Partial<TriggerRequest> = {}): TriggerRequest => ({
    deploymentId: 'd_1',
    target,
    backendRef: null,
    commit,
    idempotencyKey: 'd_1',
    fencing: 7,
    repository: {
      uuid: '{7c1e}',
      fullName: 'harbour-team/ferry-desk',
      cloneUrl: 'https://bitbucket.org/harbour-team/ferry-desk.git',
    },
    refType: 'branch',
    refName: 'main',
    message: 'Fix timetable\n\nIt was late.',
    author: 'Mara Lind',
    cause: 'push',
    causedBy: 'Ada Example',
    attempt: 1,
    previousCommit: null,
    cloneCredential: () => Promise.reject(new Error('never asked for by this backend')),
    ...more,
  });
  return {
    backend,
    receiver,
    reports,
    target,
    secret,
    previousSecret,
    offers,
    clock,
    request,
    advance: (ms: number) => void (aheadMs += ms),
    rollbackRequest: (more: Partial<RollbackRequest> = {}): RollbackRequest => {
      const { deploymentId, backendRef, idempotencyKey, fencing } = request();
      const to = { toDeploymentId: 'd_0', toBackendRef: 'run-0' };
      return { deploymentId, target, backendRef, commit, idempotencyKey, fencing, ...to, ...more };
    },
    close: async () => {
      http.close();
      await receiver.close();
    },
  };
}

/** The same, as the suite for all backends wants it. */
export async function openConformanceBench(): Promise<Bench> {
  const bench = await openBench({ timeoutMs: 150 });
  const { receiver, secret, previousSecret } = bench;
  const behaviours: Record<Behaviour, () => Promise<void> | void> = {
    accepts: () => receiver.answers(202, { external_id: 'run-1' }),
    refuses: () => receiver.answers(422, { message: 'no such environment' }),
    refuses_softly: () => receiver.answers(200, { state: 'refused' }),
    distrusts: () => receiver.answers(401),
    is_gone: () => receiver.answers(410),
    throttles: () => receiver.answers(429, {}, { 'retry-after': '90' }),
    is_busy: () => receiver.answers(409),
    fails: () => receiver.answers(503, 'upstream is down'),
    is_away: () => receiver.away(),
    cuts: () => void (receiver.respond = (_call, _response, request) => request.socket.destroy()),
    is_slow: () => void (receiver.respond = () => undefined),
    redirects: () => receiver.answers(302, '', { location: 'https://elsewhere.example/' }),
    answers_nonsense: () =>
      receiver.answers(200, '<h1>Sign in</h1>', { 'content-type': 'text/html; charset=utf-8' }),
    repeats_secrets: () =>
      receiver.answers(422, { message: `${secret} or ${previousSecret.slice('whsec_'.length)}?` }),
    knows_it: () => receiver.answers(200, { found: true }),
    knows_it_not: () => receiver.answers(200, { found: false }),
  };
  return {
    backend: bench.backend,
    target: bench.target,
    secrets: [secret, previousSecret].flatMap((one) => [one, one.slice('whsec_'.length)]),
    behave: (behaviour) => behaviours[behaviour](),
    request: bench.request,
    startedUnder: () => {
      const requests = receiver.calls.filter(({ type }) => type === 'deployment.requested');
      return requests.map(({ id }) => id);
    },
    close: bench.close,
  };
}
