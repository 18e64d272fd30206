import { deliveryLifetimeMs, retryDelayMs } from '../core/delivery/retry-schedule.js';
import { BitbucketError } from '../core/errors.js';
import type { StatusReport } from '../core/model/index.js';
import type { Bitbucket, Clock, Logger, Storage } from '../core/ports.js';

export interface ReportDeps {
  storage: Storage;
  bitbucket: Pick<Bitbucket, 'setBuildStatus'>;
  clock: Clock;
  random(): number;
  logger: Logger;
}

/** Long enough for a slow Bitbucket and its retries; a crash in between is repeated, which Bitbucket takes as an update. */
const claimMs = 60_000;

/** Writes the build statuses that are due; returns how many it took. A failure never touches the deployment. */
export async function reportDueStatuses(deps: ReportDeps, limit: number): Promise<number> {
  const now = deps.clock();
  const due = await deps.storage.write((tx) =>
    tx.statusReports.claimDue(limit, now, now + claimMs),
  );
  await Promise.all(due.map((report) => reportOne(report, deps)));
  return due.length;
}

async function reportOne(report: StatusReport, deps: ReportDeps): Promise<void> {
  const facts = { deployment: report.deploymentId, commit: report.commit, state: report.state };
  const repository = await deps.storage.read.repositories.byId(report.repositoryId);
  if (!repository || repository.state === 'deleted') {
    await giveUp(report, 'The repository is gone.', deps);
    return;
  }
  try {
    await deps.bitbucket.setBuildStatus(repository, report.commit, report);
    await deps.storage.write((tx) =>
      tx.statusReports.settle(report.id, { dueAt: null, settledAt: deps.clock(), error: null }),
    );
    deps.logger.info(facts, 'status.written');
  } catch (error) {
    deps.logger.warn({ ...facts, err: error, attempt: report.attempts + 1 }, 'status.failed');
    await settleFailure(report, error, deps);
  }
}

async function settleFailure(
  report: StatusReport,
  error: unknown,
  deps: ReportDeps,
): Promise<void> {
  const now = deps.clock();
  const reason = error instanceof Error ? error.message : String(error);
  const gone = error instanceof BitbucketError && error.code === 'repository_gone';
  if (gone || now - report.createdAt >= deliveryLifetimeMs) {
    await giveUp(report, reason, deps);
    return;
  }
  const attempts = report.attempts + 1;
  const retryAfterMs =
    error instanceof BitbucketError ? (error.retryAfterMs ?? undefined) : undefined;
  await deps.storage.write(async (tx) => {
    // What comes after it says more: no need to insist on the older one.
    const overtaken = await tx.statusReports.hasNewer(report);
    await tx.statusReports.settle(report.id, {
      attempts,
      error: reason,
      ...(overtaken
        ? { dueAt: null, settledAt: now }
        : { dueAt: now + retryDelayMs(attempts, deps.random(), retryAfterMs) }),
    });
  });
}

function giveUp(report: StatusReport, reason: string, deps: ReportDeps): Promise<void> {
  return deps.storage.write((tx) =>
    tx.statusReports.settle(report.id, { dueAt: null, settledAt: deps.clock(), error: reason }),
  );
}
