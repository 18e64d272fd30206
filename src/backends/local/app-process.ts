import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Logger } from '../../core/ports.js';
import { DeployFailure } from './deploy-failure.js';
import { askHealth, type Health } from './health.js';
import { releaseInnerPort, takeInnerPort } from './inner-ports.js';
import type { LocalLimits } from './options.js';
import { pause } from '../../lib/pause.js';
import { killGroup } from '../../lib/process-group.js';
import { markOf } from './process-marks.js';
import type { ProcessMark } from './records.js';
import {
  drained,
  endGroup,
  exitOf,
  killUser,
  spawnInGroup,
  type CommandEnd,
} from '../../lib/run-command.js';
import { duration, shellCommand } from './shell.js';
import type { Identity } from './users.js';

export interface AppOrder {
  command: string;
  folder: string;
  /** Everything but PORT. */
  environment: Readonly<Record<string, string>>;
  identity: Identity | null;
  /** Which of the target's two app users it has. */
  userIndex: 0 | 1;
  healthPath: string;
  limits: LocalLimits;
  logger: Logger;
  onOutput: (chunk: Buffer, from: Readable) => void;
  onNote: (text: string) => void;
  onMark: (mark: ProcessMark | null) => Promise<void>;
}

interface Running {
  child: ChildProcess;
  pid: number;
  exited: Promise<CommandEnd>;
  startedAt: number;
}

/** One started app of a release: started, watched, restarted when it dies, ended at the end. */
export class AppProcess {
  readonly order: AppOrder;
  readonly #stop = new AbortController();
  readonly #requests = new Set<Promise<void>>();
  #running: Running | null = null;
  #port = 0;
  #ended: Promise<void> | null = null;
  #keeper: Promise<void> | null = null;

  constructor(order: AppOrder) {
    this.order = order;
  }

  get port(): number {
    return this.#port;
  }

  /** Waits until the app answers well and has lived long enough; throws `DeployFailure` when it does not. */
  async startAndProve(signal: AbortSignal): Promise<void> {
    const { limits } = this.order;
    const running = await this.#launch();
    let gone: CommandEnd | null = null;
    void running.exited.then((end) => {
      gone = end;
    });
    const isGone = () => gone !== null;
    while (!signal.aborted) {
      if (isGone()) {
        await drained(running.child);
        throw new DeployFailure(
          `The app ${howItEnded(await running.exited)} before it could serve`,
        );
      }
      const age = performance.now() - running.startedAt;
      const last = await askHealth(this.#port, this.order.healthPath);
      if (last.kind === 'healthy' && !isGone() && age >= limits.minUptimeMs) return;
      if (last.kind !== 'healthy' && age >= limits.healthDeadlineMs)
        throw new DeployFailure(this.#unhealthy(last));
      await Promise.race([pause(limits.healthIntervalMs, signal), running.exited]);
    }
  }

  /** From now on it runs: started if it does not yet, and again whenever it dies. Waits for nothing. */
  keepAlive(): void {
    this.#keeper ??= this.#keep().catch((error: unknown) => {
      this.order.logger.error({ err: error }, 'local.app_keeper_failed');
    });
  }

  /** Counts a request or connection that this app answers. */
  using(done: Promise<void>): void {
    this.#requests.add(done);
    void done.then(() => this.#requests.delete(done));
  }

  /** Lets running requests finish, then ends the app and all it started. */
  async drainAndStop(drainMs: number, graceMs: number): Promise<void> {
    if (drainMs > 0 && this.#requests.size > 0 && this.#ended === null) {
      await Promise.race([Promise.all(this.#requests), pause(drainMs, this.#stop.signal)]);
    }
    await this.stop(graceMs);
  }

  stop(graceMs: number): Promise<void> {
    this.#ended ??= this.#end(graceMs);
    return this.#ended;
  }

  async #end(graceMs: number): Promise<void> {
    this.#stop.abort();
    const running = this.#running;
    if (running !== null) await endGroup(running.pid, running.exited, graceMs);
    await this.#keeper;
    await this.#clean(running);
    await this.order.onMark(null);
    releaseInnerPort(this.#port);
  }

  async #launch(): Promise<Running> {
    const { identity, folder, environment } = this.order;
    releaseInnerPort(this.#port);
    this.#port = await takeInnerPort();
    const child = spawnInGroup({
      ...shellCommand(this.order.command, identity),
      cwd: folder,
      env: { ...environment, PORT: String(this.#port), HOST: '127.0.0.1' },
      identity,
    });
    const exited = exitOf(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.order.onOutput(chunk, stream));
    }
    if (child.pid === undefined)
      throw new DeployFailure('The app could not be started on this machine.');
    const running = { child, pid: child.pid, exited, startedAt: performance.now() };
    this.#running = running;
    await this.order.onMark(await markOf(child.pid));
    // Told to end while it was being started: nobody else has seen it yet.
    if (this.#stop.signal.aborted) killGroup(child.pid, 'SIGKILL');
    return running;
  }

  async #keep(): Promise<void> {
    const { limits, onNote, logger } = this.order;
    let wait = limits.restartFirstMs;
    while (!this.#stop.signal.aborted) {
      const startedAt = performance.now();
      const end = await this.#lifetime();
      if (this.#stop.signal.aborted) return;
      if (performance.now() - startedAt > limits.restartMaxMs) wait = limits.restartFirstMs;
      onNote(`The app ${howItEnded(end)}; it is started again in ${duration(wait)}.`);
      logger.warn({ end, waitMs: wait }, 'local.app_died');
      await pause(wait, this.#stop.signal);
      wait = Math.min(wait * 2, limits.restartMaxMs);
    }
  }

  /** From a start (unless it already runs) to its end. */
  async #lifetime(): Promise<CommandEnd> {
    try {
      const running = this.#running ?? (await this.#launch());
      const end = await running.exited;
      await this.#clean(running);
      this.#running = null;
      return end;
    } catch (error) {
      return { kind: 'not_started', error: error instanceof Error ? error : new Error('no start') };
    }
  }

  /** What the app started goes with it, also what left its group. */
  async #clean(running: Running | null): Promise<void> {
    if (running === null) return;
    killGroup(running.pid, 'SIGKILL');
    if (this.order.identity !== null) await killUser(this.order.identity);
    running.child.stdout?.destroy();
    running.child.stderr?.destroy();
  }

  #unhealthy(last: Health): string {
    const { healthPath, limits } = this.order;
    const within = `within ${duration(limits.healthDeadlineMs)}`;
    if (last.kind === 'unwell') {
      return `The app answered ${last.status} at ${healthPath === '' ? '/' : healthPath} and did not get well ${within}`;
    }
    return `The app did not answer on the port given in PORT ${within}`;
  }
}

function howItEnded(end: CommandEnd): string {
  if (end.kind === 'exited') return `stopped with code ${end.code}`;
  if (end.kind === 'killed') return `was killed by ${end.signal}`;
  return 'could not be started';
}
