import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type {
  Backend,
  BackendDeployment,
  BackendTarget,
  Observation,
  TriggerOutcome,
  TriggerRequest,
} from '../../../../src/core/backend.js';
import type { Logger } from '../../../../src/core/ports.js';
import {
  createLocalBackend,
  type LocalBackendOptions,
  type LocalLimits,
} from '../../../../src/backends/local/index.js';
import { GitServer, gitUser, type Tree } from './git-server.js';

export const noSignal = new AbortController().signal;

/** Short waits, so that a test ends soon; the order of things stays the same. */
export const quickLimits: Partial<LocalLimits> = {
  notFoundRetryMs: 400,
  notFoundEveryMs: 50,
  networkRetryMs: 2000,
  networkEveryMs: 50,
  credentialEveryMs: 10,
  healthDeadlineMs: 15_000,
  healthIntervalMs: 50,
  minUptimeMs: 300,
  drainMs: 500,
  killGraceMs: 300,
  stopGraceMs: 300,
  restartFirstMs: 50,
  restartMaxMs: 400,
  notifyEveryMs: 20,
};

type Ended = Observation & { id: string };

/** A backend on a fresh data folder, with a repository to deploy from. */
export class Fixture {
  readonly git: GitServer;
  readonly dataDir: string;
  readonly logged: string[] = [];
  readonly notices = new EventEmitter();
  settings: Record<string, unknown> = {};
  secrets: Record<string, unknown> = {};
  backend: Backend;
  #number = 0;
  #fencing = 1;

  private constructor(git: GitServer, limits: Partial<LocalLimits>) {
    this.git = git;
    this.dataDir = mkdtempSync(path.join(os.tmpdir(), 'slipway-local-'));
    this.notices.setMaxListeners(50);
    this.backend = this.open(limits);
  }

  static async open(limits: Partial<LocalLimits> = {}): Promise<Fixture> {
    return new Fixture(await GitServer.start(), limits);
  }

  /** Another backend on the same folder, as after a restart. */
  open(limits: Partial<LocalLimits> = {}, more: Partial<LocalBackendOptions> = {}): Backend {
    return createLocalBackend({
      dataDir: this.dataDir,
      publicHost: '127.0.0.1',
      notify: (targetId) => this.notices.emit('notice', targetId),
      clock: () => Date.now(),
      logger: this.#logger(),
      allowPlainHttpGit: true,
      limits: { ...quickLimits, ...limits },
      ...more,
    });
  }

  async close(): Promise<void> {
    await this.backend.stop?.();
    await this.git.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  target(id = 'site'): BackendTarget {
    return { id, name: 'Production', settings: this.settings, secrets: this.secrets };
  }

  request(commit: string, patch: Partial<TriggerRequest> = {}): TriggerRequest {
    this.#number += 1;
    const deploymentId = patch.deploymentId ?? `d${this.#number}`;
    return {
      deploymentId,
      target: this.target(),
      backendRef: null,
      commit,
      idempotencyKey: deploymentId,
      fencing: (this.#fencing += 1),
      repository: { uuid: '{r}', fullName: 'acme/site', cloneUrl: this.git.url },
      refType: 'branch',
      refName: 'main',
      message: 'change',
      author: 'Ada',
      cause: 'push',
      causedBy: 'Ada Example',
      attempt: 1,
      previousCommit: null,
      cloneCredential: () =>
        Promise.resolve({
          username: gitUser,
          password: this.git.password,
          expiresAt: Date.now() + 3_600_000,
          kind: 'app',
          source: 'test',
          name: 'a test',
        }),
      ...patch,
    };
  }

  async trigger(request: TriggerRequest): Promise<TriggerOutcome> {
    return this.backend.trigger(request, noSignal);
  }

  /** Commits a tree and deploys it to its end. */
  async deployTree(tree: Tree, patch: Partial<TriggerRequest> = {}): Promise<Ended> {
    return this.deploy(this.git.commit(tree), patch);
  }

  async deploy(commit: string, patch: Partial<TriggerRequest> = {}): Promise<Ended> {
    const request = this.request(commit, patch);
    const outcome = await this.trigger(request);
    if (outcome.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(outcome)}`);
    return { ...(await this.end(request.deploymentId)), id: request.deploymentId };
  }

  of(deploymentId: string, targetId = 'site'): BackendDeployment {
    return { deploymentId, target: this.target(targetId), backendRef: deploymentId, commit: '' };
  }

  async observe(deploymentId: string): Promise<Observation> {
    const observation = await this.backend.observe?.(this.of(deploymentId), noSignal);
    if (observation === undefined) throw new Error('the backend cannot observe');
    return observation;
  }

  /** Waits by notices alone: a change that is not notified makes the test time out. */
  async until(deploymentId: string, isThere: (seen: Observation) => boolean): Promise<Observation> {
    for (;;) {
      const notice = once(this.notices, 'notice');
      const seen = await this.observe(deploymentId);
      if (isThere(seen)) return seen;
      await notice;
    }
  }

  async untilTrue(isTrue: () => Promise<boolean>): Promise<void> {
    for (;;) {
      const notice = once(this.notices, 'notice');
      if (await isTrue()) return;
      await notice;
    }
  }

  async end(deploymentId: string): Promise<Observation> {
    return this.until(
      deploymentId,
      ({ state, lost }) => lost === true || !['queued', 'building', 'deploying'].includes(state),
    );
  }

  async logs(deploymentId: string): Promise<string> {
    return (await this.backend.logs?.(this.of(deploymentId), noSignal)) ?? '';
  }

  folder(...names: string[]): string {
    return path.join(this.dataDir, 'local', 'site', ...names);
  }

  #logger(): Logger {
    const write = (level: string) => (fields: object, message: string) => {
      const error = (fields as { err?: unknown }).err;
      const detail = error instanceof Error ? (error.stack ?? error.message) : '';
      this.logged.push(`${level} ${message} ${JSON.stringify(fields)} ${detail}`);
    };
    const logger: Logger = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => logger,
    };
    return logger;
  }
}

export async function page(url: string | undefined, init?: RequestInit): Promise<string> {
  if (url === undefined) throw new Error('there is no address');
  return (await fetch(url, init)).text();
}
