import type { Clock, Storage } from '../core/ports.js';

/**
 * The app was uninstalled. The sealed secret stays as a tombstone: Bitbucket signs the next install with it, and without
 * it nobody could tell that install from a forged one (reference/bitbucket-connect.md §3.4). Settings stay, too.
 * Returns false when there was nothing to remove.
 */
export async function removeApp(
  clientKey: string,
  deps: { storage: Storage; clock: Clock },
): Promise<boolean> {
  return deps.storage.write(async (tx) => {
    const known = await tx.installations.find('connect', clientKey);
    if (!known || known.state === 'removed') return false;
    await tx.installations.save({ ...known, state: 'removed', updatedAt: deps.clock() });
    return true;
  });
}
