import type { Backend } from '../core/backend.js';
import { InputError, StateError } from '../core/errors.js';
import type { Target } from '../core/model/index.js';
import type { Clock, Ids, Logger, Storage, Transaction, Vault } from '../core/ports.js';
import { openForCall, openTarget } from './open-target.js';
import { recordEnd } from './record-status.js';
import { endWaiting, waitingAt, wakeWaiters } from './settle-waiting.js';
import { noteTargetChange } from './audit.js';
import { forgetTargetNotices } from './deploy-notices.js';

const resumeTimeoutMs = 15_000;

export interface ChangeTargetDeps {
  storage: Storage;
  vault: Vault;
  clock: Clock;
  ids: Ids;
  logger: Logger;
  backend(id: string): Backend | null;
}

/**
 * Stops or restarts automatic deploys. Restarting also ends a hold, at the backend, too, where it keeps one of its own after a
 * rollback. Throws `StateError('resume_failed')`: nothing was changed then.
 */
export async function setAutomatic(
  input: { targetId: string; on: boolean; by: { name: string } },
  deps: ChangeTargetDeps,
): Promise<void> {
  if (input.on) await resumeAtBackend(input.targetId, deps);
  await deps.storage.write(async (tx) => {
    const target = await existing(tx, input.targetId);
    await tx.targets.touch(input.targetId, {
      state: input.on ? 'active' : 'paused',
      ...(input.on ? { hold: null } : {}),
    });
    const says = `${input.on ? 'resumed' : 'paused'} automatic deploys of ${target.name}`;
    await noteTargetChange(tx, target, input.by, says, deps);
  });
  deps.logger.info({ target: input.targetId, on: input.on, by: input.by.name }, 'target.automatic');
}

async function resumeAtBackend(targetId: string, deps: ChangeTargetDeps): Promise<void> {
  const target = await deps.storage.read.targets.byId(targetId);
  if (!target?.hold || target.state === 'removed') return;
  const backend = deps.backend(target.backend);
  if (!backend?.resume) return;
  const opened = await openForCall(target, deps);
  const result = await backend.resume(opened, AbortSignal.timeout(resumeTimeoutMs));
  if (result.kind === 'failed') throw new StateError('resume_failed', result.reason);
}

/** Ends what waits, asks the running one to stop, and lets the backend clean up. The history stays. */
export async function removeTarget(
  input: { targetId: string; by: { name: string } },
  deps: ChangeTargetDeps,
): Promise<void> {
  const now = deps.clock();
  const target = await deps.storage.write(async (tx) => {
    const found = await existing(tx, input.targetId);
    await tx.targets.touch(found.id, { state: 'removed' });
    await forgetTargetNotices(tx, found.id, deps.clock());
    await noteTargetChange(tx, found, input.by, `removed the target ${found.name}`, deps);
    const waiting = await tx.deployments.recent(
      { targetId: found.id, states: ['waiting', 'queued'] },
      { limit: 10_000 },
    );
    const reason = `The target was removed by ${input.by.name}.`;
    const end = { state: 'stopped', reason, finishedAt: now, updatedAt: now } as const;
    await tx.deployments.updateMany(waiting.map(({ id }) => ({ id, patch: end })));
    // One that waits for its next try has said INPROGRESS, and nobody will step it any more.
    for (const one of waiting) await recordEnd(tx, { ...one, ...end }, now, deps);
    await wakeWaiters(
      tx,
      waiting.map(({ id }) => id),
      now,
    );
    await releaseFollowers(tx, found, input.by.name, deps);
    const lane = await tx.lanes.byTarget(found.id);
    if (lane?.currentDeploymentId) {
      await tx.deployments.update(lane.currentDeploymentId, { cancelRequestedBy: input.by.name });
      await tx.lanes.wake([found.id], now);
    }
    return found;
  });
  deps.logger.info({ target: target.id, by: input.by.name }, 'target.removed');
  await deps.backend(target.backend)?.remove?.(openTarget(target, deps.vault));
}

/**
 * What waited for it would deploy by itself from now on, and nobody said so: it is held until a person does.
 */
async function releaseFollowers(
  tx: Transaction,
  removed: Target,
  by: string,
  deps: ChangeTargetDeps,
): Promise<void> {
  for (const target of await tx.targets.ofRepository(removed.repositoryId)) {
    if (target.afterTargetId !== removed.id) continue;
    const reason = `${removed.name}, which it waited for, was removed`;
    const hold = { since: deps.clock(), by, reason };
    await tx.targets.touch(target.id, { afterTargetId: null, hold: target.hold ?? hold });
    for (const waiting of await waitingAt(tx, target.id)) {
      const end = { state: 'stopped', reason: `${reason} by ${by}.`, supersededBy: null } as const;
      await endWaiting(tx, waiting, end, deps);
    }
  }
}

async function existing(tx: Transaction, targetId: string): Promise<Target> {
  const target = await tx.targets.byId(targetId);
  if (!target || target.state === 'removed') throw new InputError('target_unknown');
  return target;
}
