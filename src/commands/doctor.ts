import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig, type Config, type Secrets } from '../config/config.js';
import { readEnv, type Env } from '../config/env.js';
import { fine, note, problem, type Finding } from '../core/diagnosis.js';
import { ConfigError } from '../core/errors.js';
import { diagnose } from '../doctor/diagnose.js';
import { keptMasterKeys } from '../vault/key-file.js';
import { masterKey } from '../vault/key-ring.js';
import { askServer } from './control-client.js';
import {
  dataDirOf,
  dataDirOption,
  parseArguments,
  printable,
  runCommand,
  UsageError,
  type CommandIo,
} from './io.js';

const options = { json: { type: 'boolean', default: false }, ...dataDirOption } as const;

/**
 * `slipway doctor`: is everything as it should be? A running server answers for itself, with its own settings; without one
 * this process looks, with the settings of this shell. Exit code 1 when something is wrong.
 */
export function runDoctorCommand(
  argv: string[],
  io: CommandIo,
  environment: { env: Env; problems: string[] } = readEnv(),
): Promise<number> {
  return runCommand('doctor', io, async () => {
    const { values, positionals } = parseArguments({ args: argv, allowPositionals: true, options });
    if (positionals.length > 0) throw new UsageError('it takes options only.');
    const dataDir = dataDirOf(values, io);
    const running = await askRunning(dataDir);
    const findings = running ?? (await lookMyself(dataDir, environment, () => io.now()));
    const ok = findings.every(({ state }) => state !== 'problem');
    if (values.json) {
      io.out(`${JSON.stringify({ ok, server: running ? 'running' : 'stopped', findings })}\n`);
    } else io.out(text(findings, ok));
    return ok ? 0 : 1;
  });
}

async function askRunning(dataDir: string): Promise<Finding[] | null> {
  const answer = await askServer(dataDir, { command: 'doctor' });
  if (!answer) return null;
  if (!answer.ok) return [problem('server', `${answer.says}.`, answer.advice)];
  return [fine('server', `It runs on ${dataDir}.`), ...(answer.result as Finding[])];
}

async function lookMyself(
  dataDir: string,
  { env, problems }: { env: Env; problems: string[] },
  clock: () => number,
): Promise<Finding[]> {
  const findings: Finding[] = [note('server', `None runs on ${dataDir}.`)];
  let read: { config: Readonly<Config>; secrets: Secrets } | null = null;
  try {
    read = parseConfig(env, problems);
    findings.push(fine('configuration', 'It can be used.'));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    findings.push(...error.problems.map((says) => problem('configuration', says, error.advice)));
  }
  const masterKeys = keysAtHand(dataDir, read?.secrets ?? null);
  const config = read?.config ?? null;
  const databaseUrl = read?.secrets.databaseUrl ?? null;
  const patient = { config, dataDir, databaseUrl, masterKeys, baseUrl: null, clock };
  return [...findings, ...(await diagnose(patient))];
}

/** Never makes one: looking must not change anything. */
function keysAtHand(dataDir: string, secrets: Secrets | null): string[] | null {
  const ids = (keys: readonly Buffer[]): string[] => keys.map((key) => masterKey(key).id);
  if (secrets?.masterKey) return ids([secrets.masterKey, ...secrets.olderMasterKeys]);
  if (!existsSync(join(dataDir, 'master.key'))) return null;
  return ids(keptMasterKeys(dataDir));
}

const words: Record<Finding['state'], string> = { fine: 'ok', note: 'note', problem: 'PROBLEM' };

function text(findings: readonly Finding[], ok: boolean): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, says, advice }) => {
    const head = `${words[state].padEnd(8)} ${check.padEnd(width)}  ${printable(says)}`;
    return advice === null ? [head] : [head, `${' '.repeat(width + 11)}→ ${printable(advice)}`];
  });
  const problems = findings.filter(({ state }) => state === 'problem').length;
  const end = ok ? 'Everything works as it should.' : `Problems: ${problems}.`;
  return `${[...lines, '', end].join('\n')}\n`;
}
