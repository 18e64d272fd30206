import type { Deployment } from '../core/model/index.js';
import type { Ids, Transaction } from '../core/ports.js';
import { recordEnd } from './record-status.js';

/**
 * Puts deployments into their lanes, in the order given. Within a slot the newest wins: what was queued there before ends
 * `superseded`, and the newest takes over its place in the lane. One whose ref must be looked at first supersedes nothing
 * until then: it may be the older one.
 */
export async function enqueueNewest(
  tx: Transaction,
  deployments: readonly Deployment[],
  now: number,
  deps: { ids: Ids },
): Promise<void> {
  if (deployments.length === 0) return;
  const newest = new Map<string, Deployment>();
  for (const deployment of deployments) {
    if (isQueued(deployment) && !inDoubt(deployment)) newest.set(slotKey(deployment), deployment);
  }
  // Asked for all at once: hardly ever does anything wait there.
  const winners = [...newest.values()];
  const busy = await tx.deployments.targetsWithQueued([
    ...new Set(winners.map(({ targetId }) => targetId)),
  ]);
  for (const winner of winners) {
    if (!busy.has(winner.targetId)) continue;
    const replaced = await supersedeQueued(tx, winner, now, deps);
    for (const { slotSince } of replaced) winner.slotSince = Math.min(winner.slotSince, slotSince);
  }
  const rows = deployments.map((deployment): Deployment => {
    const winner = newest.get(slotKey(deployment));
    if (!winner || winner === deployment || inDoubt(deployment)) return deployment;
    if (!isQueued(deployment)) return deployment;
    return { ...deployment, state: 'superseded', supersededBy: winner.commit, finishedAt: now };
  });
  await tx.deployments.insert(rows);
  await tx.lanes.wake([...new Set(rows.map(({ targetId }) => targetId))], now, { afresh: true });
}

/** What waited in the slot of `winner` ends for it, also for those who look at the commits. Returns it as it was. */
export async function supersedeQueued(
  tx: Transaction,
  winner: Pick<Deployment, 'targetId' | 'slot' | 'commit'>,
  now: number,
  deps: { ids: Ids },
): Promise<Deployment[]> {
  const { targetId, slot, commit: supersededBy } = winner;
  const replaced = await tx.deployments.supersedeQueued(targetId, slot, supersededBy, now);
  const waiters = await tx.deployments.waitersOf(replaced.map(({ id }) => id));
  await tx.lanes.wake([...new Set(waiters.map((each) => each.targetId))], now);
  for (const each of replaced) {
    await recordEnd(tx, { ...each, state: 'superseded', supersededBy }, now, deps);
    if (each.pendingChecks.length > 0 && each.refChangeId !== null) {
      await tx.events.decide(each.refChangeId, targetId, {
        outcome: 'deploy',
        reasonCode: 'superseded',
        reason: `Commit ${supersededBy.slice(0, 12)} came before its turn.`,
        deploymentId: each.id,
      });
    }
  }
  return replaced;
}

/** One that waits for another target supersedes nothing, and is not superseded here: its turn is not now. */
function isQueued({ state }: Pick<Deployment, 'state'>): boolean {
  return state === 'queued';
}

function inDoubt({ pendingChecks }: Pick<Deployment, 'pendingChecks'>): boolean {
  return pendingChecks.includes('head');
}

function slotKey(deployment: Pick<Deployment, 'targetId' | 'slot'>): string {
  return `${deployment.targetId} ${deployment.slot}`;
}
