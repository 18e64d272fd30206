import { deliveryLifetimeMs } from '../core/delivery/retry-schedule.js';
import type { Connection, Deployment } from '../core/model/index.js';

/**
 * While a target's connection is broken nothing is sent with it: the first refusal has said all there is to know. What waits
 * says why; repairing the connection wakes its lane. Null: go on. After a day the step is made all the same, so that it comes to
 * an end.
 */
export function waitsForRepair(
  deployment: Deployment,
  connection: Connection | null,
  now: number,
): { reason: string; until: number } | null {
  const until = (deployment.startedAt ?? deployment.createdAt) + deliveryLifetimeMs;
  if (now >= until || connection?.state !== 'broken') return null;
  const goesOn = deployment.state === 'queued' ? 'it goes on' : 'it is followed again';
  const reason = `The connection “${connection.name}” is broken; ${goesOn} when that is repaired. ${connection.brokenReason}`;
  return { reason, until };
}
