import { isOver } from '../core/delivery/settle.js';
import type {
  Attempt,
  ClaimedLane,
  Connection,
  Deployment,
  Repository,
  Target,
} from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';
import { allSettled } from '../lib/settled.js';
import { settleWaitingAt } from './settle-waiting.js';
import type { LaneDeps } from './step-lane.js';

/** Everything that planning needs to know, read for many lanes at once. */
export interface LaneFacts {
  targets: ReadonlyMap<string, Target>;
  /** By target: when what waits there for another one is looked at again. */
  lookAgainAt: ReadonlyMap<string, number | null>;
  deployments: ReadonlyMap<string, Deployment>;
  /** By target. */
  queued: ReadonlyMap<string, Deployment>;
  /** By the deployment that runs: the newer one of its branch or tag that wants it cancelled. */
  cancelFor: ReadonlyMap<string, Deployment>;
  attempts: ReadonlyMap<string, Omit<Attempt, 'exchanges'>[]>;
  repositories: ReadonlyMap<string, Repository>;
  connections: ReadonlyMap<string, Connection>;
}

export async function laneFacts(
  tx: Transaction,
  claimed: readonly ClaimedLane[],
  deps: LaneDeps,
): Promise<LaneFacts> {
  const currentIds = claimed.map((lane) => lane.currentDeploymentId).filter((id) => id !== null);
  const [targetRows, currentRows] = await allSettled([
    tx.targets.byIds(claimed.map(({ lease }) => lease.targetId)),
    tx.deployments.byIds(currentIds),
  ]);
  const [targets, currents] = [byId(targetRows), byId(currentRows)];
  const lookAgainAt = new Map<string, number | null>();
  for (const target of targets.values()) {
    lookAgainAt.set(target.id, await settleWaitingAt(tx, target, deps));
  }
  const free = claimed.filter(({ currentDeploymentId }) => {
    const current = currents.get(currentDeploymentId ?? '');
    return !current || isOver(current.state);
  });
  const queued = await tx.deployments.nextQueued(free.map(({ lease }) => lease.targetId));
  const wanted = [...queued, ...currents.values()];
  const started = wanted.filter(({ startedAt }) => startedAt !== null).map(({ id }) => id);
  const attempts = new Map<string, Omit<Attempt, 'exchanges'>[]>();
  const others = new Set<string>();
  for (const { targetId, rollbackOf } of wanted) {
    const live = targets.get(targetId)?.liveDeploymentId;
    if (live) others.add(live);
    if (rollbackOf !== null) others.add(rollbackOf);
  }
  const connectionIds = [...targets.values()].flatMap(({ connectionId }) => connectionId ?? []);
  const repositoryIds = [...new Set(wanted.map(({ repositoryId }) => repositoryId))];
  const [made, otherRows, repositories, connections, cancelFor] = await allSettled([
    tx.attempts.ofDeployments(started),
    tx.deployments.byIds([...others]),
    tx.repositories.byIds(repositoryIds),
    tx.connections.byIds([...new Set(connectionIds)]),
    newerOnes(tx, targets, currents),
  ]);
  for (const attempt of made) {
    const known = attempts.get(attempt.deploymentId);
    if (known) known.push(attempt);
    else attempts.set(attempt.deploymentId, [attempt]);
  }
  return {
    targets,
    lookAgainAt,
    deployments: new Map([...currents, ...byId(otherRows)]),
    cancelFor,
    queued: new Map(queued.map((deployment) => [deployment.targetId, deployment])),
    attempts,
    repositories: byId(repositories),
    connections: byId(connections),
  };
}

async function newerOnes(
  tx: Transaction,
  targets: ReadonlyMap<string, Target>,
  currents: ReadonlyMap<string, Deployment>,
): Promise<Map<string, Deployment>> {
  const newer = new Map<string, Deployment>();
  for (const current of currents.values()) {
    const isCancelled = current.cancelRequestedBy !== null || isOver(current.state);
    if (isCancelled || targets.get(current.targetId)?.newerPush !== 'cancel') continue;
    const where = { targetId: current.targetId, states: ['queued'] } as const;
    const queued = await tx.deployments.recent(where, { limit: 100 });
    // One whose ref or files must be looked at first may turn out not to deploy at all.
    const found = queued.find(
      ({ slot, pendingChecks }) => slot === current.slot && pendingChecks.length === 0,
    );
    if (found) newer.set(current.id, found);
  }
  return newer;
}

function byId<Row extends { id: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}
