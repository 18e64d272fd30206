import type { Backend } from '../core/backend.js';
import { newDeployment, type DeploymentWish } from '../core/delivery/new-deployment.js';
import { isOver } from '../core/delivery/settle.js';
import { InputError, StateError } from '../core/errors.js';
import type { Deployment, DeploymentCause, Target } from '../core/model/index.js';
import type { Bitbucket, Clock, Ids, Logger, Storage, Transaction, Waker } from '../core/ports.js';
import { enqueueNewest } from './enqueue.js';
import { followAgain } from './add-followers.js';
import { recordEnd } from './record-status.js';
import { wakeWaiters } from './settle-waiting.js';
import { undoHold } from './undo-hold.js';

export interface RequestDeps {
  storage: Storage;
  bitbucket: Pick<Bitbucket, 'head'>;
  backend(id: string): Backend | null;
  clock: Clock;
  ids: Ids;
  waker: Waker;
  logger: Logger;
}

interface Person {
  name: string;
}

/** Deploys the head of a ref as it is now. Throws `InputError('ref_unknown')`, `BitbucketError`. */
export async function deployNow(
  input: { targetId: string; refType: 'branch' | 'tag'; refName: string; by: Person },
  deps: RequestDeps,
): Promise<Deployment> {
  const target = await activeTarget(input.targetId, deps);
  const repository = await deps.storage.read.repositories.byId(target.repositoryId);
  if (!repository) throw new InputError('repository_unknown');
  if (input.refType === 'tag' && !deps.backend(target.backend)?.capabilities.tags) {
    throw new InputError('target_invalid', 'this backend cannot deploy tags');
  }
  const fixed = deps.backend(target.backend)?.capabilities.branch === 'fixed';
  if (fixed && input.refName !== target.branchPattern) {
    throw new InputError('target_invalid', `this target deploys ${target.branchPattern} only`);
  }
  const head = await deps.bitbucket.head(repository, input.refType, input.refName);
  if (!head) throw new InputError('ref_unknown', input.refName);
  return enqueue(
    target,
    {
      refType: input.refType,
      refName: input.refName,
      commit: head.hash,
      message: head.message,
      author: head.author,
    },
    { cause: 'person', by: input.by },
    deps,
  );
}

/** The same commit once more; where a backend builds whatever the branch points at, that. */
export async function redeploy(
  input: { deploymentId: string; by: Person },
  deps: RequestDeps,
): Promise<Deployment> {
  const earlier = await knownDeployment(input.deploymentId, deps);
  const target = await activeTarget(earlier.targetId, deps);
  if (deps.backend(target.backend)?.capabilities.commit === 'head') {
    const { refName, targetId } = earlier;
    return deployNow({ targetId, refType: 'branch', refName, by: input.by }, deps);
  }
  return enqueue(target, earlier, { cause: 'person', by: input.by, again: earlier }, deps);
}

/** Switches back to an earlier release and holds automatic deploys, so that the next push does not bring the bad one back. */
export async function rollBack(
  input: { deploymentId: string; by: Person },
  deps: RequestDeps,
): Promise<Deployment> {
  const earlier = await knownDeployment(input.deploymentId, deps);
  const target = await activeTarget(earlier.targetId, deps);
  const able = deps.backend(target.backend)?.capabilities.rollback ?? false;
  if (!able || earlier.state !== 'live' || earlier.id === target.liveDeploymentId) {
    throw new StateError('rollback_impossible');
  }
  // A rollback to what a rollback brought back goes to the release itself.
  const rollbackOf = earlier.rollbackOf ?? earlier.id;
  return enqueue(target, earlier, { cause: 'rollback', by: input.by, rollbackOf }, deps);
}

type Ref = Pick<Deployment, 'refType' | 'refName' | 'commit' | 'message' | 'author'>;

async function enqueue(
  target: Target,
  ref: Ref,
  why: { cause: DeploymentCause; by: Person; rollbackOf?: string; again?: Deployment },
  deps: RequestDeps,
): Promise<Deployment> {
  const id = deps.ids.next();
  const wish: DeploymentWish = {
    id,
    pageToken: deps.ids.secretToken(),
    targetId: target.id,
    repositoryId: target.repositoryId,
    refChangeId: null,
    // A slot of its own: what a person asked for is not swept away by a push.
    slot: `manual:${id}`,
    refType: ref.refType,
    refName: ref.refName,
    commit: ref.commit,
    message: ref.message,
    author: ref.author,
    cause: why.cause,
    causedBy: why.by.name,
    ...(why.rollbackOf === undefined ? {} : { rollbackOf: why.rollbackOf }),
  };
  const now = deps.clock();
  const deployment = newDeployment(wish, now);
  await deps.storage.write(async (tx) => {
    await enqueueNewest(tx, [deployment], now, deps);
    if (why.again) await followAgain(tx, why.again, deployment, deps);
    if (why.cause === 'rollback') {
      const reason = `rolled back to ${ref.commit.slice(0, 12)}`;
      await tx.targets.touch(target.id, { hold: { since: now, by: why.by.name, reason } });
    }
  });
  deps.waker.wake();
  deps.logger.info(
    { target: target.id, deployment: id, commit: ref.commit, cause: why.cause, by: why.by.name },
    'deployment.requested',
  );
  return deployment;
}

/** Stops a waiting deployment at once; asks the backend to stop a running one. Throws `StateError('deployment_finished')`. */
export async function cancelDeployment(
  input: { deploymentId: string; by: Person },
  deps: RequestDeps,
): Promise<void> {
  const now = deps.clock();
  await deps.storage.write((tx) => cancelIn(tx, input, now, deps));
  deps.waker.wake();
  deps.logger.info(
    { deployment: input.deploymentId, by: input.by.name },
    'deployment.cancel_requested',
  );
}

async function cancelIn(
  tx: Transaction,
  input: { deploymentId: string; by: Person },
  now: number,
  deps: RequestDeps,
): Promise<void> {
  const deployment = await tx.deployments.byId(input.deploymentId);
  if (!deployment) throw new InputError('deployment_unknown');
  if (isOver(deployment.state)) throw new StateError('deployment_finished');
  if (deployment.state === 'queued' || deployment.state === 'waiting') {
    const reason = `Cancelled by ${input.by.name} before it started.`;
    const at = { finishedAt: now, updatedAt: now };
    const cancelRequestedBy = input.by.name;
    const end = { state: 'stopped', reason, cancelRequestedBy, ...at } as const;
    await tx.deployments.update(deployment.id, end);
    await recordEnd(tx, { ...deployment, ...end }, now, deps);
    await wakeWaiters(tx, [deployment.id], now);
    if (deployment.cause === 'rollback') await undoHold(tx, deployment.targetId);
    return;
  }
  const target = await tx.targets.byId(deployment.targetId);
  if (!target || !deps.backend(target.backend)?.cancel) {
    throw new StateError('deployment_finished', 'this backend cannot cancel');
  }
  await tx.deployments.update(deployment.id, { cancelRequestedBy: input.by.name, updatedAt: now });
  await tx.lanes.wake([deployment.targetId], now);
}

async function activeTarget(targetId: string, deps: RequestDeps): Promise<Target> {
  const target = await deps.storage.read.targets.byId(targetId);
  if (!target || target.state === 'removed') throw new InputError('target_unknown');
  return target;
}

async function knownDeployment(id: string, deps: RequestDeps): Promise<Deployment> {
  const deployment = await deps.storage.read.deployments.byId(id);
  if (!deployment) throw new InputError('deployment_unknown');
  return deployment;
}
