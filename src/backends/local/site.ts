import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { proxyRequest, proxyUpgrade } from './reverse-proxy.js';
import { plain, serveStatic, type StaticRelease } from './static-site.js';

/** What a site answers with. Asked anew for every request, so a switch is one assignment. */
export type Serving =
  | { kind: 'nothing' }
  | { kind: 'static'; release: () => Promise<StaticRelease | null> }
  /** `using`: counts requests, so that the old app is ended only after its last one. */
  | { kind: 'app'; port: () => number; using: (done: Promise<void>) => void };

/** The listener of one target. It lives as long as the target; only what it serves changes. */
export class Site {
  readonly #host: string;
  readonly #onError: (error: unknown) => void;
  readonly #sockets = new Set<Duplex>();
  #server: Server | null = null;
  serving: Serving = { kind: 'nothing' };

  constructor(host: string, onError: (error: unknown) => void) {
    this.#host = host;
    this.#onError = onError;
  }

  get port(): number | null {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port ?? null;
  }

  /** Null when the wanted port is taken. 0 lets the system choose. */
  async listen(port: number): Promise<number | null> {
    const server = createServer((request, response) => this.#answer(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    server.on('clientError', (_error, socket) => socket.destroy());
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, this.#host, () => {
          server.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (port !== 0 && (code === 'EADDRINUSE' || code === 'EACCES')) return null;
      throw error;
    }
    server.on('error', this.#onError);
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.serving = { kind: 'nothing' };
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { serving } = this;
    if (serving.kind === 'app') {
      serving.using(closeOf(response));
      proxyRequest(serving.port(), request, response);
      return;
    }
    this.#serveFiles(serving, request, response).catch((error: unknown) => {
      this.#onError(error);
      if (response.headersSent) response.destroy();
      else plain(response, 500, 'This page cannot be read at the moment.');
    });
  }

  async #serveFiles(
    serving: Exclude<Serving, { kind: 'app' }>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const release = serving.kind === 'static' ? await serving.release() : null;
    if (release === null) plain(response, 503, 'Nothing has been deployed here yet.');
    else await serveStatic(release, request, response);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { serving } = this;
    if (serving.kind !== 'app') {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    serving.using(closeOf(socket));
    proxyUpgrade(serving.port(), request, socket, head);
  }
}

function closeOf(stream: { once(event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', resolve);
  });
}
