import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const benchFolder = join(import.meta.dirname, '..');
export const rootFolder = join(benchFolder, '..');

/** One server under test, in a process of its own. */
export interface Running {
  name: string;
  port: number;
  child: ChildProcess;
  /** What it wrote to stderr so far. */
  log(): string;
  /** Resident memory in MB. */
  memoryMb(): number;
  /** Processor time used so far, ms, of all its threads. */
  cpuMs(): number;
  stop(): Promise<void>;
}

const all = new Set<Running>();
const folders = new Set<string>();
const startTimeoutMs = 30_000;

export interface StartOptions {
  name: string;
  /** Arguments of node. */
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Known ahead; otherwise the process says it in its first line on stdout. */
  port?: number;
}

/** A server of `bench/servers`, run by tsx. */
export function serverArgs(script: string, ...args: string[]): string[] {
  return ['--import', 'tsx', join(benchFolder, 'servers', `${script}.ts`), ...args];
}

export async function start({ name, args, env = {}, port }: StartOptions): Promise<Running> {
  const folder = tempFolder(`log-${name.replace(/\W+/g, '-')}`);
  const logFile = join(folder, 'stderr.log');
  const log = createWriteStream(logFile);
  await new Promise((resolve) => log.once('open', resolve));
  const nodeArgs = (process.env['BENCH_NODE_ARGS'] ?? '').split(' ').filter(Boolean);
  const child = spawn(process.execPath, [...nodeArgs, ...args], {
    cwd: rootFolder,
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', log, 'ipc'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const running: Running = {
    name,
    port: 0,
    child,
    log: () => readFileSync(logFile, 'utf8'),
    memoryMb: () => residentMb(child.pid ?? 0),
    cpuMs: () => usedMs(child.pid ?? 0),
    async stop() {
      all.delete(running);
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), 12_000);
      await ended;
      clearTimeout(forced);
      log.close();
    },
  };
  all.add(running);
  const failed = ended.then(() => {
    throw new Error(`${name} ended while starting:\n${running.log().slice(-2000)}`);
  });
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`${name} did not start in time`)), startTimeoutMs).unref();
  });
  const up = port === undefined ? saidPort(child) : answers(port);
  running.port = await Promise.race([up, failed, late]);
  failed.catch(() => undefined);
  return running;
}

function saidPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const line = /^\{"port":(\d+)\}$/m.exec(text);
      if (line) resolve(Number(line[1]));
    });
  });
}

async function answers(port: number): Promise<number> {
  for (;;) {
    const ok = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (response) => response.status < 500,
      () => false,
    );
    if (ok) return port;
    await pause(50);
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export function tempFolder(name: string): string {
  const folder = mkdtempSync(join(process.env['BENCH_TMP'] ?? tmpdir(), `slipway-bench-${name}-`));
  folders.add(folder);
  return folder;
}

/** Whatever the bench started or wrote goes with it. */
export async function cleanUp(): Promise<void> {
  await Promise.all([...all].map((running) => running.stop()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

process.on('exit', () => {
  for (const { child } of all) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().then(() => process.exit(130)));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Resolves when `is` holds, asked every few milliseconds; false when it does not in time. */
export async function until(is: () => boolean, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (!is()) {
    if (performance.now() > end) return false;
    await pause(20);
  }
  return true;
}

function residentMb(pid: number): number {
  try {
    const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kb ?? Number.NaN) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Linux counts in hundredths of a second. */
function usedMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return Number.NaN;
  }
}
