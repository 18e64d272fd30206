import { statusFor, statusKey } from '../core/delivery/build-status.js';
import type { Deployment, StatusReport } from '../core/model/index.js';
import type { Ids, Transaction } from '../core/ports.js';

export interface StatusDeps {
  ids: Ids;
  /** Public address of a deployment's page. */
  pageUrl(pageToken: string): string;
}

/**
 * The build status of a deployment as it now is, owed to Bitbucket once it is stored; written by `report-status`, never by the
 * deploy itself. Null: there is none to write.
 */
export function statusReport(
  deployment: Deployment,
  targetName: string,
  now: number,
  deps: StatusDeps,
): StatusReport | null {
  const status = statusFor(deployment, targetName);
  if (status === null) return null;
  return {
    id: deps.ids.next(),
    deploymentId: deployment.id,
    repositoryId: deployment.repositoryId,
    commit: deployment.commit,
    key: statusKey(deployment.targetId),
    state: status.state,
    name: `Slipway: ${targetName}`,
    description: status.description,
    url: deps.pageUrl(deployment.pageToken),
    refName: deployment.refType === 'branch' ? deployment.refName : null,
    dueAt: now,
    attempts: 0,
    settledAt: null,
    error: null,
    createdAt: now,
  };
}

/**
 * For one that had started, went back into the queue for its next try, and ends there without a step of its own (superseded,
 * cancelled, overtaken): what was said of it last must not stay INPROGRESS. One that never started has said nothing.
 */
export async function recordEnd(
  tx: Transaction,
  ended: Deployment,
  now: number,
  { ids }: Pick<StatusDeps, 'ids'>,
): Promise<void> {
  if (ended.startedAt === null) return;
  const said = await tx.statusReports.latestOf(ended.id);
  if (!said) return;
  const status = statusFor(ended, said.name);
  if (status === null || status.state === said.state) return;
  const unsent = { dueAt: now, attempts: 0, settledAt: null, error: null, createdAt: now };
  await tx.statusReports.insert([{ ...said, ...status, ...unsent, id: ids.next() }]);
}
