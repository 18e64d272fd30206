import type { Deployment } from '../core/model/index.js';

/**
 * A backend that builds whatever the branch points at may have built this commit already, when it was asked for an older one.
 * Its push is settled by that then, and not deployed once more: what changes of it. Null: it is still to be deployed.
 */
export function builtAlong(
  deployment: Deployment,
  live: Deployment | null,
  now: number,
): Partial<Deployment> | null {
  // What a person asks for is done, whatever is live.
  if (deployment.cause !== 'push' && deployment.cause !== 'reconcile') return null;
  if (live?.builtCommit !== deployment.commit || live.slot !== deployment.slot) return null;
  return {
    state: 'live',
    reason: `Deployed together with ${live.commit.slice(0, 12)}.`,
    backendRef: live.backendRef,
    url: live.url,
    startedAt: deployment.startedAt ?? now,
    finishedAt: now,
    updatedAt: now,
  };
}
