import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Slipway as an operator runs it: a process of its own. */
export interface ServerProcess {
  url: string;
  pid: number;
  /** Resolves when the process has ended: how ("with code 1", "by SIGKILL"), and its last lines. */
  ended: Promise<{ how: string; lastLines: string }>;
  stop(): Promise<void>;
}

const keptLines = 40;

/** @param onLine gets every line the server logs */
export async function startServerProcess(
  settings: Record<string, string>,
  onLine: (line: string) => void = () => undefined,
  startWithinMs = 30_000,
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
  const ended = once(child, 'exit').then(([code, signal]) => ({
    how: signal === null ? `with code ${String(code)}` : `by ${String(signal)}`,
    lastLines: lines.join('\n'),
  }));
  const started = new AbortController();
  const listening = await Promise.race([
    url,
    ended.then(({ how, lastLines }) => {
      throw new Error(`Slipway ended ${how} before it was ready:\n${lastLines}`);
    }),
    delay(startWithinMs, undefined, { signal: started.signal }).then(() => {
      child.kill('SIGKILL');
      throw new Error(
        `Slipway was not ready within ${startWithinMs / 1000} s:\n${lines.join('\n')}`,
      );
    }),
    // The clock must not run on: it would end a server that has long been ready.
  ]).finally(() => started.abort());
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
    const isOurs = name === 'PORT' || name === 'DATABASE_URL' || name.startsWith('SLIPWAY_');
    if (value !== undefined && !isOurs) kept[name] = value;
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
