import { createServer, type AddressInfo } from 'node:net';

const inUse = new Set<number>();

/** A port of this machine that nobody listens on and no other app of ours was told to use. */
export async function takeInnerPort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (inUse.has(port)) continue;
    inUse.add(port);
    return port;
  }
}

export function releaseInnerPort(port: number): void {
  inUse.delete(port);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
