import type { Repository } from '../core/model/index.js';
import type { HookWrites, LaneWrites, TargetReads } from '../core/ports.js';

interface WakeTransaction {
  targets: Pick<TargetReads, 'ofRepositories'>;
  lanes: Pick<LaneWrites, 'wake'>;
  hooks: Pick<HookWrites, 'checkSoon'>;
}

/** A credential is good again: whatever waited for it is due now, and earlier failures count no more. */
export async function wakeRepositories(
  tx: WakeTransaction,
  repositories: readonly Repository[],
  now: number,
): Promise<void> {
  if (repositories.length === 0) return;
  const targets = await tx.targets.ofRepositories(repositories.map(({ id }) => id));
  await tx.lanes.wake(
    targets.map(({ id }) => id),
    now,
    { afresh: true },
  );
  for (const { id } of repositories) await tx.hooks.checkSoon(id, now);
}
