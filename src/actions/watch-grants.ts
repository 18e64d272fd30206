import type { OAuthGrant } from '../core/model/index.js';
import { createCareJob, type CareJob, type CareJobDeps } from './care-job.js';
import { lapsingTexts, reachedDays, tell } from './grant-notices.js';
import { refreshLifeMs } from './grant-secrets.js';
import { breakGrant, lapsedReason, type RenewDeps } from './renew-grant.js';

const grantsPerRun = 200;

export interface WatchGrantsDeps
  extends CareJobDeps, Pick<RenewDeps, 'storage' | 'clock' | 'ids' | 'logger'> {
  /** Null: no consumer is configured, so nothing can be renewed. */
  keepAlive: ((grant: OAuthGrant) => Promise<void>) | null;
}

/**
 * The background job that keeps a grant from lapsing because nobody pushed for three months: halfway there it is renewed
 * without need. One that cannot be is announced 30, 7 and 1 days ahead, and once when it is over. Only grants that some
 * repository needs: what somebody merely signed in with may lapse.
 */
export function createGrantWatch(deps: WatchGrantsDeps): CareJob {
  return createCareJob(
    'grants',
    grantsPerRun,
    async (budget) => {
      const due = deps.clock() + refreshLifeMs / 2;
      let rows = 0;
      for (const grant of await deps.storage.read.grants.lapsing(due, grantsPerRun)) {
        if (!(await budget.take())) return { rows, isDone: false };
        await watch(grant, deps);
        rows += 1;
      }
      return { rows, isDone: true };
    },
    deps,
  );
}

async function watch(grant: OAuthGrant, deps: WatchGrantsDeps): Promise<void> {
  const { storage, clock, ids, logger } = deps;
  try {
    await deps.keepAlive?.(grant);
    if (deps.keepAlive) return;
  } catch (error) {
    logger.warn({ grant: grant.id, err: error }, 'oauth.keep_alive_failed');
  }
  const now = clock();
  if (grant.lapsesAt <= now) {
    await breakGrant(grant, lapsedReason, deps);
    return;
  }
  const days = reachedDays(grant.lapsesAt, now);
  if (days === null) return;
  await storage.write(async (tx) => {
    const stored = await tx.grants.byId(grant.id);
    if (stored?.state !== 'active' || stored.version !== grant.version) return;
    const repositories = await tx.grants.repositoriesOf(grant.userUuid);
    for (const text of lapsingTexts(grant, days, repositories)) {
      await tell(tx, text, { id: ids.next(), now });
    }
  });
}
