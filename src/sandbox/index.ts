import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { Clock } from './clock.js';
import { Deliverer } from './events/deliverer.js';
import { Faults } from './faults.js';
import { ForgePlatform } from './forge/platform.js';
import { GitRepositories } from './git/git-repositories.js';
import { findGit, GitRunner } from './git/run-git.js';
import { Journal } from './journal.js';
import { PendingAuthorizations } from './oauth/authorize.js';
import { RateLimits } from './rate-limits.js';
import { listen, makeServer } from './server.js';
import { Links } from './shapes/links.js';
import { loadData, Saver } from './state/persistence.js';
import { State } from './state/state.js';
import type { World } from './world.js';

export { seedSample, type Sample } from './sample.js';

export interface SandboxOptions {
  /** 0, or absent: a free one. */
  port?: number;
  /** Loopback only: the control API has no password. */
  host?: '127.0.0.1';
  /** Kept, and read again at the next start. Absent: a temporary folder, removed by `stop`. */
  dataDir?: string;
  log?: (line: string) => void;
}

export interface Sandbox {
  /** Plays both https://bitbucket.org and https://api.bitbucket.org. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  stop(): Promise<void>;
}

/** Starts Bitbucket Cloud on this machine. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const runner = new GitRunner(findGit());
  const temporary = options.dataDir === undefined;
  const dataDir = await dataFolder(options.dataDir);
  const clock = new Clock();
  const state = new State(clock);
  state.load(await loadData(dataDir));
  const server = makeServer(
    () => world,
    () => resetAll(world),
  );
  const host = options.host ?? '127.0.0.1';
  const port = await listen(server, options.port ?? 0, host).catch(async (error: unknown) => {
    if (temporary) await rm(dataDir, { recursive: true, force: true });
    throw error;
  });
  const url = `http://${host}:${port}`;
  const world: World = {
    dataDir,
    clock,
    state,
    git: new GitRepositories(dataDir, runner),
    links: new Links(url),
    journal: new Journal(),
    faults: new Faults(),
    deliverer: new Deliverer(() => world),
    rateLimits: new RateLimits(),
    authorizations: new PendingAuthorizations(),
    forge: new ForgePlatform(() => world),
    log: options.log ?? (() => undefined),
  };
  const saver = new Saver(dataDir, () => state.snapshot());
  if (!temporary) state.watch(() => saver.changed());

  let stopped: Promise<void> | null = null;
  const stop = async () => {
    await close(server, world);
    await saver.flush();
    if (temporary) await rm(dataDir, { recursive: true, force: true });
  };
  return { url, port, dataDir, stop: () => (stopped ??= stop()) };
}

async function dataFolder(wanted: string | undefined): Promise<string> {
  if (wanted === undefined) return mkdtemp(join(tmpdir(), 'slipway-sandbox-'));
  const folder = resolve(wanted);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Ends what is under way at once: deliveries, connections, git. */
async function close(server: Server, world: World): Promise<void> {
  world.deliverer.stop();
  world.forge.stop();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  world.git.runner.stop();
  await closed;
}

async function resetAll(world: World): Promise<void> {
  world.deliverer.clear();
  world.forge.clear();
  world.faults.clear();
  world.journal.clear();
  world.authorizations.clear();
  world.rateLimits.clear();
  world.state.reset();
  await world.git.removeAll();
}
