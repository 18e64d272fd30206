import {
  retryDeployments,
  type RetryResult,
  type RetryWish,
} from '../actions/retry-deployments.js';
import { InfrastructureError, SlipwayError } from '../core/errors.js';
import type { Logger } from '../core/ports.js';
import { createIds } from '../lib/ids.js';
import type { StoragePlace } from '../storage/open-read-only.js';
import { openStorage } from '../storage/open-storage.js';
import { askServer } from './control-client.js';
import {
  dataDirOption,
  durationMs,
  parseArguments,
  placeOf,
  printable,
  runCommand,
  UsageError,
  type CommandIo,
} from './io.js';

const options = {
  failed: { type: 'boolean', default: false },
  since: { type: 'string' },
  target: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...dataDirOption,
} as const;

/** Older failures are rarely what is meant by "all that failed", and a replay of last month's would surprise. */
const defaultSince = '24h';
const by = { name: 'the operator' };

/**
 * `slipway retry ID…` and `slipway retry --failed`: through the server that runs on the data folder; without one, by itself,
 * and the deployments wait until a server starts. Exit code 1 when a named one was refused.
 */
export function runRetryCommand(argv: string[], io: CommandIo): Promise<number> {
  return runCommand('retry', io, async () => {
    const { values, positionals: ids } = parseArguments({
      args: argv,
      allowPositionals: true,
      options,
    });
    const wish = wishOf(values, ids, io.now());
    const place = placeOf(values, io);
    const { result, isServed } = await carryOut(place, wish, io);
    if (values.json) io.out(`${JSON.stringify(result)}\n`);
    else io.out(inWords(result, isServed ? null : place));
    return ids.length > 0 && result.refused.length > 0 ? 1 : 0;
  });
}

function wishOf(
  values: {
    failed: boolean;
    since?: string | undefined;
    target?: string | undefined;
  },
  ids: readonly string[],
  now: number,
): RetryWish {
  const { failed, since, target } = values;
  if (failed === ids.length > 0) throw new UsageError('name deployments by ID, or say --failed.');
  if (!failed && (since !== undefined || target !== undefined)) {
    throw new UsageError('--since and --target go with --failed.');
  }
  if (!failed) return { by, ids };
  const failedSince = now - durationMs(since ?? defaultSince);
  return { by, failedSince, ...(target === undefined ? {} : { targetId: target }) };
}

async function carryOut(
  place: StoragePlace,
  wish: RetryWish,
  io: CommandIo,
): Promise<{ result: RetryResult; isServed: boolean }> {
  const answer = await askServer(place.dataDir, { command: 'retry', ...wish });
  if (answer?.ok) return { result: answer.result as RetryResult, isServed: true };
  if (answer) throw new Refused(answer.says, answer.advice);
  return { result: await retryAlone(place, wish, io), isServed: false };
}

/** In the server's own words. */
class Refused extends InfrastructureError {
  override readonly advice: string;

  constructor(says: string, advice: string) {
    super('storage_unavailable');
    this.message = says;
    this.advice = advice;
  }
}

async function retryAlone(
  place: StoragePlace,
  wish: RetryWish,
  io: CommandIo,
): Promise<RetryResult> {
  const ids = createIds();
  const { dataDir, databaseUrl } = place;
  const storage = await openStorage({
    ...{ dataDir, databaseUrl },
    newId: () => ids.next(),
    now: () => io.now(),
    logger: silent,
  }).catch((error: unknown) => {
    if (error instanceof SlipwayError && error.code === 'data_folder_owned') {
      throw new Refused(error.message, 'It does not answer on control.sock yet; try again.');
    }
    throw error;
  });
  try {
    const waker = { wake: () => undefined };
    return await retryDeployments(wish, {
      storage,
      clock: () => io.now(),
      ids,
      waker,
      logger: silent,
    });
  } finally {
    await storage.close();
  }
}

const quiet = (): void => undefined;
const silent: Logger = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: quiet,
  child: () => silent,
};

/** `place`: where they wait, when no server took them. */
function inWords({ retried, refused, more }: RetryResult, place: StoragePlace | null): string {
  const lines = [
    ...retried.map(
      ({ id, deploymentId, commit }) => `${id}  → ${deploymentId}, commit ${commit.slice(0, 12)}`,
    ),
    ...refused.map(({ id, why }) => `${id}  not retried: ${why}`),
  ];
  if (retried.length === 0) lines.push('Nothing was retried.');
  else if (place?.databaseUrl === null) {
    lines.push('No server runs on this data folder; they wait until it starts.');
  } else if (place) lines.push('They wait in the database for the next node that has a free hand.');
  if (more) lines.push('There are more; run it again for the next ones.');
  return lines.map((line) => `${printable(line)}\n`).join('');
}
