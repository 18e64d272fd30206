import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Served {
  url: string;
  close(): Promise<void>;
}

/** A loopback server; a handler that throws cuts the connection. */
export async function serve(
  handle: (request: IncomingMessage, response: ServerResponse, body: Buffer) => Promise<void>,
): Promise<Served> {
  const server = createServer((incoming, response) => {
    readAll(incoming)
      .then((body) => handle(incoming, response, body))
      .catch(() => response.destroy());
  });
  // The other side is killed again and again.
  server.on('clientError', (_error, socket) => socket.destroy());
  const url = await listening(server);
  return {
    url,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listening(server: Server, port = 0): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A port that is free now, for a server that must come back on the same one. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const { port } = new URL(await listening(server));
  server.close();
  await once(server, 'close');
  return Number(port);
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** One POST on a connection of its own. Null: no answer. */
export function post(
  url: string,
  headers: Record<string, string>,
  body: string,
  onSent: () => void = () => undefined,
): Promise<number | null> {
  return new Promise((resolve) => {
    const sending = request(url, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', ...headers },
      timeout: 10_000,
    });
    sending.once('finish', onSent);
    sending.once('timeout', () => sending.destroy());
    sending.once('error', () => resolve(null));
    sending.once('response', (response) => {
      response.resume();
      response.once('error', () => undefined);
      resolve(response.statusCode ?? null);
    });
    sending.end(body);
  });
}
