import { bitbucketRetryMs, deliveryLifetimeMs } from '../core/delivery/retry-schedule.js';
import { BitbucketError } from '../core/errors.js';
import type { Repository, StatusReport } from '../core/model/index.js';
import type { Bitbucket, Clock, Logger, Storage, Transaction } from '../core/ports.js';

export interface ReportDeps {
  storage: Storage;
  bitbucket: Pick<Bitbucket, 'setBuildStatus'>;
  clock: Clock;
  random(): number;
  logger: Logger;
}

/** Long enough for a slow Bitbucket and its retries; a crash in between is repeated, which Bitbucket takes as an update. */
const claimMs = 60_000;

type Settle = (change: StatusChange) => Promise<boolean>;

interface StatusChange {
  report: StatusReport;
  patch: Partial<Pick<StatusReport, 'dueAt' | 'attempts' | 'settledAt' | 'error'>>;
  /** Not worth insisting on when a later report of the same commit and key waits behind it. */
  unlessOvertaken: boolean;
}

/** Writes the build statuses that are due; returns how many it took. A failure never touches the deployment. */
export function createStatusReporter(deps: ReportDeps): (limit: number) => Promise<number> {
  const settle = deps.storage.batched<StatusChange, boolean>((tx, changes) =>
    settleReports(tx, changes, deps.clock()),
  );
  return async (limit) => {
    const now = deps.clock();
    const { due, repositories } = await deps.storage.write((tx) => claim(tx, limit, now));
    const known = new Map(repositories.map((repository) => [repository.id, repository]));
    await Promise.all(
      due.map((report) => reportOne(report, known.get(report.repositoryId), settle, deps)),
    );
    return due.length;
  };
}

async function claim(
  tx: Transaction,
  limit: number,
  now: number,
): Promise<{ due: StatusReport[]; repositories: Repository[] }> {
  const due = await tx.statusReports.claimDue(limit, now, now + claimMs);
  const ids = [...new Set(due.map(({ repositoryId }) => repositoryId))];
  return { due, repositories: await tx.repositories.byIds(ids) };
}

async function reportOne(
  report: StatusReport,
  repository: Repository | undefined,
  settle: Settle,
  deps: ReportDeps,
): Promise<void> {
  const facts = { deployment: report.deploymentId, commit: report.commit, state: report.state };
  const done = (error: string | null): Promise<boolean> => {
    const patch = { dueAt: null, settledAt: deps.clock(), error };
    return settle({ report, patch, unlessOvertaken: false });
  };
  if (!repository || repository.state === 'deleted') {
    await done('The repository is gone.');
    return;
  }
  try {
    await deps.bitbucket.setBuildStatus(repository, report.commit, report);
    await done(null);
    deps.logger.info(facts, 'status.written');
  } catch (error) {
    deps.logger.warn({ ...facts, err: error, attempt: report.attempts + 1 }, 'status.failed');
    const now = deps.clock();
    const reason = error instanceof Error ? error.message : String(error);
    const gone = error instanceof BitbucketError && error.code === 'repository_gone';
    if (gone || now - report.createdAt >= deliveryLifetimeMs) {
      await done(reason);
      return;
    }
    const attempts = report.attempts + 1;
    const retryAfterMs = error instanceof BitbucketError ? error.retryAfterMs : null;
    const dueAt = now + bitbucketRetryMs(attempts, deps.random(), retryAfterMs);
    await settle({ report, patch: { attempts, error: reason, dueAt }, unlessOvertaken: true });
  }
}

async function settleReports(
  tx: Transaction,
  changes: readonly StatusChange[],
  now: number,
): Promise<boolean[]> {
  const patches = [];
  for (const { report, patch, unlessOvertaken } of changes) {
    // What comes after it says more: no need to insist on the older one.
    const isOvertaken = unlessOvertaken && (await tx.statusReports.hasNewer(report));
    const end = isOvertaken ? { dueAt: null, settledAt: now } : {};
    patches.push({ id: report.id, patch: { ...patch, ...end } });
  }
  await tx.statusReports.settle(patches);
  return changes.map(() => true);
}
