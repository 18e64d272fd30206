import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens on a free port and says so to the parent: one line of JSON on stdout, then nothing more. */
export function listen(handler: RequestListener): Promise<number> {
  const server = createServer(handler);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

export function ready(port: number): void {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}
