import type { Attempt, Deployment, LaneLease, Target } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';
import { isOver } from '../core/delivery/settle.js';
import { settleBuiltAlong } from './built-along.js';
import { waitForRepair } from './connection-gate.js';
import { recordStatus } from './record-status.js';
import { settleWaitingAt } from './settle-waiting.js';
import type { LaneDeps } from './step-lane.js';

/** A thousand lanes must not come back in the same second. */
export const wakeSpreadMs = 20_000;

/** What a worker that holds a lane does next. Intentions that reach a backend are stored before the call. */
export type Step =
  | { kind: 'none'; why: 'lease_lost' | 'idle' }
  | { kind: 'check'; deployment: Deployment; target: Target; failures: number }
  | { kind: 'trigger'; deployment: Deployment; target: Target; attempt: Attempt; failures: number }
  | { kind: 'observe'; deployment: Deployment; target: Target; failures: number }
  | { kind: 'lookup'; deployment: Deployment; target: Target; attempt: Attempt; failures: number }
  | { kind: 'cancel'; deployment: Deployment; target: Target; attempt: Attempt; failures: number };

export async function planStep(tx: Transaction, lease: LaneLease, deps: LaneDeps): Promise<Step> {
  const now = deps.clock();
  if (!(await tx.lanes.holds(lease, now))) return { kind: 'none', why: 'lease_lost' };
  const lane = await tx.lanes.byTarget(lease.targetId);
  const target = await tx.targets.byId(lease.targetId);
  if (!lane || !target) return goIdle(tx, lease, now);
  const lookAgainAt = await settleWaitingAt(tx, target, deps);
  const current = lane.currentDeploymentId
    ? await tx.deployments.byId(lane.currentDeploymentId)
    : null;
  if (current && !isOver(current.state)) {
    if (await waitForRepair(tx, lease, current, target, lane.failures, now)) return idle;
    return goOn(tx, lease, current, target, lane.failures, deps);
  }
  const next = await tx.deployments.nextQueued(lease.targetId);
  if (!next) return goIdle(tx, lease, now, lookAgainAt);
  if (next.pendingChecks.length > 0) {
    return { kind: 'check', deployment: next, target, failures: lane.failures };
  }
  if (await settleBuiltAlong(tx, lease, next, target, now, deps)) return idle;
  if (await waitForRepair(tx, lease, next, target, lane.failures, now)) return idle;
  const heldUntil = heldByBreaker(target, now, deps);
  if (heldUntil !== null) return waitForHost(tx, lease, next, heldUntil, lane.failures, deps);
  return begin(tx, lease, next, target, lane.failures, deps);
}

const idle: Step = { kind: 'none', why: 'idle' };

function heldByBreaker(target: Target, now: number, deps: LaneDeps): number | null {
  const host = deps.backend(target.backend)?.host?.(target.settings);
  return host === undefined ? null : deps.breakers.heldUntil(host, target.id, now);
}

/** No attempt is spent: its host answers nobody at the moment. */
async function waitForHost(
  tx: Transaction,
  lease: LaneLease,
  next: Deployment,
  until: number,
  failures: number,
  deps: LaneDeps,
): Promise<Step> {
  const now = deps.clock();
  const reason = 'Its backend answers nobody at the moment; it is tried again as soon as it does.';
  if (next.reason !== reason) await tx.deployments.update(next.id, { reason, updatedAt: now });
  const dueAt = until + Math.round(deps.random() * wakeSpreadMs);
  await tx.lanes.release(lease, now, { dueAt, currentDeploymentId: null, failures });
  return idle;
}

async function goIdle(
  tx: Transaction,
  lease: LaneLease,
  now: number,
  dueAt: number | null = null,
): Promise<Step> {
  await tx.lanes.release(lease, now, { dueAt, currentDeploymentId: null, failures: 0 });
  return idle;
}

async function goOn(
  tx: Transaction,
  lease: LaneLease,
  deployment: Deployment,
  target: Target,
  failures: number,
  deps: LaneDeps,
): Promise<Step> {
  if (deployment.state === 'unknown' || deployment.backendRef === null) {
    // Sent (or about to be) when the process died: nobody knows, so look before anything is sent again.
    const attempt = await newAttempt(tx, lease, deployment, 'lookup', deps);
    return { kind: 'lookup', deployment, target, attempt, failures };
  }
  if (deployment.cancelRequestedBy === null || (await wasAskedToCancel(tx, deployment))) {
    return { kind: 'observe', deployment, target, failures };
  }
  const attempt = await newAttempt(tx, lease, deployment, 'cancel', deps);
  return { kind: 'cancel', deployment, target, attempt, failures };
}

/** Once is enough: one that answered, also with "too late", is only watched from then on. */
async function wasAskedToCancel(tx: Transaction, { id }: Deployment): Promise<boolean> {
  const attempts = await tx.attempts.ofDeployment(id);
  return attempts.some(({ outcome }) => outcome === 'cancelled' || outcome === 'too_late');
}

async function begin(
  tx: Transaction,
  lease: LaneLease,
  queued: Deployment,
  target: Target,
  failures: number,
  deps: LaneDeps,
): Promise<Step> {
  const now = deps.clock();
  const patch = { state: 'building', startedAt: queued.startedAt ?? now, updatedAt: now } as const;
  const deployment: Deployment = { ...queued, ...patch, reason: null, backendRef: null };
  await tx.deployments.update(deployment.id, { ...patch, reason: null, backendRef: null });
  await tx.lanes.setCurrent(lease, deployment.id);
  if (queued.startedAt === null) await recordStatus(tx, deployment, target.name, now, deps);
  const kind = deployment.cause === 'rollback' ? 'rollback' : 'trigger';
  const attempt = await newAttempt(tx, lease, deployment, kind, deps);
  return { kind: 'trigger', deployment, target, attempt, failures };
}

async function newAttempt(
  tx: Transaction,
  lease: LaneLease,
  deployment: Deployment,
  kind: Attempt['kind'],
  deps: LaneDeps,
): Promise<Attempt> {
  const earlier = await tx.attempts.ofDeployment(deployment.id);
  const attempt: Attempt = {
    id: deps.ids.next(),
    deploymentId: deployment.id,
    kind,
    number: earlier.length + 1,
    fencing: lease.fencing,
    startedAt: deps.clock(),
    finishedAt: null,
    outcome: null,
    detail: null,
    exchanges: null,
  };
  await tx.attempts.insert(attempt);
  return attempt;
}
