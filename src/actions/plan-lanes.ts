import { isOver, settleCancelled } from '../core/delivery/settle.js';
import type {
  Attempt,
  ClaimedLane,
  Deployment,
  LaneLease,
  Repository,
  StatusReport,
  Target,
} from '../core/model/index.js';
import type { LaneChange, Transaction } from '../core/ports.js';
import { allSettled } from '../lib/settled.js';
import { builtAlong } from './built-along.js';
import { waitsForRepair } from './connection-gate.js';
import { statusReport } from './record-status.js';
import { settleLanes, type Settled } from './settle-lanes.js';
import { wakeWaiters } from './settle-waiting.js';
import type { LaneDeps } from './step-lane.js';
import { laneFacts, type LaneFacts } from './lane-facts.js';

/** A thousand lanes must not come back in the same second. */
export const wakeSpreadMs = 20_000;

/** What a worker that holds a lane does next. Intentions that reach a backend are stored before the call. */
export type Step = CheckStep | CallStep;

interface Common {
  lease: LaneLease;
  deployment: Deployment;
  target: Target;
  repository: Repository | null;
  /** What is live on the target. */
  live: Deployment | null;
  failures: number;
}

/** Bitbucket has to be asked first. */
export interface CheckStep extends Common {
  kind: 'check';
}

/** The backend is called. */
export type CallStep = Common & {
  /** Of its host, one slot is taken; null: nobody's network is involved. */
  host: string | null;
} & (
    | { kind: 'trigger'; attempt: Attempt; rollbackOf: Deployment | null }
    | { kind: 'lookup' | 'cancel'; attempt: Attempt }
    | { kind: 'observe' }
  );

export interface Planned {
  steps: Step[];
  /** When the first of the lanes that were given back is due again, Unix ms. */
  nextDue: number | null;
}

/** Says for each leased lane what comes next, and stores it. Lanes without work are given back. */
export async function planLanes(
  tx: Transaction,
  claimed: readonly ClaimedLane[],
  deps: LaneDeps,
): Promise<Planned> {
  if (claimed.length === 0) return { steps: [], nextDue: null };
  const facts = await laneFacts(tx, claimed, deps);
  const plan = new Plan(facts, deps);
  const steps = claimed.map((lane) => plan.add(lane)).filter((step) => step !== null);
  await plan.store(tx);
  return { steps, nextDue: plan.nextDue };
}

/** A step that is over. */
export function freeSlot(step: Step, { slots }: Pick<LaneDeps, 'slots'>): void {
  if (step.kind !== 'check' && step.host !== null) slots.free(step.host);
}

/** A step that is not made after all: what was planned was not stored. */
export function forgetStep(step: Step, deps: Pick<LaneDeps, 'slots' | 'breakers'>): void {
  freeSlot(step, deps);
  if (step.kind === 'trigger' && step.host !== null) deps.breakers.forgo(step.host);
}

/** Works out in memory, then writes with few statements. */
class Plan {
  readonly #facts: LaneFacts;
  readonly #deps: LaneDeps;
  readonly #now: number;
  readonly #released: LaneChange[] = [];
  /** Lanes that belong to this node from now on. */
  readonly #bound: string[] = [];
  readonly #begun: { targetId: string; currentDeploymentId: string }[] = [];
  readonly #changes: { id: string; patch: Partial<Deployment> }[] = [];
  readonly #attempts: Attempt[] = [];
  readonly #reports: StatusReport[] = [];
  readonly #live: { targetId: string; liveDeploymentId: string }[] = [];
  readonly #cancelled: Settled[] = [];

  constructor(facts: LaneFacts, deps: LaneDeps) {
    this.#facts = facts;
    this.#deps = deps;
    this.#now = deps.clock();
  }

  /** Null: there is nothing to do in this lane now. */
  add(lane: ClaimedLane): Step | null {
    const { lease, currentDeploymentId, failures } = lane;
    const target = this.#facts.targets.get(lease.targetId);
    if (!target)
      return this.#release(lane, { dueAt: null, currentDeploymentId: null, failures: 0 });
    const current = this.#facts.deployments.get(currentDeploymentId ?? '');
    if (current && !isOver(current.state)) {
      return this.#broken(lane, current, target) ? null : this.#goOn(lane, current, target);
    }
    const next = this.#facts.queued.get(lease.targetId);
    if (!next) {
      const dueAt = this.#facts.lookAgainAt.get(target.id) ?? null;
      return this.#release(lane, { dueAt, currentDeploymentId: null, failures: 0 });
    }
    if (next.cancelRequestedBy !== null) {
      return this.#cancel(lane, next, target, next.cancelRequestedBy);
    }
    const common = this.#common(lane, next, target);
    if (next.pendingChecks.length > 0) return { ...common, kind: 'check' };
    const along = builtAlong(next, common.live, this.#now);
    if (along) return this.#settleAlong(common, along);
    if (this.#broken(lane, next, target)) return null;
    const host = this.#hostOf(target);
    const heldUntil =
      host === null ? null : this.#deps.breakers.heldUntil(host, target.id, this.#now);
    if (heldUntil !== null) return this.#waitForHost(lane, next, heldUntil);
    const later = this.#roomAt(host, target);
    if (later !== null) {
      if (host !== null) this.#deps.breakers.forgo(host);
      return this.#release(lane, { dueAt: later, currentDeploymentId: null, failures });
    }
    const isUnbound = this.#deps.node !== null && lane.node === null;
    if (isUnbound && this.#deps.backend(target.backend)?.ownNode) this.#bound.push(target.id);
    return this.#begin(common, host);
  }

  get nextDue(): number | null {
    const times = this.#released.map(({ dueAt }) => dueAt).filter((dueAt) => dueAt !== null);
    if (this.#cancelled.length > 0) times.push(this.#now);
    return times.length === 0 ? null : Math.min(...times);
  }

  async store(tx: Transaction): Promise<void> {
    // None of these asks for what another one writes; a lane is either given back or begun.
    await allSettled([
      tx.lanes.settle(this.#released, this.#now),
      tx.lanes.setCurrent(this.#begun),
      tx.lanes.bind(this.#bound, this.#deps.node ?? ''),
      tx.deployments.updateMany(this.#changes),
      tx.attempts.insert(this.#attempts),
      tx.statusReports.insert(this.#reports),
    ]);
    for (const { targetId, liveDeploymentId } of this.#live) {
      await tx.targets.touch(targetId, { liveDeploymentId });
      await wakeWaiters(tx, [liveDeploymentId], this.#now);
    }
    if (this.#reports.length > 0) this.#deps.statusesDue();
    if (this.#cancelled.length > 0) await settleLanes(tx, this.#cancelled, this.#deps);
  }

  /** Asked for while it was on its way, and the backend does not have it: it must not be sent again. */
  #cancel({ lease }: ClaimedLane, deployment: Deployment, target: Target, by: string): null {
    const settlement = settleCancelled(deployment, by, { now: this.#now });
    const beganAt = this.#now;
    this.#cancelled.push({ lease, deployment, target, settlement, attempt: null, beganAt });
    return null;
  }

  #goOn(lane: ClaimedLane, current: Deployment, target: Target): Step | null {
    const deployment = this.#cancelledForNewer(current, target);
    const host = this.#hostOf(target);
    const later = this.#roomAt(host, target);
    if (later !== null) {
      const { currentDeploymentId, failures } = lane;
      return this.#release(lane, { dueAt: later, currentDeploymentId, failures });
    }
    const common = { ...this.#common(lane, deployment, target), host };
    if (deployment.state === 'unknown' || deployment.backendRef === null) {
      // Sent (or about to be) when the process died: nobody knows, so look before anything is sent again.
      return { ...common, kind: 'lookup', attempt: this.#attempt(common, 'lookup') };
    }
    if (deployment.cancelRequestedBy === null || this.#wasAskedToCancel(deployment)) {
      return { ...common, kind: 'observe' };
    }
    return { ...common, kind: 'cancel', attempt: this.#attempt(common, 'cancel') };
  }

  /** As it is wanted by its target, and only where the backend can. */
  #cancelledForNewer(current: Deployment, target: Target): Deployment {
    const newer = this.#facts.cancelFor.get(current.id);
    if (!newer || !this.#deps.backend(target.backend)?.cancel) return current;
    const patch = {
      cancelRequestedBy: 'a newer push',
      supersededBy: newer.commit,
      updatedAt: this.#now,
    };
    this.#changes.push({ id: current.id, patch });
    return { ...current, ...patch };
  }

  #begin(common: Common, host: string | null): Step {
    const now = this.#now;
    const { deployment: queued, target, lease } = common;
    const patch = {
      state: 'building',
      startedAt: queued.startedAt ?? now,
      reason: null,
      backendRef: null,
      updatedAt: now,
    } as const;
    const deployment: Deployment = { ...queued, ...patch };
    this.#changes.push({ id: deployment.id, patch });
    this.#begun.push({ targetId: lease.targetId, currentDeploymentId: deployment.id });
    if (queued.startedAt === null) this.#report(deployment, target);
    const kind = deployment.cause === 'rollback' ? 'rollback' : 'trigger';
    const attempt = this.#attempt(common, kind);
    const rollbackOf = this.#facts.deployments.get(deployment.rollbackOf ?? '') ?? null;
    return { ...common, deployment, host, kind: 'trigger', attempt, rollbackOf };
  }

  /** It is live already, through another one. */
  #settleAlong({ lease, deployment, target }: Common, patch: Partial<Deployment>): null {
    this.#changes.push({ id: deployment.id, patch });
    this.#report({ ...deployment, ...patch }, target);
    this.#live.push({ targetId: target.id, liveDeploymentId: deployment.id });
    const change = { dueAt: this.#now, currentDeploymentId: null, failures: 0 };
    this.#released.push({ lease, ...change });
    return null;
  }

  /** The account at its backend has to be repaired first; the lane is given back. */
  #broken(lane: ClaimedLane, deployment: Deployment, target: Target): boolean {
    const connection = this.#facts.connections.get(target.connectionId ?? '') ?? null;
    const wait = waitsForRepair(deployment, connection, this.#now);
    if (!wait) return false;
    if (deployment.reason !== wait.reason) {
      const patch = { reason: wait.reason, updatedAt: this.#now };
      this.#changes.push({ id: deployment.id, patch });
    }
    const currentDeploymentId = deployment.state === 'queued' ? null : deployment.id;
    this.#release(lane, { dueAt: wait.until, currentDeploymentId, failures: lane.failures });
    return true;
  }

  #report(deployment: Deployment, target: Target): void {
    const report = statusReport(deployment, target.name, this.#now, this.#deps);
    if (report) this.#reports.push(report);
  }

  /** No attempt is spent: its host answers nobody at the moment. */
  #waitForHost(lane: ClaimedLane, next: Deployment, until: number): null {
    const reason =
      'Its backend answers nobody at the moment; it is tried again as soon as it does.';
    if (next.reason !== reason) {
      this.#changes.push({ id: next.id, patch: { reason, updatedAt: this.#now } });
    }
    const dueAt = until + Math.round(this.#deps.random() * wakeSpreadMs);
    return this.#release(lane, { dueAt, currentDeploymentId: null, failures: lane.failures });
  }

  #release({ lease }: ClaimedLane, change: Omit<LaneChange, 'lease'>): null {
    this.#released.push({ lease, ...change });
    return null;
  }

  #hostOf(target: Target): string | null {
    const { id: targetId, settings, connectionId } = target;
    const connection = this.#facts.connections.get(connectionId ?? '')?.settings ?? null;
    const backend = this.#deps.backend(target.backend);
    return backend?.host?.({ targetId, settings, connection }) ?? null;
  }

  /** Null: there is room, and it is taken. */
  #roomAt(host: string | null, target: Target): number | null {
    if (host === null) return null;
    const waitMs = this.#deps.slots.take(host, target.id, this.#deps.random());
    return waitMs === null ? null : this.#now + waitMs;
  }

  #common({ lease, failures }: ClaimedLane, deployment: Deployment, target: Target): Common {
    return {
      lease,
      deployment,
      target,
      repository: this.#facts.repositories.get(deployment.repositoryId) ?? null,
      live: this.#facts.deployments.get(target.liveDeploymentId ?? '') ?? null,
      failures,
    };
  }

  /** Once is enough: one that answered, also with "too late", is only watched from then on. */
  #wasAskedToCancel({ id }: Deployment): boolean {
    const attempts = this.#facts.attempts.get(id) ?? [];
    return attempts.some(({ outcome }) => outcome === 'cancelled' || outcome === 'too_late');
  }

  #attempt({ lease, deployment }: Common, kind: Attempt['kind']): Attempt {
    const attempt: Attempt = {
      id: this.#deps.ids.next(),
      deploymentId: deployment.id,
      kind,
      number: (this.#facts.attempts.get(deployment.id)?.length ?? 0) + 1,
      fencing: lease.fencing,
      startedAt: this.#now,
      finishedAt: null,
      outcome: null,
      detail: null,
      exchanges: null,
    };
    this.#attempts.push(attempt);
    return attempt;
  }
}
