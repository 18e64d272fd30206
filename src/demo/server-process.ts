import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Slipway as an operator runs it: a process of its own. */
export interface ServerProcess {
  url: string;
  pid: number;
  /** Resolves when the process has ended, with its last lines if it was not told to. */
  ended: Promise<{ code: number | null; lastLines: string }>;
  stop(): Promise<void>;
}

const keptLines = 40;
const startTimeoutMs = 30_000;

/** @param onLine gets every line the server logs */
export async function startServerProcess(
  settings: Record<string, string>,
  onLine: (line: string) => void = () => undefined,
): Promise<ServerProcess> {
  // `dist/cli.js` when built, `src/cli.ts` when run from source; execArgv then brings the loader along.
  const cli = fileURLToPath(
    new URL(`../cli${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
  );
  const child = spawn(process.execPath, [...process.execArgv, cli, 'start'], {
    env: { ...inherited(), ...settings },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  const url = urlWhenListening(child, (line) => {
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
    onLine(line);
  });
  const ended = once(child, 'exit').then(([code]) => ({
    code: code as number | null,
    lastLines: lines.join('\n'),
  }));
  const listening = await Promise.race([
    url,
    ended.then(({ code, lastLines }) => {
      throw new Error(`Slipway ended with code ${code} before it was ready:\n${lastLines}`);
    }),
    after(startTimeoutMs).then(() => {
      child.kill('SIGKILL');
      throw new Error(
        `Slipway was not ready within ${startTimeoutMs / 1000} s:\n${lines.join('\n')}`,
      );
    }),
  ]);
  return {
    url: listening,
    pid: child.pid ?? 0,
    ended,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Tools need PATH and HOME; settings of another Slipway must not leak into this one. */
function inherited(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment())) {
    if (value !== undefined && name !== 'PORT' && !name.startsWith('SLIPWAY_')) kept[name] = value;
  }
  return kept;
}

function environment(): NodeJS.ProcessEnv {
  // eslint-disable-next-line no-restricted-properties -- not read here: handed on to a process that reads it in config/
  return process.env;
}

function urlWhenListening(child: ChildProcess, onLine: (line: string) => void): Promise<string> {
  return new Promise((resolve) => {
    let rest = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        onLine(line);
        const url = /^Slipway is listening on (\S+)$/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      }
    });
  });
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
