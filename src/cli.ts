#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readPayload } from './bitbucket/receive.js';
import { processIo } from './commands/io.js';
import { parseConfig } from './config/config.js';
import { readEnv } from './config/env.js';
import { SlipwayError } from './core/errors.js';
import { masterKey } from './vault/key-ring.js';
import { newMasterKeyText } from './vault/key-file.js';

const help = `slipway <command>

  start                     run the server (settings come from the environment, see README.md)
  demo [--once --json]      the whole round on this machine: Slipway, and Bitbucket's sandbox beside it
  sandbox [--port N]        Bitbucket Cloud on this machine, alone
  receive FILE|- [--json]   what a webhook payload means; nothing is stored
  deliveries [show ID]      deployments with state, reason, attempts and next try (--state --workspace --repository --limit --json)
  retry ID…|--failed        replays what failed (--since 24h --target ID --json)
  backup FILE               the database and the kept key in one file, while the server runs
  restore FILE [--force]    into an empty data folder
  migrate                   brings the database up to date; a start does the same
  doctor [--json]           looks whether everything is as it should be; exit code 1 when it is not
  export WORKSPACE_UUID     everything stored of a workspace as JSON lines, without secrets
  keys new                  a new master key for SLIPWAY_MASTER_KEY
  keys rotate               everything stored is sealed with the newest master key, while the server runs (--json)
  forge configure           the folder that the Forge app is deployed from (--app-id --base-url)
  help                      this text
`;

/**
 * Exit code: 0 fine, 1 failed while running, 2 called or configured wrongly. Servers are loaded when they are asked for:
 * the other commands answer in a fifth of the time without them, and also where the database driver cannot be loaded.
 */
async function main(argv: string[]): Promise<number> {
  const [command = 'help', ...rest] = argv;
  switch (command) {
    case 'start':
      return rest.length === 0
        ? start()
        : usage('start takes no arguments; its settings come from the environment.');
    case 'demo':
      return (await import('./demo/command.js')).runDemoCommand(rest);
    case 'sandbox':
      return (await import('./sandbox/command.js')).runSandboxCommand(rest);
    case 'receive':
      return receive(rest);
    case 'keys':
      if (rest[0] === 'rotate') {
        const { runRotateKeysCommand } = await import('./commands/rotate-keys.js');
        return runRotateKeysCommand(rest.slice(1), processIo());
      }
      return keys(rest);
    case 'deliveries':
      return (await import('./commands/deliveries.js')).runDeliveriesCommand(rest, processIo());
    case 'retry':
      return (await import('./commands/retry.js')).runRetryCommand(rest, processIo());
    case 'backup':
      return (await import('./commands/backup.js')).runBackupCommand(rest, processIo());
    case 'restore':
      return (await import('./commands/restore.js')).runRestoreCommand(rest, processIo());
    case 'migrate':
      return (await import('./commands/migrate.js')).runMigrateCommand(rest, processIo());
    case 'doctor':
      return (await import('./commands/doctor.js')).runDoctorCommand(rest, processIo());
    case 'export':
      return (await import('./commands/export.js')).runExportCommand(rest, processIo());
    case 'forge':
      return (await import('./commands/forge-configure.js')).runForgeCommand(rest, processIo());
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(help);
      return 0;
    default:
      process.stderr.write(`slipway: there is no command "${command}".\n\n${help}`);
      return 2;
  }
}

const stopSignals = ['SIGTERM', 'SIGINT'] as const;
/** Signals that come this close together are one wish. */
const sameWishMs = 1_000;

async function start(): Promise<never> {
  const { env, problems } = readEnv();
  const { config, secrets } = parseConfig(env, problems);
  const { startServer } = await import('./main.js');
  // Whoever reads it may be gone; that is no reason to end.
  process.stderr.on('error', () => undefined);
  // Nothing is begun that a start does not go on from; a database may be waited for meanwhile.
  const stopBeforeStart = (): never => process.exit(0);
  for (const signal of stopSignals) process.once(signal, stopBeforeStart);
  const running = await startServer(config, secrets);
  for (const signal of stopSignals) process.off(signal, stopBeforeStart);
  process.stderr.write(`Slipway is listening on ${running.url}\n`);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  // A step that hangs, or somebody who insists, must not keep the process: what is stored is enough to go on from. One
  // Ctrl-C often arrives twice, from the terminal and from the npm or script around us; that is not insisting.
  const forced = setTimeout(() => process.exit(1), 9_000);
  const stoppingSince = performance.now();
  const insist = (): void => {
    if (performance.now() - stoppingSince > sameWishMs) process.exit(1);
  };
  process.on('SIGTERM', insist);
  process.on('SIGINT', insist);
  await running.stop();
  clearTimeout(forced);
  // What a library still holds (a timer, a socket) is nothing to wait for.
  process.exit(0);
}

function receive(argv: string[]): number {
  let parsed;
  try {
    parsed = parseArgs({
      args: argv,
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    });
  } catch (error) {
    return usage(`receive: ${firstLine(error)}`);
  }
  const [file, ...more] = parsed.positionals;
  if (file === undefined || more.length > 0)
    return usage('receive takes one FILE, or - for standard input.');
  let changes;
  try {
    changes = readPayload(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (error) {
    const where = file === '-' ? 'standard input' : file;
    process.stderr.write(`slipway receive: ${printable(where)}: ${firstLine(error)}\n`);
    return 2;
  }
  if (parsed.values.json) {
    process.stdout.write(`${JSON.stringify(changes)}\n`);
  } else if (changes.length === 0) {
    process.stdout.write('No branch or tag moved.\n');
  } else {
    for (const { kind, ref_type: refType, name, from, to } of changes) {
      const line = `${kind} ${refType} ${name}: ${short(from)} → ${short(to)}`;
      process.stdout.write(`${printable(line)}\n`);
    }
  }
  return 0;
}

function keys(argv: string[]): number {
  if (argv.length !== 1 || argv[0] !== 'new') return usage('keys takes one word: new or rotate.');
  const text = newMasterKeyText();
  process.stdout.write(`${text}\n`);
  process.stderr.write(
    `Key ${masterKey(Buffer.from(text, 'base64')).id}. Keep it where the database is not: without it, stored secrets are lost.\n`,
  );
  return 0;
}

function usage(sentence: string): number {
  process.stderr.write(`slipway: ${sentence}\n`);
  return 2;
}

function short(hash: string | null): string {
  return hash === null ? '(nothing)' : hash.slice(0, 12);
}

/** Names come from strangers: what would steer the terminal or turn the line around is shown as its code. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return printable(message.split('\n', 1)[0] ?? message);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    if (error instanceof SlipwayError) {
      process.stderr.write(`slipway: ${error.message}\n${error.advice}\n`);
      process.exitCode = error.code === 'config_invalid' ? 2 : 1;
    } else {
      process.stderr.write(
        `slipway: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
      process.exitCode = 1;
    }
  },
);
