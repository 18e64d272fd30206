import type { ChildProcess } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { spawnCli, type CliOptions } from './cli.js';
import { waitFor, within } from './wait-for.js';

export interface ServerEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const startTimeoutMs = 30_000;

/** `slipway start` as an operator runs it: a process of its own, built, configured by its environment. */
export class SlipwayServer {
  readonly dataDir: string;
  readonly ended: Promise<ServerEnd>;
  readonly #child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  #end: ServerEnd | null = null;
  #url: string | null = null;

  private constructor(child: ChildProcess, dataDir: string) {
    this.#child = child;
    this.dataDir = dataDir;
    child.stdout?.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    this.ended = new Promise((resolve) => {
      child.once('close', (code: number | null, signal: NodeJS.Signals | null) => {
        this.#end = { code, signal };
        resolve(this.#end);
      });
    });
  }

  /** Resolves when it listens; rejects with its last words when it ends before that. */
  static async start(
    settings: { SLIPWAY_DATA_DIR: string } & Record<string, string | undefined>,
    options: CliOptions = {},
  ): Promise<SlipwayServer> {
    const server = SlipwayServer.begin(settings, options);
    await server.listening();
    return server;
  }

  /** Only begins: for whoever looks at it before it is ready. */
  static begin(
    settings: { SLIPWAY_DATA_DIR: string } & Record<string, string | undefined>,
    options: CliOptions = {},
  ): SlipwayServer {
    const env = { PORT: '0', ...options.env, ...settings };
    return new SlipwayServer(spawnCli(['start'], { ...options, env }), settings.SLIPWAY_DATA_DIR);
  }

  /** Like `start`. */
  async listening(): Promise<void> {
    this.#url = await waitFor('Slipway to listen', () => this.#listeningAt(), {
      timeoutMs: startTimeoutMs,
      otherwise: () => this.stderr,
    }).catch((error: unknown) => {
      this.#child.kill('SIGKILL');
      throw error;
    });
  }

  get url(): string {
    return this.#url ?? '';
  }

  get isRunning(): boolean {
    return this.#end === null;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): string {
    return Buffer.concat(this.#stdout).toString('utf8');
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString('utf8');
  }

  /** Log lines, parsed; what is no JSON is left out. */
  get log(): Record<string, unknown>[] {
    return this.stderr.split('\n').flatMap((line) => {
      if (!line.startsWith('{')) return [];
      return [JSON.parse(line) as Record<string, unknown>];
    });
  }

  logged(message: string): Record<string, unknown>[] {
    return this.log.filter(({ msg }) => msg === message);
  }

  /** As a power cut would, as far as the process goes: nothing of it gets another instruction. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** As an operator's service manager does. */
  async stop(timeoutMs = 15_000): Promise<ServerEnd & { ms: number }> {
    const startedAt = performance.now();
    this.#child.kill('SIGTERM');
    const end = await within('the end after SIGTERM', timeoutMs, this.ended);
    return { ...end, ms: performance.now() - startedAt };
  }

  /** For hooks: ends it if it still runs, and what a build of it may have left. Never rejects. */
  async close(): Promise<void> {
    if (this.#end === null) {
      this.#child.kill('SIGTERM');
      await within('the end after SIGTERM', 12_000, this.ended).catch(() => this.kill());
    }
    killLeftovers(this.dataDir);
  }

  #listeningAt(): string | null {
    const url = /^Slipway is listening on (\S+)$/m.exec(this.stderr)?.[1];
    if (url !== undefined) return url;
    if (this.#end !== null) throw new Error(`Slipway ended with ${JSON.stringify(this.#end)}`);
    return null;
  }
}

/** Builds and apps of a server that was killed: whatever still works inside its data folder. Linux only. */
export function killLeftovers(folder: string): void {
  if (process.platform !== 'linux') return;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/cwd`).startsWith(`${folder}/`)) {
        process.kill(Number(name), 'SIGKILL');
      }
    } catch {
      // Ended meanwhile, or not ours to look at.
    }
  }
}
