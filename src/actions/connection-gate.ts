import { deliveryLifetimeMs } from '../core/delivery/retry-schedule.js';
import type { Deployment, LaneLease, Target } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';

/**
 * While a target's connection is broken nothing is sent with it: the first refusal has said all there is to know. What waits
 * says why; repairing the connection wakes its lane. True: the lane was given back. After a day the step is made all the same, so
 * that it comes to an end.
 */
export async function waitForRepair(
  tx: Transaction,
  lease: LaneLease,
  deployment: Deployment,
  target: Target,
  failures: number,
  now: number,
): Promise<boolean> {
  if (target.connectionId === null) return false;
  const until = (deployment.startedAt ?? deployment.createdAt) + deliveryLifetimeMs;
  if (now >= until) return false;
  const connection = await tx.connections.byId(target.connectionId);
  if (connection?.state !== 'broken') return false;
  const isRunning = deployment.state !== 'queued';
  const goesOn = isRunning ? 'it is followed again' : 'it goes on';
  const reason = `The connection “${connection.name}” is broken; ${goesOn} when that is repaired. ${connection.brokenReason}`;
  if (deployment.reason !== reason) {
    await tx.deployments.update(deployment.id, { reason, updatedAt: now });
  }
  const currentDeploymentId = isRunning ? deployment.id : null;
  await tx.lanes.release(lease, now, { dueAt: until, currentDeploymentId, failures });
  return true;
}
