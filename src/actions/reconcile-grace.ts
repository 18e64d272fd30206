import type { Repository } from '../core/model/index.js';
import type { Transaction } from '../core/ports.js';

/** How long a webhook may be late before a head that nobody told of is taken for a lost push. */
const graceMs = 2 * 60_000;
/** Forge's events take minutes as a matter of course, and it repeats a failed one minutes later (bitbucket-forge §2.6). */
const forgeGraceMs = 5 * 60_000;

/** By who tells us of this repository: the longer one only where that is Forge alone. */
export async function graceFor(tx: Transaction, repository: Repository): Promise<number> {
  const installations = await tx.installations.ofWorkspace(repository.workspaceUuid);
  const doors = new Set(installations.map(({ door }) => door));
  if (!doors.has('forge') || doors.has('connect')) return graceMs;
  const hook = await tx.hooks.ofRepository(repository.id);
  return hook?.state === 'active' ? graceMs : forgeGraceMs;
}
