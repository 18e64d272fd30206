import type { Backend } from '../core/backend.js';
import type { Breakers } from '../core/delivery/breaker.js';
import type { HostSlots } from '../core/delivery/host-slots.js';
import type { Bitbucket, Clock, Ids, Logger, Storage, Transaction, Vault } from '../core/ports.js';
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
  /** This node, where there are several; null: it is alone. */
  node: string | null;
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

/** Lanes that were leased together, with what comes next in each. */
export interface Begun extends Planned {
  claimed: number;
}

export interface Lanes {
  /** Leases lanes that are due and stores what comes next in each: one transaction for all of them. */
  begin(wish: ClaimWish): Promise<Begun>;
  /** The same within a transaction that does more; what was planned in one that was not committed must be forgotten. */
  beginIn(tx: Transaction, wish: ClaimWish): Promise<Begun>;
  forget(begun: Begun): void;
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
    beginIn: (tx, wish) => beginIn(tx, wish, deps),
    forget: (begun) => forget(begun, deps),
    run: (step) => (step.kind === 'check' ? runCheck(step, deps) : runCall(step, settle, deps)),
  };
}

async function begin(wish: ClaimWish, deps: LaneDeps): Promise<Begun> {
  let begun: Begun | null = null;
  const forgetBegun = (): void => {
    if (begun) forget(begun, deps);
    begun = null;
  };
  try {
    return await deps.storage.write(async (tx) => {
      // The writer runs a job again when another one of its transaction fails.
      forgetBegun();
      begun = await beginIn(tx, wish, deps);
      return begun;
    });
  } catch (error) {
    forgetBegun();
    throw error;
  }
}

async function beginIn(
  tx: Transaction,
  { limit, owner, leaseMs, servedLately }: ClaimWish,
  deps: LaneDeps,
): Promise<Begun> {
  const now = deps.clock();
  const lanes = await tx.lanes.claim(limit, now, leaseMs, owner, servedLately, deps.node);
  return { claimed: lanes.length, ...(await planLanes(tx, lanes, deps)) };
}

function forget({ steps }: Begun, deps: LaneDeps): void {
  for (const step of steps) forgetStep(step, deps);
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
      name: target.name,
      deployment: deployment.id,
      ref: deployment.refName,
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
