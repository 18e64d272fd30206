import type { Transaction } from '../core/ports.js';

/**
 * A rollback that did not happen leaves nothing to protect: its hold is lifted, unless an earlier rollback is what is live;
 * then that one is what automatic deploys are held for.
 */
export async function undoHold(tx: Transaction, targetId: string): Promise<void> {
  const target = await tx.targets.byId(targetId);
  const live = await tx.deployments.byId(target?.liveDeploymentId ?? '');
  const hold =
    live?.cause === 'rollback'
      ? {
          since: live.createdAt,
          by: live.causedBy ?? 'Somebody',
          reason: `rolled back to ${live.commit.slice(0, 12)}`,
        }
      : null;
  await tx.targets.touch(targetId, { hold });
}
