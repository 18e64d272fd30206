import { newDeployment } from '../core/delivery/new-deployment.js';
import { isOver } from '../core/delivery/settle.js';
import type { Deployment, Target } from '../core/model/index.js';
import type { Clock, Ids, Logger, Storage, Transaction, Waker } from '../core/ports.js';
import { followAgain } from './add-followers.js';
import { enqueueNewest } from './enqueue.js';

export interface RetryDeps {
  storage: Storage;
  clock: Clock;
  ids: Ids;
  waker: Waker;
  logger: Logger;
}

/** Named ones, or every dead letter that failed since then. `onlyLast`: the named ones by the rule for many at once. */
export type RetryWish = { by: { name: string } } & (
  | { ids: readonly string[]; onlyLast?: boolean }
  | { failedSince: number; targetId?: string; repositoryId?: string; workspaceUuid?: string }
);

export interface RetryResult {
  retried: { id: string; deploymentId: string; targetId: string; commit: string }[];
  /** `why`: a sentence. */
  refused: { id: string; why: string }[];
  /** There were more dead letters than one call takes. */
  more: boolean;
}

/** Of one call: what a person can look over, and less than a second of the writer's time. */
export const mostAtOnce = 500;
const perTransaction = 50;

/**
 * Replays dead letters, each under a new deployment with cause `retry` in the slot of the old one. What still waits there for
 * its automatic retry is superseded by it, so that nothing is sent twice. In bulk only the last word of each branch or tag is
 * replayed, and never behind something newer that is live: a replay must not put an older commit there by surprise.
 */
export async function retryDeployments(wish: RetryWish, deps: RetryDeps): Promise<RetryResult> {
  const { ids, more } = await wanted(wish, deps);
  const result: RetryResult = { retried: [], refused: [], more };
  for (let start = 0; start < ids.length; start += perTransaction) {
    const chunk = ids.slice(start, start + perTransaction);
    const done = await deps.storage.write((tx) => retryAll(tx, chunk, wish, deps));
    result.retried.push(...done.retried);
    result.refused.push(...done.refused);
  }
  if (result.retried.length > 0) deps.waker.wake();
  for (const { id, deploymentId, targetId } of result.retried) {
    deps.logger.info(
      { target: targetId, deployment: deploymentId, retryOf: id, by: wish.by.name },
      'deployment.retried',
    );
  }
  return result;
}

async function wanted(
  wish: RetryWish,
  deps: RetryDeps,
): Promise<{ ids: readonly string[]; more: boolean }> {
  if ('ids' in wish) return { ids: [...new Set(wish.ids)], more: false };
  const where = {
    since: wish.failedSince,
    ...(wish.targetId === undefined ? {} : { targetId: wish.targetId }),
    ...(wish.repositoryId === undefined ? {} : { repositoryId: wish.repositoryId }),
    ...(wish.workspaceUuid === undefined ? {} : { workspaceUuid: wish.workspaceUuid }),
  };
  const found = await deps.storage.read.care.deadLetters(where, mostAtOnce + 1);
  const ids = found.slice(0, mostAtOnce).map(({ id }) => id);
  return { ids, more: found.length > mostAtOnce };
}

async function retryAll(
  tx: Transaction,
  ids: readonly string[],
  wish: RetryWish,
  deps: RetryDeps,
): Promise<Pick<RetryResult, 'retried' | 'refused'>> {
  const retried: RetryResult['retried'] = [];
  const refused: RetryResult['refused'] = [];
  const isBulk = !('ids' in wish) || wish.onlyLast === true;
  for (const id of ids) {
    const earlier = await tx.deployments.byId(id);
    const why = await objection(tx, earlier, isBulk);
    if (earlier === null || why !== null) {
      refused.push({ id, why: why ?? unknownId });
      continue;
    }
    const deployment = await replay(tx, earlier, wish.by.name, deps);
    const { targetId, commit } = deployment;
    retried.push({ id, deploymentId: deployment.id, targetId, commit });
  }
  return { retried, refused };
}

const unknownId = 'There is no such deployment; it may have been pruned.';

/** Why it must not be replayed; null when it may. */
async function objection(
  tx: Transaction,
  earlier: Deployment | null,
  isBulk: boolean,
): Promise<string | null> {
  if (earlier === null) return unknownId;
  const byState = objectionToState(earlier);
  if (byState !== null) return byState;
  const target = await tx.targets.byId(earlier.targetId);
  if (!target || target.state === 'removed') return 'Its target was removed.';
  const newer = await tx.deployments.newestOfSlot(earlier.targetId, earlier.slot, earlier.id);
  if (newer && newer.id > earlier.id) {
    const byNewer = objectionToNewer(earlier, newer, isBulk);
    if (byNewer !== null) return byNewer;
  }
  return isBulk && hasSomethingNewerLive(earlier, target)
    ? 'Something newer went live on its target since; retry it by its id if you want to go back.'
    : null;
}

function objectionToState({ state, cause, startedAt }: Deployment): string | null {
  if (cause === 'rollback') return 'It is a rollback; roll back once more in the panel.';
  switch (state) {
    case 'failed':
    case 'stopped':
      return null;
    case 'queued':
      return startedAt === null ? 'It waits for its first turn.' : null;
    case 'waiting':
      return 'It waits for another target or for a person.';
    case 'building':
    case 'deploying':
      return 'It is running.';
    case 'unknown':
      return 'It was sent and is being looked up; that goes on by itself.';
    case 'superseded':
      return 'A newer commit took its place.';
    case 'live':
    case 'handed_off':
      return 'It arrived; deploy it again from the panel.';
  }
}

/** `newer`: the last of the same branch or tag that was not superseded. */
function objectionToNewer(earlier: Deployment, newer: Deployment, isBulk: boolean): string | null {
  const waitsForRetry = newer.state === 'queued' && newer.startedAt !== null;
  if (!isOver(newer.state) && !waitsForRetry) {
    return `Deployment ${newer.id} of the same ${earlier.refType} is on its way.`;
  }
  if (newer.commit !== earlier.commit) {
    return `A newer commit (${newer.commit.slice(0, 12)}) came after it; retry ${newer.id} instead.`;
  }
  if (newer.state === 'live' || newer.state === 'handed_off') return 'Its commit went live since.';
  return isBulk ? `It was tried again since, as ${newer.id}.` : null;
}

function hasSomethingNewerLive(earlier: Deployment, { liveDeploymentId }: Target): boolean {
  return liveDeploymentId !== null && liveDeploymentId > earlier.id;
}

async function replay(
  tx: Transaction,
  earlier: Deployment,
  by: string,
  deps: RetryDeps,
): Promise<Deployment> {
  const now = deps.clock();
  const { targetId, repositoryId, refChangeId, slot, refType, refName } = earlier;
  const { commit, message, author } = earlier;
  const deployment = newDeployment(
    {
      ...{ targetId, repositoryId, refChangeId, slot, refType, refName, commit, message, author },
      id: deps.ids.next(),
      pageToken: deps.ids.secretToken(),
      cause: 'retry',
      causedBy: by,
    },
    now,
  );
  await enqueueNewest(tx, [deployment], now, deps);
  if (earlier.state === 'queued') {
    await tx.deployments.update(earlier.id, { reason: `Retried by ${by} before its time.` });
  }
  await followAgain(tx, earlier, deployment, deps);
  await pointDecision(tx, earlier, deployment.id);
  return deployment;
}

/** What became of the push is now what becomes of the retry. */
async function pointDecision(
  tx: Transaction,
  { id, refChangeId, targetId }: Deployment,
  deploymentId: string,
): Promise<void> {
  if (refChangeId === null) return;
  const decision = await tx.events.decision(refChangeId, targetId);
  if (decision?.deploymentId !== id) return;
  await tx.events.decide(refChangeId, targetId, { ...decision, deploymentId });
}
