import type { Backend } from '../core/backend.js';
import type { Breakers } from '../core/delivery/breaker.js';
import type { HostSlots } from '../core/delivery/host-slots.js';
import type { Bitbucket, Clock, Ids, Logger, Storage, Vault } from '../core/ports.js';
import type { RoutingFacts } from '../core/routing/decide.js';
import { callBackend } from './call-backend.js';
import { askBitbucket, settleCheck } from './check-deployment.js';
import {
  forgetStep,
  freeSlot,
  planLanes,
  type CallStep,
  type CheckStep,
  type Planned,
  type Step,
} from './plan-lanes.js';
import type { StatusDeps } from './record-status.js';
import { settleLanes, type Settled, type SettledLane } from './settle-lanes.js';

export interface LaneDeps extends StatusDeps {
  storage: Storage;
  bitbucket: Pick<Bitbucket, 'cloneUrl' | 'cloneCredential' | 'head' | 'changedPaths'>;
  routing: LaneRouting;
  breakers: Breakers;
  slots: HostSlots;
  vault: Vault;
  /** Null when the operator switched it off. */
  backend(id: string): Backend | null;
  clock: Clock;
  ids: Ids;
  random(): number;
  logger: Logger;
  /** Build statuses were recorded; a hint. */
  statusesDue(): void;
}

export interface LaneRouting {
  matches: RoutingFacts['matches'];
  matchesPath: RoutingFacts['matches'];
  backendFacts(backendId: string): RoutingFacts['backend'];
}

export interface ClaimWish {
  limit: number;
  owner: string;
  leaseMs: number;
  /** Workspaces that had their turn, the latest last. */
  servedLately: readonly string[];
}

export interface Lanes {
  /** Leases lanes that are due and stores what comes next in each: one transaction for all of them. */
  begin(wish: ClaimWish): Promise<Planned & { claimed: number }>;
  /**
   * Does what was stored and settles it, together with whatever else is settled at that moment. Returns when its lane is due
   * again, as far as is known. Whatever kills the process in between, the next holder of the lane goes on from what is stored.
   */
  run(step: Step): Promise<number | null>;
}

export function createLanes(deps: LaneDeps): Lanes {
  const settle = deps.storage.batched<Settled, SettledLane>((tx, items) =>
    settleLanes(tx, items, deps),
  );
  return {
    begin: (wish) => begin(wish, deps),
    run: (step) => (step.kind === 'check' ? runCheck(step, deps) : runCall(step, settle, deps)),
  };
}

async function begin(
  { limit, owner, leaseMs, servedLately }: ClaimWish,
  deps: LaneDeps,
): Promise<Planned & { claimed: number }> {
  let planned: Planned = { steps: [], nextDue: null };
  try {
    const claimed = await deps.storage.write(async (tx) => {
      // The writer runs a job again when another one of its transaction fails.
      for (const step of planned.steps) forgetStep(step, deps);
      planned = { steps: [], nextDue: null };
      const lanes = await tx.lanes.claim(limit, deps.clock(), leaseMs, owner, servedLately);
      planned = await planLanes(tx, lanes, deps);
      return lanes.length;
    });
    return { claimed, ...planned };
  } catch (error) {
    for (const step of planned.steps) forgetStep(step, deps);
    throw error;
  }
}

async function runCheck(step: CheckStep, deps: LaneDeps): Promise<number | null> {
  const answer = await askBitbucket(step, deps);
  const { dueAt } = await deps.storage.write((tx) => settleCheck(tx, step, answer, deps));
  deps.logger.info(
    { target: step.target.id, deployment: step.deployment.id, check: answer.kind },
    'lane.checked',
  );
  return dueAt;
}

async function runCall(
  step: CallStep,
  settle: (settled: Settled) => Promise<SettledLane>,
  deps: LaneDeps,
): Promise<number | null> {
  const { lease, deployment, target } = step;
  const beganAt = deps.clock();
  let called: Awaited<ReturnType<typeof callBackend>>;
  try {
    called = await callBackend(step, deps);
  } finally {
    freeSlot(step, deps);
  }
  const { settlement, attempt } = called;
  const { held, dueAt } = await settle({ lease, deployment, target, settlement, attempt, beganAt });
  // A build that goes on as before is no news: at 3 a.m. every line must say something.
  const isNews = step.kind !== 'observe' || settlement.deployment.state !== deployment.state;
  deps.logger[isNews ? 'info' : 'debug'](
    {
      target: target.id,
      deployment: deployment.id,
      commit: deployment.commit,
      step: step.kind,
      state: settlement.deployment.state ?? deployment.state,
      ...(attempt ? { outcome: attempt.outcome, attempt: attempt.number } : {}),
      ...(settlement.deployment.reason ? { reason: settlement.deployment.reason } : {}),
      ...(held ? {} : { noop: 'lease_lost' }),
    },
    'lane.stepped',
  );
  return held ? dueAt : null;
}
