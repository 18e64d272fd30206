import { endedUnanswered } from '../core/delivery/settle.js';
import { InputError, StateError } from '../core/errors.js';
import { recordEnd } from './record-status.js';
import type { RequestDeps } from './request-deployment.js';

/**
 * A backend that cannot be asked never answered, and a person has looked there: it did go live. Throws
 * `StateError('nothing_to_confirm')`, also once something newer is live.
 */
export async function confirmLive(
  input: { deploymentId: string; by: { name: string } },
  deps: RequestDeps,
): Promise<void> {
  const { clock, storage, logger } = deps;
  await storage.write(async (tx) => {
    const deployment = await tx.deployments.byId(input.deploymentId);
    const target = deployment && (await tx.targets.byId(deployment.targetId));
    if (!target || target.state === 'removed') throw new InputError('deployment_unknown');
    if (!endedUnanswered(deployment)) throw new StateError('nothing_to_confirm');
    if (target.liveDeploymentId !== null && target.liveDeploymentId > deployment.id) {
      throw new StateError('nothing_to_confirm', 'something newer went live since');
    }
    const now = clock();
    const reason = `${input.by.name} looked there: it went live.`;
    const end = { state: 'live', reason, updatedAt: now } as const;
    await tx.deployments.update(deployment.id, end);
    await tx.targets.touch(target.id, { liveDeploymentId: deployment.id });
    await recordEnd(tx, { ...deployment, ...end }, now, deps);
  });
  logger.info({ deployment: input.deploymentId, by: input.by.name }, 'deployment.confirmed');
}
