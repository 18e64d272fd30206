import type { DeliveryFilter, DeliveryRow } from '../core/care.js';
import type { DeploymentState } from '../core/model/index.js';
import { openAnyReadOnly } from '../storage/open-read-only.js';
import {
  dataDirOption,
  parseArguments,
  placeOf,
  runCommand,
  UsageError,
  type CommandIo,
} from './io.js';
import { deliveryJson, listing } from './deliveries-text.js';
import { showDelivery } from './show-delivery.js';

const states: readonly DeploymentState[] = [
  'waiting',
  'queued',
  'building',
  'deploying',
  'live',
  'failed',
  'stopped',
  'superseded',
  'handed_off',
  'unknown',
];
const defaultLimit = 20;
const largestLimit = 10_000;

const options = {
  state: { type: 'string' },
  workspace: { type: 'string' },
  repository: { type: 'string' },
  target: { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean', default: false },
  ...dataDirOption,
} as const;

/** `slipway deliveries […]` and `slipway deliveries show ID`: reads beside a running server. */
export function runDeliveriesCommand(argv: string[], io: CommandIo): Promise<number> {
  return runCommand('deliveries', io, async () => {
    const { values, positionals } = parseArguments({
      args: argv,
      allowPositionals: true,
      options,
    });
    const [verb, id, ...more] = positionals;
    if (verb !== undefined && (verb !== 'show' || id === undefined || more.length > 0)) {
      throw new UsageError('it takes options, or: show ID.');
    }
    const filter = filterOf(values);
    const limit = limitOf(values.limit);
    const storage = await openAnyReadOnly(placeOf(values, io));
    try {
      if (id !== undefined) return await showDelivery(id, values.json, storage.read, io);
      const rows = await storage.read.care.deliveries(filter, limit);
      print(rows, values.json, io);
      return 0;
    } finally {
      await storage.close();
    }
  });
}

function print(rows: readonly DeliveryRow[], json: boolean, io: CommandIo): void {
  if (json) io.out(`${JSON.stringify(rows.map(deliveryJson))}\n`);
  else io.out(listing(rows, io.now()));
}

function filterOf(values: {
  state?: string | undefined;
  workspace?: string | undefined;
  repository?: string | undefined;
  target?: string | undefined;
}): DeliveryFilter {
  const { state, workspace, repository, target } = values;
  return {
    ...(state === undefined ? {} : { states: state.split(',').map(stateOf) }),
    ...(workspace === undefined ? {} : { workspaceSlug: workspace }),
    ...(repository === undefined ? {} : { repositoryFullName: repository }),
    ...(target === undefined ? {} : { targetId: target }),
  };
}

function stateOf(word: string): DeploymentState {
  const found = states.find((state) => state === word.trim());
  if (!found)
    throw new UsageError(`there is no state "${word}"; it is one of ${states.join(', ')}.`);
  return found;
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return defaultLimit;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= largestLimit) return limit;
  throw new UsageError(`--limit is a number from 1 to ${largestLimit}.`);
}
