import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { aborted, pause } from './pause.js';
import { killGroup, processesOf } from './process-group.js';

/** Whom a program runs as. */
export interface Identity {
  uid: number;
  gid: number;
}

export interface Command {
  program: string;
  args: readonly string[];
  cwd: string;
  /** The whole environment: nothing of ours is added. */
  env: Readonly<Record<string, string>>;
  identity: Identity | null;
  timeoutMs: number;
  killGraceMs: number;
  signal: AbortSignal;
  onOutput: (chunk: Buffer, from: Readable) => void;
  /** Awaited before the command counts as started, so that its pid is on disk. */
  onStart?: (pid: number) => Promise<void>;
}

export type CommandEnd =
  | { kind: 'exited'; code: number }
  | { kind: 'killed'; signal: string }
  | { kind: 'timeout' }
  | { kind: 'aborted' }
  | { kind: 'not_started'; error: Error };

/** Runs a program in a process group of its own and leaves nothing of it behind. Never rejects because of the program. */
export async function runCommand(command: Command): Promise<CommandEnd> {
  if (command.signal.aborted) return { kind: 'aborted' };
  const child = spawnInGroup(command);
  const exited = exitOf(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => command.onOutput(chunk, stream));
  }
  const { pid } = child;
  if (pid === undefined) return exited;
  await command.onStart?.(pid);

  const stopper = new AbortController();
  const limit = pause(command.timeoutMs, stopper.signal).then(() => 'timeout' as const);
  const wish = aborted(command.signal, stopper.signal).then(() => 'aborted' as const);
  const first = await Promise.race([exited, limit, wish]);
  if (typeof first === 'string') await endGroup(pid, exited, command.killGraceMs);
  stopper.abort();
  killGroup(pid, 'SIGKILL');
  if (command.identity !== null) await killUser(command.identity);
  await drained(child);
  return typeof first === 'string' ? { kind: first } : first;
}

export function spawnInGroup(
  command: Pick<Command, 'program' | 'args' | 'cwd' | 'env' | 'identity'>,
): ChildProcess {
  return spawn(command.program, command.args, {
    cwd: command.cwd,
    env: { ...command.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // With a uid, Node also drops our supplementary groups.
    ...(command.identity === null ? {} : command.identity),
  });
}

export function exitOf(child: ChildProcess): Promise<CommandEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not_started', error }));
    child.once('exit', (code, signal) =>
      resolve(
        code === null ? { kind: 'killed', signal: signal ?? 'SIGKILL' } : { kind: 'exited', code },
      ),
    );
  });
}

/** SIGTERM, and SIGKILL when that did not help in time. */
export async function endGroup(
  pid: number,
  exited: Promise<unknown>,
  graceMs: number,
): Promise<void> {
  const stopper = new AbortController();
  killGroup(pid, 'SIGTERM');
  await Promise.race([exited, pause(graceMs, stopper.signal)]);
  stopper.abort();
  killGroup(pid, 'SIGKILL');
  await exited;
}

/**
 * Kills everything that runs as this user, also what left its process group. The kernel does it in one step, so no fork
 * escapes; a hostile process could only kill the killer first, hence the repetition.
 */
export async function killUser(identity: Identity): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    if (process.platform === 'linux' && processesOf(identity.uid).length === 0) return;
    const child = spawn('/bin/sh', ['-c', 'kill -9 -1'], {
      ...identity,
      cwd: '/',
      env: {},
      stdio: 'ignore',
    });
    await exitOf(child);
    if (process.platform !== 'linux') return;
  }
  throw new Error('Processes of a build could not be ended');
}

/** The pipes end when the last holder is gone; a holder we cannot kill must not hold us up. */
export async function drained(child: ChildProcess): Promise<void> {
  const stopper = new AbortController();
  const closed = new Promise<void>((resolve) => {
    const ended = () =>
      child.stdout?.readableEnded !== false && child.stderr?.readableEnded !== false;
    if (ended()) resolve();
    else child.once('close', () => resolve());
  });
  await Promise.race([closed, pause(1000, stopper.signal)]);
  stopper.abort();
  child.stdout?.destroy();
  child.stderr?.destroy();
}
