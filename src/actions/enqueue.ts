import type { Deployment } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';

/**
 * Puts deployments into their lanes, in the order given. Within a slot the newest wins: what was queued there before ends
 * `superseded`, and the newest takes over its place in the lane. One whose ref must be looked at first supersedes nothing
 * until then: it may be the older one.
 */
export async function enqueueNewest(
  tx: Transaction,
  deployments: readonly Deployment[],
  now: number,
): Promise<void> {
  if (deployments.length === 0) return;
  const newest = new Map<string, Deployment>();
  for (const deployment of deployments) {
    if (!inDoubt(deployment)) newest.set(slotKey(deployment), deployment);
  }
  for (const winner of newest.values()) {
    const replaced = await tx.deployments.supersedeQueued(
      winner.targetId,
      winner.slot,
      winner.commit,
      now,
    );
    for (const { slotSince } of replaced) winner.slotSince = Math.min(winner.slotSince, slotSince);
  }
  const rows = deployments.map((deployment): Deployment => {
    const winner = newest.get(slotKey(deployment));
    if (!winner || winner === deployment || inDoubt(deployment)) return deployment;
    return { ...deployment, state: 'superseded', supersededBy: winner.commit, finishedAt: now };
  });
  await tx.deployments.insert(rows);
  await tx.lanes.wake([...new Set(rows.map(({ targetId }) => targetId))], now, { afresh: true });
}

function inDoubt({ pendingChecks }: Pick<Deployment, 'pendingChecks'>): boolean {
  return pendingChecks.includes('head');
}

function slotKey(deployment: Pick<Deployment, 'targetId' | 'slot'>): string {
  return `${deployment.targetId} ${deployment.slot}`;
}
