import { Webhook } from 'standardwebhooks';
import { latestReport, noteReport } from '../../../../src/actions/backend-reports.js';
import { receiveCallback } from '../../../../src/actions/receive-callback.js';
import {
  createSignedWebhookBackend,
  signingSecrets,
} from '../../../../src/backends/signed-webhook/index.js';
import { createIds } from '../../../../src/lib/ids.js';
import type { Engine } from '../../../support/engine.js';
import { FakeService, type Call, type Reply } from '../../support/fake-service.js';
import type { Clients, Service } from '../../support/service-bench.js';

const secret = `whsec_${Buffer.alloc(32, 'ferry').toString('base64')}`;

/** Signs and verifies by the reference library, which compares timestamps with this machine's clock: not wanted here. */
function signature(id: string, seconds: number, body: string): string {
  return new Webhook(secret).sign(id, new Date(seconds * 1000), body);
}

interface Run {
  deploymentId: string;
  isOver: boolean;
}

/** A receiver that keeps to docs/backends/signed-webhook.md: one run an id, however often it is sent; asked, it knows. */
class ReceiverService extends FakeService {
  readonly started: string[] = [];
  /** By `webhook-id`. */
  readonly runs = new Map<string, Run>();

  protected route(call: Call): Reply {
    const id = String(call.headers['webhook-id']);
    const expected = signature(id, Number(call.headers['webhook-timestamp']), call.text);
    if (call.headers['webhook-signature'] !== expected) return { status: 401 };
    const { type, data } = call.json as { type: string; data: Record<string, unknown> };
    const deploymentId = String(data['deployment_id']);
    switch (type) {
      case 'target.ping':
        return { status: 204 };
      case 'deployment.requested':
        if (!this.runs.has(id)) {
          this.runs.set(id, { deploymentId, isOver: false });
          this.started.push((data['commit'] as { hash: string }).hash);
        }
        return { status: 202, body: { external_id: `run-${deploymentId}` } };
      case 'deployment.lookup_requested':
        return { status: 200, body: { found: this.#of(deploymentId).length > 0 } };
      case 'deployment.cancel_requested':
        for (const run of this.#of(deploymentId)) run.isOver = true;
        return { status: 200, body: { state: 'stopped' } };
      default:
        return { status: 422, body: { message: `not known here: ${type}` } };
    }
  }

  #of(deploymentId: string): Run[] {
    return [...this.runs.values()].filter((run) => run.deploymentId === deploymentId);
  }
}

export async function openReceiver({ clock, http }: Clients): Promise<Service> {
  const fake = await new ReceiverService().listen();
  const ids = createIds();
  let engine: Engine | null = null;
  const attached = (): Engine => {
    if (!engine) throw new Error('only behind a lane');
    return engine;
  };
  const backend = createSignedWebhookBackend({
    http,
    clock,
    baseUrl: 'https://slipway.example',
    reports: {
      latest: (id) => latestReport(id, attached()),
      note: (id, seen) => noteReport(id, seen, { storage: attached().storage, clock }),
    },
    offerCredential: () => Promise.resolve(ids.secretToken()),
    newId: () => ids.next(),
  });
  return {
    backend,
    fake,
    settings: { url: `${fake.origin}/hook` },
    secrets: { secret },
    isStart: ({ json }) => json['type'] === 'deployment.requested',
    no: (message) => ({ status: 422, body: { message } }),
    softNo: { status: 200, body: { state: 'refused' } },
    distrust: { status: 401, body: { message: `who is ${secret}?` } },
    headIs: () => undefined,
    started: () => fake.started,
    attach: (one) => void (engine = one),
    async finish(how) {
      for (const run of fake.runs.values()) {
        if (run.isOver) continue;
        run.isOver = true;
        const data = { sequence: 1, message: how === 'live' ? 'served' : 'build exited 1' };
        const body = JSON.stringify({ type: `deployment.${how}`, data });
        const seconds = Math.floor(clock() / 1000);
        const headers = {
          'webhook-id': ids.next(),
          'webhook-timestamp': String(seconds),
        };
        const signed = {
          ...headers,
          'webhook-signature': signature(headers['webhook-id'], seconds, body),
        };
        const call = { deploymentId: run.deploymentId, headers: signed, body: Buffer.from(body) };
        const { storage, vault } = attached();
        const deps = { storage, vault, clock };
        await receiveCallback(call, {
          ...deps,
          signingSecrets: (_backend, secrets) => signingSecrets(secrets),
        });
      }
    },
  };
}
