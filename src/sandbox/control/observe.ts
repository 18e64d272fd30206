import type { Delivery } from '../events/delivery.js';
import { describeFault, parseFault } from '../faults.js';
import {
  ControlError,
  created,
  ok,
  optional,
  repositoryFrom,
  type ControlCall,
  type ControlResult,
} from './call.js';

export function listDeliveries(call: ControlCall): ControlResult {
  const event = optional(call, 'event');
  const repository = optional(call, 'repository');
  const after = Number(optional(call, 'since') ?? 0);
  const found = call.world.deliverer.deliveries.filter(
    (d) =>
      Number(d.id) > after &&
      (event === undefined || d.event === event) &&
      (repository === undefined || d.repository === repository),
  );
  return ok({ deliveries: found });
}

export function readDelivery(call: ControlCall): ControlResult {
  return ok(deliveryFrom(call));
}

export function resendDelivery(call: ControlCall): ControlResult {
  const { id } = deliveryFrom(call);
  return created(call.world.deliverer.resend(id));
}

function deliveryFrom(call: ControlCall): Delivery {
  const found = call.world.deliverer.deliveries.find((d) => d.id === call.params['id']);
  if (!found) throw new ControlError(404, `there is no delivery ${call.params['id'] ?? ''}`);
  return found;
}

/** Answers when no delivery is in flight or waiting. */
export async function waitIdle(call: ControlCall): Promise<ControlResult> {
  const timeout = Number(optional(call, 'timeout_ms') ?? 30_000);
  const { deliverer, forge } = call.world;
  const both = await Promise.all([deliverer.idle(timeout), forge.idle(timeout)]);
  const idle = both.every(Boolean);
  return { status: idle ? 200 : 504, json: { idle, held: call.world.deliverer.heldCount } };
}

export function releaseHeld(call: ControlCall): ControlResult {
  const released = call.world.deliverer.heldCount;
  call.world.deliverer.releaseHeld();
  return ok({ released });
}

export function listCalls(call: ControlCall): ControlResult {
  return ok({ calls: since(call, call.world.journal.calls) });
}

export function listGit(call: ControlCall): ControlResult {
  return ok({ operations: since(call, call.world.journal.gitOperations) });
}

/** `since` is the id of the last entry already seen, or a timestamp. */
function since<T extends { id: number; at: string }>(call: ControlCall, list: readonly T[]): T[] {
  const text = optional(call, 'since');
  if (text === undefined) return [...list];
  if (/^\d+$/.test(text)) return list.filter((entry) => entry.id > Number(text));
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new ControlError(400, 'since must be an id or a timestamp');
  return list.filter((entry) => Date.parse(entry.at) > time);
}

export function listStatuses(call: ControlCall): ControlResult {
  const repository = repositoryFrom(call);
  const commit = optional(call, 'commit');
  const key = optional(call, 'key');
  const all = call.world.state.statusHistory(repository, commit);
  return ok({ statuses: all.filter((entry) => key === undefined || entry.key === key) });
}

export function listFaults(call: ControlCall): ControlResult {
  return ok({ faults: call.world.faults.all });
}

export function addFault(call: ControlCall): ControlResult {
  const parsed = parseFault(call.input);
  if (typeof parsed === 'string') throw new ControlError(400, parsed);
  return created(describeFault(call.world.faults.add(parsed.fault, parsed.times)));
}

export function clearFaults(call: ControlCall): ControlResult {
  call.world.faults.clear();
  return ok({ faults: [] });
}

export function removeFault(call: ControlCall): ControlResult {
  call.world.faults.clear(Number(call.params['id']));
  return ok({ faults: call.world.faults.all });
}
