import { statusFor } from '../core/delivery/build-status.js';
import { isOver, type Settlement } from '../core/delivery/settle.js';
import type { Attempt, Deployment, LaneLease, StatusReport, Target } from '../core/model/index.js';
import type { LaneChange, Transaction } from '../core/ports.js';
import { allSettled } from '../lib/settled.js';
import { noteBrokenConnection, noteEnds } from './deploy-notices.js';
import { statusReport } from './record-status.js';
import { wakeFollowers, wakeWaiters } from './settle-waiting.js';
import type { LaneDeps } from './step-lane.js';
import { undoHold } from './undo-hold.js';

/** What came of one step. */
export interface Settled {
  lease: LaneLease;
  deployment: Deployment;
  target: Target;
  settlement: Settlement;
  /** As it is to be finished; null when the step made no attempt worth keeping. */
  attempt: Attempt | null;
  /** When the call began, Unix ms. */
  beganAt: number;
}

export interface SettledLane {
  /** False: the lease was lost while the backend was called; nothing was written, and the new holder finds out for itself. */
  held: boolean;
  /** When the lane is due again, as far as we know. */
  dueAt: number | null;
}

/**
 * Step 7 for all lanes whose step is over at this moment: attempts, states, build statuses that are owed and next times in one
 * transaction, each guarded by its lease and fencing number.
 */
export async function settleLanes(
  tx: Transaction,
  items: readonly Settled[],
  deps: LaneDeps,
): Promise<SettledLane[]> {
  const now = deps.clock();
  const all = await withoutOvertaken(tx, await withoutOverruled(tx, items), now);
  const changes = await laneChanges(tx, all);
  const held = await tx.lanes.settle(changes, now);
  const mine = all.filter(({ lease }) => held.has(lease.targetId));
  const reports: StatusReport[] = [];
  const settled: { deployment: Deployment; target: Target }[] = [];
  const patches = mine.map(({ deployment, settlement, target }) => {
    const patch = { ...settlement.deployment, updatedAt: now };
    const after: Deployment = { ...deployment, ...patch };
    settled.push({ deployment: after, target });
    if (statusChanged(deployment, after, target.name)) {
      const report = statusReport(after, target.name, now, deps);
      if (report) reports.push(report);
    }
    return { id: deployment.id, patch };
  });
  // None of these asks for what another one writes.
  await allSettled([
    tx.attempts.finish(mine.map(({ attempt }) => attempt).filter((one) => one !== null)),
    tx.deployments.updateMany(patches),
    tx.statusReports.insert(reports),
    noteEnds(tx, settled, deps),
  ]);
  for (const one of mine) {
    await applyToConnection(tx, one, deps);
    await applyToTarget(tx, one, now);
  }
  // In the same transaction: what went live here is never forgotten over there.
  const ended = mine.filter((one) => isOver(stateOf(one)));
  await wakeWaiters(
    tx,
    ended.map(({ deployment }) => deployment.id),
    now,
  );
  if (reports.length > 0) deps.statusesDue();
  return all.map(({ lease }) => ({
    held: held.has(lease.targetId),
    dueAt: held.get(lease.targetId) ?? null,
  }));
}

/** What an answer said of the end counts less than a report, which may have been quicker than the answer: it is looked at first. */
async function withoutOverruled(tx: Transaction, items: readonly Settled[]): Promise<Settled[]> {
  const ended = items.filter(
    ({ attempt, settlement }) =>
      attempt?.outcome === 'accepted' && isOver(settlement.deployment.state ?? 'building'),
  );
  const reported = await tx.backendReports.reported(ended.map(({ deployment }) => deployment.id));
  return items.map((item) => {
    if (!ended.includes(item) || !reported.has(item.deployment.id)) return item;
    const { backendRef } = item.settlement.deployment;
    const settlement: Settlement = {
      deployment: { state: 'building', ...(backendRef === undefined ? {} : { backendRef }) },
      lane: { dueAt: item.deployment.updatedAt, keepCurrent: true, failures: 0 },
    };
    return { ...item, settlement };
  });
}

/**
 * What goes back into the queue ends where a newer one of its branch or tag came to wait there meanwhile: the newest of a slot
 * wins, and behind it the older one would go live last.
 */
async function withoutOvertaken(
  tx: Transaction,
  items: readonly Settled[],
  now: number,
): Promise<Settled[]> {
  const back = items.filter(({ settlement }) => settlement.deployment.state === 'queued');
  const busy = await tx.deployments.targetsWithQueued(back.map(({ target }) => target.id));
  return Promise.all(
    items.map(async (item) => {
      const { deployment, settlement, target } = item;
      if (!back.includes(item) || !busy.has(target.id)) return item;
      const newer = await tx.deployments.newestQueued(target.id, deployment.slot);
      if (!newer || newer.id <= deployment.id) return item;
      const end = { state: 'superseded', supersededBy: newer.commit, reason: null } as const;
      return { ...item, settlement: { ...settlement, deployment: { ...end, finishedAt: now } } };
    }),
  );
}

/** A lane that has nothing more to do goes idle here and now, instead of being claimed once more to find that out. */
async function laneChanges(tx: Transaction, items: readonly Settled[]): Promise<LaneChange[]> {
  const ended = items.filter(({ settlement }) => isOver(settlement.deployment.state ?? 'building'));
  const busy = await tx.deployments.targetsWithQueued(ended.map(({ target }) => target.id));
  return items.map((item) => {
    const { lease, deployment, settlement, target } = item;
    const { dueAt, keepCurrent, failures } = settlement.lane;
    // What waits for another target has a time of its own, which its next plan finds out.
    const isIdle = ended.includes(item) && !busy.has(target.id) && target.afterTargetId === null;
    return {
      lease,
      dueAt: isIdle ? null : dueAt,
      currentDeploymentId: keepCurrent ? deployment.id : null,
      failures,
    };
  });
}

function statusChanged(before: Deployment, after: Deployment, targetName: string): boolean {
  const is = statusFor(after, targetName);
  return is !== null && is.state !== statusFor(before, targetName)?.state;
}

async function applyToConnection(
  tx: Transaction,
  { target: { id: target, connectionId }, beganAt, settlement, attempt }: Settled,
  deps: LaneDeps,
): Promise<void> {
  if (connectionId === null) return;
  const now = deps.clock();
  const { breakConnection: reason } = settlement;
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
  { target, deployment, settlement }: Settled,
  now: number,
): Promise<void> {
  if (settlement.wentLive) {
    await tx.targets.touch(target.id, { liveDeploymentId: deployment.id });
    if (deployment.cause === 'rollback') await wakeFollowers(tx, target, now);
  }
  if (settlement.pauseTarget !== undefined) {
    const hold = { since: now, by: 'Slipway', reason: settlement.pauseTarget };
    await tx.targets.touch(target.id, { hold });
  }
  const state = stateOf({ deployment, settlement });
  if (deployment.cause === 'rollback' && isOver(state) && state !== 'live') {
    await undoHold(tx, target.id);
  }
}

function stateOf({ deployment, settlement }: Pick<Settled, 'deployment' | 'settlement'>) {
  return settlement.deployment.state ?? deployment.state;
}
