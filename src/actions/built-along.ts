import type { Deployment, LaneLease, Target } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';
import { wakeWaiters } from './settle-waiting.js';
import { recordStatus, type StatusDeps } from './record-status.js';

/**
 * A backend that builds whatever the branch points at may have built this commit already, when it was asked for an older one.
 * Its push is settled by that then, and not deployed once more. True: the deployment is over, the lane was given back.
 */
export async function settleBuiltAlong(
  tx: Transaction,
  lease: LaneLease,
  deployment: Deployment,
  target: Target,
  now: number,
  deps: StatusDeps,
): Promise<boolean> {
  // What a person asks for is done, whatever is live.
  if (deployment.cause !== 'push' && deployment.cause !== 'reconcile') return false;
  const live = target.liveDeploymentId ? await tx.deployments.byId(target.liveDeploymentId) : null;
  if (live?.builtCommit !== deployment.commit || live.slot !== deployment.slot) return false;
  const settled = {
    state: 'live',
    reason: `Deployed together with ${live.commit.slice(0, 12)}.`,
    backendRef: live.backendRef,
    url: live.url,
    startedAt: deployment.startedAt ?? now,
    finishedAt: now,
    updatedAt: now,
  } as const;
  await tx.deployments.update(deployment.id, settled);
  await recordStatus(tx, { ...deployment, ...settled }, target.name, now, deps);
  await tx.targets.touch(target.id, { liveDeploymentId: deployment.id });
  await wakeWaiters(tx, [deployment.id], now);
  await tx.lanes.release(lease, now, { dueAt: now, currentDeploymentId: null, failures: 0 });
  return true;
}
