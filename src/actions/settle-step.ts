import { statusFor } from '../core/delivery/build-status.js';
import { isOver, type Settlement } from '../core/delivery/settle.js';
import type { Attempt, Deployment, LaneLease, Target } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';
import { noteBrokenConnection, noteEnd } from './deploy-notices.js';
import { recordStatus } from './record-status.js';
import { wakeFollowers, wakeWaiters } from './settle-waiting.js';
import type { LaneDeps } from './step-lane.js';

/**
 * Step 7: attempt, state and next time in one transaction, guarded by lease and fencing number. False: the lease was lost
 * while the backend was called; nothing was written, and the new holder finds out for itself.
 */
export async function applySettlement(
  tx: Transaction,
  lease: LaneLease,
  step: { deployment: Deployment; target: Target; beganAt: number },
  settlement: Settlement,
  attempt: Attempt | null,
  deps: LaneDeps,
): Promise<boolean> {
  const now = deps.clock();
  if (!(await tx.lanes.holds(lease, now))) return false;
  if (attempt) await tx.attempts.finish(attempt.id, attempt);
  const settled: Deployment = { ...step.deployment, ...settlement.deployment, updatedAt: now };
  await tx.deployments.update(settled.id, { ...settlement.deployment, updatedAt: now });
  if (statusChanged(step.deployment, settled, step.target.name)) {
    await recordStatus(tx, settled, step.target.name, now, deps);
  }
  await applyToConnection(tx, step, settlement, attempt, deps);
  await applyToTarget(tx, step.target, settled, settlement, now);
  await noteEnd(tx, settled, step.target, deps);
  // In the same transaction: what went live here is never forgotten over there.
  if (isOver(settled.state)) await wakeWaiters(tx, [settled.id], now);
  if (settlement.wentLive && settled.cause === 'rollback') {
    await wakeFollowers(tx, step.target, now);
  }
  await tx.lanes.release(lease, now, {
    dueAt: settlement.lane.dueAt,
    currentDeploymentId: settlement.lane.keepCurrent ? settled.id : null,
    failures: settlement.lane.failures,
  });
  return true;
}

function statusChanged(before: Deployment, after: Deployment, targetName: string): boolean {
  const is = statusFor(after, targetName);
  return is !== null && is.state !== statusFor(before, targetName)?.state;
}

async function applyToConnection(
  tx: Transaction,
  { target: { id: target, connectionId }, beganAt }: { target: Target; beganAt: number },
  { breakConnection: reason }: Settlement,
  attempt: Attempt | null,
  deps: LaneDeps,
): Promise<void> {
  if (connectionId === null) return;
  const now = deps.clock();
  if (reason === undefined) {
    if (attempt?.outcome === 'accepted') await tx.connections.markUsed(connectionId, now);
    return;
  }
  if (await tx.connections.markBroken(connectionId, { reason, now, testedBefore: beganAt })) {
    await noteBrokenConnection(tx, connectionId, reason, deps);
    deps.logger.warn({ connection: connectionId, target, reason }, 'connection.broken');
  }
}

async function applyToTarget(
  tx: Transaction,
  target: Target,
  settled: Deployment,
  settlement: Settlement,
  now: number,
): Promise<void> {
  if (settlement.wentLive) await tx.targets.touch(target.id, { liveDeploymentId: settled.id });
  if (settlement.pauseTarget !== undefined) {
    const hold = { since: now, by: 'Slipway', reason: settlement.pauseTarget };
    await tx.targets.touch(target.id, { hold });
  }
  // A rollback that did not happen leaves nothing to protect.
  if (settled.cause === 'rollback' && isOver(settled.state) && settled.state !== 'live') {
    await tx.targets.touch(target.id, { hold: null });
  }
}
