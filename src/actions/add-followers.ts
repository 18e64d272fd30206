import { newDeployment } from '../core/delivery/new-deployment.js';
import { isOver } from '../core/delivery/settle.js';
import type { Deployment, Target } from '../core/model/index.js';
import type { Clock, Ids, Transaction } from '../core/ports.js';
import { decide, slotOf, type RoutingFacts } from '../core/routing/decide.js';
import { enqueueNewest } from './enqueue.js';

interface FollowDeps {
  clock: Clock;
  ids: Ids;
}

interface RoutingDeps extends FollowDeps {
  routing: {
    matches: RoutingFacts['matches'];
    backendFacts(backendId: string): RoutingFacts['backend'];
  };
}

/** For a deployment that no ref change led to: what waits for its target waits for it, too, where its own rule says so. */
export async function addFollowers(
  tx: Transaction,
  awaited: Deployment,
  upstream: Target,
  deps: RoutingDeps,
): Promise<void> {
  const { refType, refName: name, commit: to, message } = awaited;
  for (const target of await tx.targets.ofRepository(upstream.repositoryId)) {
    if (target.afterTargetId !== upstream.id) continue;
    const verdict = decide({ refType, name, to, message }, target, {
      matches: deps.routing.matches,
      backend: deps.routing.backendFacts(target.backend),
    });
    if (verdict.outcome === 'skip') continue;
    const checks = verdict.outcome === 'pending' ? (['paths'] as const) : [];
    const follower = waiter(awaited, { target, upstream, checks, refChangeId: null }, deps);
    await enqueueNewest(tx, [follower], deps.clock(), deps);
    await addFollowers(tx, follower, target, deps);
  }
}

/** A deployment is tried again: what waited for it and did not go on waits again. What a person stopped stays so. */
export async function followAgain(
  tx: Transaction,
  earlier: Deployment,
  again: Deployment,
  deps: FollowDeps,
): Promise<void> {
  const upstream = await tx.targets.byId(earlier.targetId);
  const ended = await tx.deployments.byId(earlier.id);
  if (!upstream || !ended || !isOver(ended.state)) return;
  for (const waited of await tx.deployments.waitersOf([earlier.id])) {
    const target = await tx.targets.byId(waited.targetId);
    const mayFollow = target?.state === 'active' && target.hold === null;
    if (!mayFollow || target.afterTargetId !== upstream.id || !endedWithout(waited)) continue;
    if (waited.state === 'waiting') {
      // Nobody has looked at it since the earlier one ended.
      await tx.deployments.update(waited.id, { waitsFor: again.id });
      continue;
    }
    const { refChangeId } = waited;
    const hasPaths = target.includePaths !== null || target.excludePaths !== null;
    const checks = hasPaths ? (['paths'] as const) : [];
    const follower = waiter(again, { target, upstream, checks, refChangeId }, deps);
    await enqueueNewest(tx, [follower], deps.clock(), deps);
    await pointDecision(tx, waited, follower.id);
    await followAgain(tx, waited, follower, deps);
  }
}

/** It never had its turn, and nobody said that it should not. */
function endedWithout(waited: Deployment): boolean {
  if (waited.startedAt !== null || waited.cancelRequestedBy !== null) return false;
  return isOver(waited.state) || (waited.state === 'waiting' && waited.approvalUntil === null);
}

function waiter(
  awaited: Deployment,
  at: {
    target: Target;
    upstream: Target;
    checks: readonly 'paths'[];
    refChangeId: string | null;
  },
  { clock, ids }: FollowDeps,
): Deployment {
  const { repositoryId, refType, refName, commit, message, author, cause, causedBy } = awaited;
  const wish = {
    ...{ repositoryId, refType, refName, commit, message, author, cause, causedBy },
    id: ids.next(),
    pageToken: ids.secretToken(),
    targetId: at.target.id,
    refChangeId: at.refChangeId,
    slot: slotOf(refType, refName),
    pendingChecks: [...at.checks],
    waitsFor: awaited.id,
    reason: `Waits for ${at.upstream.name}.`,
  };
  return newDeployment(wish, clock());
}

async function pointDecision(tx: Transaction, waited: Deployment, to: string): Promise<void> {
  if (waited.refChangeId === null) return;
  const decision = await tx.events.decision(waited.refChangeId, waited.targetId);
  if (decision?.deploymentId !== waited.id) return;
  await tx.events.decide(waited.refChangeId, waited.targetId, { ...decision, deploymentId: to });
}
