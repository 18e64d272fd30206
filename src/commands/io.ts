import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { parseDatabaseUrl, type DatabaseAddress } from '../config/database-url.js';
import { readEnv } from '../config/env.js';
import { ConfigError, SlipwayError } from '../core/errors.js';

/** Where a command reads and writes; tests bring their own. */
export interface CommandIo {
  out(text: string): void;
  err(text: string): void;
  /** Waits until the reader of a pipe has caught up. */
  drained?(): Promise<void>;
  /** As configured; `--data-dir` wins. */
  dataDir: string;
  /** `DATABASE_URL` as configured; null: SQLite in the data folder. */
  databaseUrl: string | null;
  now(): number;
}

export function processIo(): CommandIo {
  const { env } = readEnv();
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    async drained() {
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
    },
    // Only these: the commands must work in a shell that has not the server's whole configuration.
    dataDir: resolve(env.SLIPWAY_DATA_DIR ?? './data'),
    databaseUrl: env.DATABASE_URL ?? null,
    now: Date.now,
  };
}

/** The command was called wrongly: one sentence, exit code 2. */
export class UsageError extends Error {}

export const dataDirOption = { 'data-dir': { type: 'string' } } as const;

/** Like `parseArgs`, but what is wrong with the arguments is a `UsageError`. */
export function parseArguments<Config extends ParseArgsConfig>(config: Config) {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(firstLine(error));
  }
}

export function dataDirOf(values: { 'data-dir'?: string | undefined }, io: CommandIo): string {
  return values['data-dir'] === undefined ? io.dataDir : resolve(values['data-dir']);
}

/** Where the database is. Throws `ConfigError` when `DATABASE_URL` cannot be used. */
export function placeOf(
  values: { 'data-dir'?: string | undefined },
  io: CommandIo,
): { dataDir: string; databaseUrl: string | null; address: DatabaseAddress } {
  const { databaseUrl } = io;
  const address = databaseUrl === null ? sqlite : parseDatabaseUrl(databaseUrl);
  if ('problem' in address) throw new ConfigError([address.problem]);
  return { dataDir: dataDirOf(values, io), databaseUrl, address };
}

const sqlite: DatabaseAddress = { kind: 'sqlite' };

/** Exit code: what `work` returns; 1 when it failed, 2 when it was called or configured wrongly. */
export async function runCommand(
  name: string,
  io: CommandIo,
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`slipway ${name}: ${error.message}\n`);
      return 2;
    }
    if (!(error instanceof SlipwayError)) throw error;
    const advice = error.code === 'config_invalid' ? '' : `${error.advice}\n`;
    io.err(`slipway ${name}: ${printableLines(error.message)}\n${advice}`);
    return error.code === 'config_invalid' ? 2 : 1;
  }
}

/** Names come from strangers: what would steer the terminal or turn the line around is shown as its code. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return printable(message.split('\n', 1)[0] ?? message);
}

const unitsMs = { m: 60_000, h: 60 * 60_000, d: 24 * 60 * 60_000 } as const;

/** `90m`, `24h`, `7d` in milliseconds. */
export function durationMs(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new UsageError(`"${printable(text)}" is no duration; write 90m, 24h or 7d.`);
  }
  return Number(digits) * unitsMs[unit as keyof typeof unitsMs];
}
