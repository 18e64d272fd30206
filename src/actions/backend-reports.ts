import type { Observation } from '../core/backend.js';
import { isOver } from '../core/delivery/settle.js';
import type { BackendReport } from '../core/model/index.js';
import type {
  AttemptReads,
  BackendReportReads,
  BackendReportWrites,
  Clock,
  DeploymentReads,
  LaneWrites,
} from '../core/ports.js';

export interface ReportTransaction {
  deployments: Pick<DeploymentReads, 'byId'>;
  lanes: Pick<LaneWrites, 'wake'>;
  backendReports: BackendReportReads & BackendReportWrites;
}

export interface ReportDeps {
  storage: {
    write<T>(work: (tx: ReportTransaction) => Promise<T>): Promise<T>;
    read: {
      deployments: Pick<DeploymentReads, 'byId'>;
      attempts: AttemptReads;
      backendReports: BackendReportReads;
    };
  };
  clock: Clock;
}

/** Two reports may come before the lane looks once: what the later one leaves out still holds. */
export function withEarlier(report: BackendReport, earlier: BackendReport | null): BackendReport {
  return {
    ...report,
    url: report.url ?? earlier?.url ?? null,
    logUrl: report.logUrl ?? earlier?.logUrl ?? null,
    commit: report.commit ?? earlier?.commit ?? null,
  };
}

/** What a backend's own call was told at once, kept beside the reports. Never overrides an end. */
export async function noteReport(
  deploymentId: string,
  observation: Observation,
  deps: Pick<ReportDeps, 'storage' | 'clock'>,
): Promise<void> {
  const { state } = observation;
  if (state === 'unchanged') return;
  await deps.storage.write(async (tx) => {
    const earlier = await tx.backendReports.ofDeployment(deploymentId);
    if (earlier && isOver(earlier.state)) return;
    const isNews = !earlier || isOver(state);
    const report: BackendReport = {
      deploymentId,
      sequence: earlier?.sequence ?? 0,
      // A report may be quicker than the answer to the call that it is about.
      state: isNews ? state : earlier.state,
      url: observation.url ?? null,
      logUrl: null,
      message: (isNews ? observation.reason : earlier.message) ?? null,
      commit: observation.commit ?? null,
      reportedAt: deps.clock(),
    };
    await tx.backendReports.save(withEarlier(report, earlier));
  });
}

/** What is known of a deployment from its receiver, and when it was last heard of. Null: no such deployment. */
export async function latestReport(
  deploymentId: string,
  deps: Pick<ReportDeps, 'storage'>,
): Promise<{ observation: Observation | null; heardAt: number } | null> {
  const { read } = deps.storage;
  const deployment = await read.deployments.byId(deploymentId);
  if (!deployment) return null;
  const report = await read.backendReports.ofDeployment(deploymentId);
  const attempts = await read.attempts.ofDeployment(deploymentId);
  const sent = attempts.filter(({ kind }) => kind === 'trigger' || kind === 'rollback').at(-1);
  const sentAt = sent?.startedAt ?? deployment.startedAt ?? deployment.createdAt;
  return {
    observation: report && toObservation(report),
    heardAt: Math.max(report?.reportedAt ?? 0, sentAt),
  };
}

function toObservation(report: BackendReport): Observation {
  const { state, url, logUrl, message, commit } = report;
  const ended = isOver(state);
  return {
    state,
    ...(url === null ? {} : { url }),
    ...(commit === null ? {} : { commit }),
    ...(message !== null && ended ? { reason: message } : {}),
    ...(message !== null && !ended ? { progress: { step: message } } : {}),
    ...(logUrl === null ? {} : { logTail: [`Log: ${logUrl}`] }),
  };
}
