import { InputError, StateError } from '../core/errors.js';
import type { Deployment } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';
import type { RequestDeps } from './request-deployment.js';
import { endWaiting, letGo, settleWaitingAt } from './settle-waiting.js';

export interface ApprovalInput {
  deploymentId: string;
  by: { name: string };
}

/** Lets a commit that is live on one target go on to the next. Throws `StateError('nothing_to_approve')`. */
export async function approveDeployment(input: ApprovalInput, deps: RequestDeps): Promise<void> {
  await deps.storage.write(async (tx) => {
    const waiting = await askedAbout(tx, input.deploymentId, deps);
    const reason = `${input.by.name} let it go on; its turn is next.`;
    await letGo(tx, waiting, { reason, approvedBy: input.by.name }, deps);
  });
  deps.waker.wake();
  deps.logger.info({ deployment: input.deploymentId, by: input.by.name }, 'deployment.approved');
}

/** Ends it; the next commit that goes live over there is asked about again. */
export async function declineDeployment(input: ApprovalInput, deps: RequestDeps): Promise<void> {
  await deps.storage.write(async (tx) => {
    const waiting = await askedAbout(tx, input.deploymentId, deps);
    await tx.deployments.update(waiting.id, { cancelRequestedBy: input.by.name });
    const reason = `Declined by ${input.by.name}.`;
    await endWaiting(tx, waiting, { state: 'stopped', reason, supersededBy: null }, deps);
  });
  deps.logger.info({ deployment: input.deploymentId, by: input.by.name }, 'deployment.declined');
}

/** As things are now: a rollback over there, or a week gone by, has ended it even if nobody looked since. */
async function askedAbout(tx: Transaction, id: string, deps: RequestDeps): Promise<Deployment> {
  const known = await tx.deployments.byId(id);
  const target = known && (await tx.targets.byId(known.targetId));
  if (!target || target.state === 'removed') throw new InputError('deployment_unknown');
  await settleWaitingAt(tx, target, deps);
  const waiting = await tx.deployments.byId(id);
  if (waiting?.state !== 'waiting' || waiting.approvalUntil === null) {
    throw new StateError('nothing_to_approve', waiting?.reason ?? undefined);
  }
  return waiting;
}
