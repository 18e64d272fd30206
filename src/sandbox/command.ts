import { once } from 'node:events';
import { parseArgs } from 'node:util';

import { seedSample, type Sample } from './sample.js';
import { startSandbox, type Sandbox } from './index.js';

const usage = 'usage: slipway sandbox [--port N] [--data DIR] [--quiet]';

/** `slipway sandbox`: runs until SIGINT or SIGTERM and returns the exit code. */
export async function runSandboxCommand(argv: string[]): Promise<number> {
  const options = readOptions(argv);
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n${usage}\n`);
    return 2;
  }
  const stopSignal = nextSignal();
  let sandbox: Sandbox | undefined;
  try {
    sandbox = await startSandbox({
      port: options.port,
      ...(options.data === undefined ? {} : { dataDir: options.data }),
      log: (line) => {
        if (!options.quiet) process.stdout.write(`${line}\n`);
      },
    });
    process.stdout.write(greeting(sandbox, await seedSample(sandbox)));
    await stopSignal;
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await sandbox?.stop();
  }
}

interface CommandOptions {
  port: number;
  data: string | undefined;
  quiet: boolean;
}

function readOptions(argv: string[]): CommandOptions | string {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        port: { type: 'string', default: '7990' },
        data: { type: 'string' },
        quiet: { type: 'boolean', default: false },
      },
    });
    const port = Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) return '--port must be 0 to 65535';
    return { port, data: values.data, quiet: values.quiet };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function nextSignal(): Promise<void> {
  const done = new AbortController();
  const { signal } = done;
  await Promise.race([
    once(process, 'SIGINT', { signal }).catch(() => undefined),
    once(process, 'SIGTERM', { signal }).catch(() => undefined),
  ]);
  done.abort();
}

function greeting(sandbox: Sandbox, sample: Sample): string {
  const { host } = new URL(sandbox.url);
  const lines = [
    'Bitbucket Cloud on this machine',
    '',
    `  pages     ${sandbox.url}/`,
    `  settings  ${sandbox.url}/${sample.repository}/admin?as=ada`,
    `  data      ${sandbox.dataDir}`,
  ];
  for (const user of sample.users) {
    lines.push(
      `  ${user.nickname.padEnd(8)}  git clone ` +
        `http://${user.nickname}:${user.git_password}@${host}/${sample.repository}.git`,
    );
  }
  return `${lines.join('\n')}\n\nStop with Ctrl-C.\n`;
}
