import { settleWaiting, type WaitingVerdict } from '../core/delivery/settle-waiting.js';
import type { Deployment, Target } from '../core/model/index.js';
import type { Clock, Ids, Transaction } from '../core/ports.js';
import { supersedeQueued } from './enqueue.js';

export interface WaitingDeps {
  clock: Clock;
  ids: Ids;
}

/** Whatever wakes the lane of what waits may be lost; then this is how late it is noticed. */
const lookAgainMs = 10 * 60_000;

/**
 * Brings what waits at a target up to date with what became of it over there. Everything is read from stored rows, so a
 * crash between the one going live and the other being queued loses nothing: the lane's next step does this again.
 * Returns when to look again; null: nothing waits.
 */
export async function settleWaitingAt(
  tx: Transaction,
  target: Target,
  deps: WaitingDeps,
): Promise<number | null> {
  if (target.afterTargetId === null) return null;
  const upstream = await tx.targets.byId(target.afterTargetId);
  if (!upstream) return null;
  const now = deps.clock();
  const live = upstream.liveDeploymentId
    ? await tx.deployments.byId(upstream.liveDeploymentId)
    : null;
  const all = await waitingAt(tx, target.id);
  for (const waiting of all) {
    const others = all
      .filter(({ id, slot }) => slot === waiting.slot && id !== waiting.id)
      .map(({ commit }) => commit);
    const awaited = waiting.waitsFor === null ? null : await tx.deployments.byId(waiting.waitsFor);
    const facts = { target, upstream, awaited, upstreamLive: live, others, now };
    const verdict = settleWaiting(waiting, facts);
    await apply(tx, waiting, verdict, deps);
  }
  const left = await waitingAt(tx, target.id);
  if (left.length === 0) return null;
  return Math.min(now + lookAgainMs, ...left.map((each) => each.approvalUntil ?? Infinity));
}

/** Oldest first. */
export async function waitingAt(tx: Transaction, targetId: string): Promise<Deployment[]> {
  const states = ['waiting'] as const;
  return (await tx.deployments.recent({ targetId, states }, { limit: 10_000 })).reverse();
}

async function apply(
  tx: Transaction,
  waiting: Deployment,
  verdict: WaitingVerdict,
  deps: WaitingDeps,
): Promise<void> {
  const now = deps.clock();
  switch (verdict.kind) {
    case 'wait':
      return;
    case 'ask':
      await supersedeAsked(tx, waiting, now, deps);
      await tx.deployments.update(waiting.id, {
        approvalUntil: verdict.until,
        commit: verdict.commit,
        reason: verdict.reason,
        updatedAt: now,
      });
      return;
    case 'go':
      await letGo(
        tx,
        { ...waiting, commit: verdict.commit },
        { reason: verdict.reason, approvedBy: null },
        deps,
      );
      return;
    case 'end':
      await endWaiting(tx, waiting, verdict, deps);
      return;
    case 'drop':
      await drop(tx, waiting, verdict.reason, now);
  }
}

/** Into the lane: from here on it is an ordinary queued deployment, and what waited in its slot is superseded. */
export async function letGo(
  tx: Transaction,
  waiting: Deployment,
  why: { reason: string; approvedBy: string | null },
  deps: WaitingDeps,
): Promise<void> {
  const now = deps.clock();
  const replaced = await supersedeQueued(tx, waiting, now, deps);
  const slotSince = Math.min(now, ...replaced.map((each) => each.slotSince));
  await tx.deployments.update(waiting.id, {
    ...why,
    slotSince,
    commit: waiting.commit,
    state: 'queued',
    approvalUntil: null,
    updatedAt: now,
  });
  await tx.lanes.wake([waiting.targetId], now, { afresh: true });
}

/** What wait for this one in turn are told. No build status: nothing was said of it yet. */
export async function endWaiting(
  tx: Transaction,
  waiting: Pick<Deployment, 'id'>,
  how: { state: 'stopped' | 'superseded'; reason: string; supersededBy: string | null },
  deps: Pick<WaitingDeps, 'clock'>,
): Promise<void> {
  const now = deps.clock();
  const { state, reason, supersededBy } = how;
  const end = { state, reason, supersededBy, approvalUntil: null };
  await tx.deployments.update(waiting.id, { ...end, finishedAt: now, updatedAt: now });
  await wakeWaiters(tx, [waiting.id], now);
}

/** The newest of a branch wins here as well: nobody is asked about an older one any more. */
async function supersedeAsked(
  tx: Transaction,
  newer: Deployment,
  now: number,
  deps: WaitingDeps,
): Promise<void> {
  for (const each of await waitingAt(tx, newer.targetId)) {
    if (each.slot !== newer.slot || each.id >= newer.id || each.approvalUntil === null) continue;
    const reason = `Commit ${newer.commit.slice(0, 12)} came before a person let it go on.`;
    const how = { state: 'superseded', reason, supersededBy: newer.commit } as const;
    await endWaiting(tx, each, how, deps);
  }
}

/** It never started, so its decision says all there is to say. */
async function drop(
  tx: Transaction,
  waiting: Deployment,
  reason: string,
  now: number,
): Promise<void> {
  const waiters = await tx.deployments.waitersOf([waiting.id]);
  await tx.deployments.remove(waiting.id);
  if (waiting.refChangeId !== null) {
    await tx.events.decide(waiting.refChangeId, waiting.targetId, {
      outcome: 'skip',
      reasonCode: 'upstream_skipped',
      reason,
      deploymentId: null,
    });
  }
  await tx.lanes.wake([...new Set(waiters.map(({ targetId }) => targetId))], now);
}

/** Call it in the transaction that ends the deployments. */
export async function wakeWaiters(
  tx: Transaction,
  deploymentIds: readonly string[],
  now: number,
): Promise<void> {
  const waiters = await tx.deployments.waitersOf(deploymentIds);
  const lanes = waiters.filter(({ state }) => state === 'waiting').map(({ targetId }) => targetId);
  if (lanes.length > 0) await tx.lanes.wake([...new Set(lanes)], now);
}

/** What was live here is not any more: nobody is to be asked about it. */
export async function wakeFollowers(
  tx: Transaction,
  upstream: Pick<Target, 'id' | 'repositoryId'>,
  now: number,
): Promise<void> {
  const targets = await tx.targets.ofRepository(upstream.repositoryId);
  const followers = targets.filter(({ afterTargetId }) => afterTargetId === upstream.id);
  await tx.lanes.wake(
    followers.map(({ id }) => id),
    now,
  );
}
