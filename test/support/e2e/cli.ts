import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const projectFolder = join(import.meta.dirname, '..', '..', '..');
/** Built by `pretest`; the tests of this folder run what an operator runs. */
export const cliFile = join(projectFolder, 'dist', 'cli.js');

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface CliOptions {
  /** Comes on top of `cleanEnvironment`; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** Program and arguments that the command line is appended to; must end by replacing itself with it. */
  through?: readonly string[];
}

/** Starts `node dist/cli.js …`; whatever happens, it does not outlive this process. */
export function spawnCli(
  args: readonly string[],
  options: CliOptions & { stdin?: 'pipe' | 'ignore' | number } = {},
): ChildProcess {
  if (!existsSync(cliFile)) throw new Error(`${cliFile} is missing: run npm run build first`);
  const [program = '', ...line] = [
    ...(options.through ?? []),
    ...[process.execPath, cliFile, ...args],
  ];
  const child = spawn(program, line, {
    cwd: options.cwd ?? projectFolder,
    env: withChanges(cleanEnvironment(), options.env ?? {}),
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** What tools need, and nothing of a Slipway that the person who runs the tests may have configured. */
export function cleanEnvironment(): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    const isOurs = name === 'PORT' || name.startsWith('SLIPWAY_') || name === 'DATABASE_URL';
    if (value !== undefined && !isOurs && name !== 'NODE_OPTIONS') clean[name] = value;
  }
  return clean;
}

function withChanges(
  base: Record<string, string>,
  changes: Record<string, string | undefined>,
): Record<string, string> {
  const merged = new Map(Object.entries(base));
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) merged.delete(name);
    else merged.set(name, value);
  }
  return Object.fromEntries(merged);
}

export interface CliResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  ms: number;
}

/** Runs a command to its end; one that does not end in time is killed and fails the test. */
export async function runCli(
  args: readonly string[],
  options: CliOptions & {
    /** Null closes standard input at once; a function writes when it likes. */
    input?: string | Buffer | null | ((stdin: NodeJS.WritableStream) => void);
    /** An open file as standard input. */
    stdinFd?: number;
    timeoutMs?: number;
  } = {},
): Promise<CliResult> {
  const startedAt = performance.now();
  const { input, stdinFd, timeoutMs = 15_000 } = options;
  const stdin = stdinFd ?? (input === undefined ? 'ignore' : 'pipe');
  const child = spawnCli(args, { ...options, stdin });
  const stdout = collected(child.stdout);
  const stderr = collected(child.stderr);
  // A command that does not read its input ends before it was written.
  child.stdin?.on('error', () => undefined);
  if (typeof input === 'function' && child.stdin) input(child.stdin);
  else if (input !== undefined) child.stdin?.end(input ?? '');
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('close', (...end) => resolve(end));
  });
  clearTimeout(timer);
  if (isLate) {
    throw new Error(
      `slipway ${args.join(' ')} did not end within ${timeoutMs / 1000} s:\n${stderr()}`,
    );
  }
  return {
    code,
    signal,
    stdout: stdout(),
    stderr: stderr(),
    ms: performance.now() - startedAt,
  };
}

function collected(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString('utf8');
}
