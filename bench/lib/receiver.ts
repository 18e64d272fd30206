import { createServer, type IncomingMessage, type Server } from 'node:http';
import { signingKey, signMessage } from '../../src/lib/standard-webhooks.js';
import { pause } from './process.js';
import { receiverSecret } from './seed.js';

/** A deployment that Slipway asked the receiver for. */
export interface Asked {
  deploymentId: string;
  targetId: string;
  commit: string;
  callbackUrl: string;
  /** `performance.now()` of its arrival. */
  at: number;
}

/** The other end of the signed-webhook backend. Signatures are not checked: what is measured is Slipway. */
export class Receiver {
  readonly asked: Asked[] = [];
  /** `hand_off`: 204, which ends a deployment. `hold`: it runs until somebody says that it is over. */
  mode: 'hand_off' | 'hold' = 'hand_off';
  onAsked: ((asked: Asked) => void) | null = null;
  readonly port: number;
  #server: Server | null = null;

  constructor(port: number) {
    this.port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/deploy`;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => {
      const at = performance.now();
      void bodyOf(request).then((text) => {
        const { type, data } = JSON.parse(text) as Message;
        if (type === 'deployment.requested') {
          const asked = {
            deploymentId: data.deployment_id,
            targetId: data.target.id,
            commit: data.commit.hash,
            callbackUrl: data.callback_url,
            at,
          };
          this.asked.push(asked);
          this.onAsked?.(asked);
        }
        if (this.mode === 'hand_off') response.writeHead(204).end();
        else {
          const answer = JSON.stringify({ external_id: data.deployment_id, state: 'building' });
          response.writeHead(202, { 'content-type': 'application/json' }).end(answer);
        }
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
  }

  /** Reports, signed, that a deployment it holds went live. */
  async finish({ deploymentId, callbackUrl }: Asked): Promise<void> {
    const key = signingKey(receiverSecret);
    if (!key) throw new Error('no signing key');
    const data = { deployment_id: deploymentId, sequence: 1 };
    const body = JSON.stringify({ type: 'deployment.live', data });
    const headers = signMessage({ id: `live_${deploymentId}`, at: Date.now(), body }, [key]);
    const answer = await fetch(callbackUrl, { method: 'POST', body, headers: { ...headers } });
    if (!answer.ok) throw new Error(`a report was answered ${answer.status}`);
  }

  /** Connections are refused from now on. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    server.close();
    await pause(100);
    server.closeAllConnections();
  }
}

interface Message {
  type: string;
  data: {
    deployment_id: string;
    target: { id: string };
    commit: { hash: string };
    callback_url: string;
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
