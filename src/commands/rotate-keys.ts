import type { Rotated } from '../actions/rotate-keys.js';
import { readEnv } from '../config/env.js';
import { ConfigError, InfrastructureError } from '../core/errors.js';
import { askServer } from './control-client.js';
import { dataDirOf, dataDirOption, parseArguments, runCommand, type CommandIo } from './io.js';

const options = { json: { type: 'boolean', default: false }, ...dataDirOption } as const;

/** `slipway keys rotate`: the running server rewraps everything it has sealed with its newest master key. */
export function runRotateKeysCommand(argv: string[], io: CommandIo): Promise<number> {
  return runCommand('keys rotate', io, async () => {
    const { values } = parseArguments({ args: argv, options });
    const { env, problems } = readEnv();
    const unreadable = problems.filter((problem) => problem.startsWith('SLIPWAY_MASTER_KEY'));
    if (unreadable.length > 0) throw new ConfigError(unreadable);
    const keys = (env.SLIPWAY_MASTER_KEY ?? '').split(/[\s,]+/).filter((text) => text !== '');
    const answer = await askServer(dataDirOf(values, io), { command: 'rotate-keys', keys });
    if (!answer) throw new InfrastructureError('server_not_running');
    if (!answer.ok) {
      io.err(`slipway keys rotate: ${answer.says}\n${answer.advice}\n`);
      return 1;
    }
    const result = answer.result as Rotated;
    io.out(values.json ? `${JSON.stringify(result)}\n` : inWords(result, keys.length > 0));
    return result.unopened === 0 ? 0 : 1;
  });
}

function inWords({ keyId, rewrapped, unopened }: Rotated, isSet: boolean): string {
  const lost =
    unopened === 0
      ? ''
      : `${unopened} could not be opened with any key at hand and were left as they are; the log names them.\n`;
  const next = isSet
    ? 'Leave only this key, or this key first, in SLIPWAY_MASTER_KEY before the next start.\n'
    : 'The new key is kept in the data folder; older backups need the old one, which they hold.\n';
  return `${rewrapped} stored secrets are under key ${keyId} now.\n${lost}${next}`;
}
