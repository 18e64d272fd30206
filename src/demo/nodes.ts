import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Balancer } from './balancer.js';
import { openDemoDatabase, type DemoDatabase } from './database.js';
import { freePort } from './free-port.js';
import { startServerProcess, type ServerProcess } from './server-process.js';

/** Slipway as the demo sees it: one process, or several behind one address. */
export type Servers = Pick<ServerProcess, 'url' | 'ended' | 'stop'>;

export interface ServerOptions {
  nodes: number;
  port: number;
  folder: string;
  /** The same for every node. */
  settings: Record<string, string>;
  /** @param node from 1 */
  onLine: (line: string, node: number) => void;
}

export async function startServers(options: ServerOptions): Promise<Servers> {
  if (options.nodes > 1) return startNodes(options);
  const { port, folder, settings, onLine } = options;
  const own = { PORT: String(port), SLIPWAY_DATA_DIR: join(folder, 'data') };
  return startServerProcess({ ...settings, ...own }, (line) => onLine(line, 1));
}

/** One database, one key, one public address; folder and port are each node's own. */
async function startNodes(options: ServerOptions): Promise<Servers> {
  const { nodes, port, folder, settings, onLine } = options;
  const started: ServerProcess[] = [];
  let database: DemoDatabase | null = null;
  let balancer: Balancer | null = null;
  const stop = async (): Promise<void> => {
    await balancer?.close();
    await Promise.all(started.map((node) => node.stop()));
    await database?.close();
  };
  try {
    database = await openDemoDatabase(folder);
    balancer = await Balancer.start(port);
    const shared = {
      ...settings,
      DATABASE_URL: database.url,
      SLIPWAY_BASE_URL: balancer.url,
      SLIPWAY_MASTER_KEY: randomBytes(32).toString('base64'),
    };
    const addresses: string[] = [];
    const starting: Promise<void>[] = [];
    for (let node = 1; node <= nodes; node += 1) {
      const nodePort = await freePort();
      addresses.push(`http://127.0.0.1:${nodePort}`);
      const own = { PORT: String(nodePort), SLIPWAY_DATA_DIR: join(folder, `node-${node}`) };
      const tell = (line: string): void => onLine(line, node);
      // All at once: the first one makes the tables, the others wait for it.
      starting.push(
        startServerProcess({ ...shared, ...own }, tell).then((one) => void started.push(one)),
      );
    }
    const ends = await Promise.allSettled(starting);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    balancer.lead(addresses);
    const ended = Promise.race(started.map((node) => node.ended));
    return { url: balancer.url, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
