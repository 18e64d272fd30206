import { createHash } from 'node:crypto';
import {
  FakeReceiver,
  type ReceivedCall,
} from '../../backends/signed-webhook/support/fake-receiver.js';
import { post } from '../../chaos/support/http.js';
import { signedHeaders, webhookKey } from '../../chaos/support/signed.js';

interface Asked {
  deploymentId: string;
  commit: string;
  fencing: number;
}

/**
 * A deploy backend that keeps its side of the contract: one deploy for an id, none under a lower fencing number than it has
 * seen, and reports of what became of it. Requests can be held before anything is done about them.
 */
export class ObedientReceiver {
  /** In the order in which it really deployed them. */
  readonly deployed: Asked[] = [];
  /** Refused, because something newer had been here. */
  readonly outdated: Asked[] = [];
  readonly lookups: { at: number; deploymentId: string }[] = [];
  /** Of requests to deploy, also of those that are held. By `performance.now()`. */
  readonly asked: (Asked & { at: number })[] = [];
  /** While set, a request to deploy waits for it before anything is done. */
  hold: Promise<void> | null = null;
  readonly #key = webhookKey(createHash('sha256').update('obedient').digest());
  #newest = 0;
  #http: FakeReceiver | null = null;
  readonly #known = new Set<string>();

  static async open(): Promise<ObedientReceiver> {
    const receiver = new ObedientReceiver();
    receiver.#http = await FakeReceiver.open(() => [receiver.#key.secret]);
    receiver.#http.respond = (call, response) => {
      void receiver.#answer(call).then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
    };
    return receiver;
  }

  /** Of a target's form. */
  get fields(): Record<string, string> {
    return {
      backend: 'signed-webhook',
      'settings.url': this.#http?.url ?? '',
      'settings.secret': this.#key.secret,
    };
  }

  async close(): Promise<void> {
    await this.#http?.close();
  }

  async #answer({ type, data }: ReceivedCall): Promise<{ status: number; body: object }> {
    const facts = data as {
      deployment_id: string;
      fencing: number;
      commit: { hash: string };
      callback_url: string;
    };
    const deploymentId = facts.deployment_id;
    if (type === 'deployment.lookup_requested') {
      this.lookups.push({ at: performance.now(), deploymentId });
      return { status: 200, body: { found: this.#known.has(deploymentId) } };
    }
    if (type !== 'deployment.requested') return { status: 200, body: {} };
    const asked = { deploymentId, commit: facts.commit.hash, fencing: facts.fencing };
    this.asked.push({ ...asked, at: performance.now() });
    await this.hold;
    if (asked.fencing < this.#newest) {
      this.outdated.push(asked);
      return { status: 409, body: { message: 'something newer was here' } };
    }
    this.#newest = asked.fencing;
    if (!this.#known.has(deploymentId)) {
      this.#known.add(deploymentId);
      this.deployed.push(asked);
      setImmediate(() => void this.#report(facts.callback_url, asked));
    }
    return { status: 202, body: { external_id: deploymentId } };
  }

  async #report(url: string, { deploymentId, commit }: Asked): Promise<void> {
    const data = { deployment_id: deploymentId, sequence: 1, commit };
    const body = JSON.stringify({ type: 'deployment.live', data });
    for (let tries = 0; tries < 50; tries += 1) {
      const status = await post(url, signedHeaders(this.#key, body), body);
      if (status !== null && status < 500) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
