import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Deliveries alternate among themselves: pages that are polled in between must not decide where a push goes. */
const deliveries = /^\/(connect\/events|hooks\/|forge\/events)/;

/**
 * The load balancer in front of several nodes: one request to this one, the next to that one, without any memory of who asked.
 * A node that takes no connection is passed over.
 */
export class Balancer {
  readonly #server: Server;
  #nodes: readonly string[] = [];
  readonly #turns = { delivery: 0, other: 0 };

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port: number): Promise<Balancer> {
    let answer: RequestListener = (_request, response) => void response.writeHead(503).end();
    const server = createServer((request, response) => answer(request, response));
    const balancer = new Balancer(server);
    answer = (request, response) => void balancer.#serve(request, response);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Addresses of the nodes. */
  lead(nodes: readonly string[]): void {
    this.#nodes = nodes;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isDelivery = request.method === 'POST' && deliveries.test(request.url ?? '');
    const first = this.#turns[isDelivery ? 'delivery' : 'other']++;
    try {
      const body = await buffer(request);
      for (let tries = 0; tries < this.#nodes.length; tries += 1) {
        const node = this.#nodes[(first + tries) % this.#nodes.length] ?? '';
        if (await forward(node, request, body, response)) return;
      }
    } catch {
      // The caller, or a node in the midst of its answer, is gone.
    }
    if (!response.headersSent) response.writeHead(502);
    response.end();
  }
}

/** False: the node took no connection, so nothing has happened there. */
function forward(
  node: string,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onward = httpRequest(`${node}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
      answer.once('end', () => resolve(true)).once('error', reject);
    });
    onward.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(false);
      else reject(error);
    });
    onward.end(body);
  });
}
