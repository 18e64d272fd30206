import type { Deployment, DeploymentState, Target } from '../core/model/index.js';
import type { Clock, Ids, Transaction } from '../core/ports.js';

interface NoteDeps {
  clock: Clock;
  ids: Ids;
}

function targetSubject(targetId: string): string {
  return `target:${targetId}`;
}

function connectionSubject(connectionId: string): string {
  return `connection:${connectionId}`;
}

/**
 * One notice when a target begins to fail and none for the failures that follow; it is over when something goes live there.
 * In the transaction that ends the deployment, so that neither is ever forgotten.
 */
export async function noteEnds(
  tx: Transaction,
  settled: readonly { deployment: Deployment; target: Target }[],
  deps: NoteDeps,
): Promise<void> {
  const well = settled.filter(({ deployment: { state } }) => wentWell.has(state));
  const subjects = well.map(({ target }) => targetSubject(target.id));
  await tx.notices.resolveAll(subjects, deps.clock());
  for (const { deployment, target } of settled) {
    if (deployment.state === 'failed') await noteFailure(tx, deployment, target, deps);
  }
}

const wentWell: ReadonlySet<DeploymentState> = new Set(['live', 'handed_off']);

async function noteFailure(
  tx: Transaction,
  deployment: Deployment,
  target: Target,
  deps: NoteDeps,
): Promise<void> {
  const now = deps.clock();
  const repository = await tx.repositories.byId(target.repositoryId);
  if (!repository) return;
  await tx.notices.add({
    id: deps.ids.next(),
    kind: 'deploys_failing',
    level: 'danger',
    workspaceUuid: repository.workspaceUuid,
    repositoryId: repository.id,
    userUuid: null,
    subject: targetSubject(target.id),
    dedupeKey: `deploys_failing:${target.id}`,
    says: `${repository.fullName}: ${deployment.commit.slice(0, 8)} did not go live at ${target.name}`,
    advice: deployment.reason ?? 'Its backend gave no reason.',
    path: `/d/${deployment.pageToken}`,
    createdAt: now,
    resolvedAt: null,
  });
}

/** A removed target fails nobody any more. */
export async function forgetTargetNotices(
  tx: Transaction,
  targetId: string,
  now: number,
): Promise<void> {
  await tx.notices.resolve(targetSubject(targetId), now);
}

/** Its backend refused the account that several targets may share. */
export async function noteBrokenConnection(
  tx: Transaction,
  connectionId: string,
  reason: string,
  deps: NoteDeps,
): Promise<void> {
  const connection = await tx.connections.byId(connectionId);
  if (!connection) return;
  await tx.notices.add({
    id: deps.ids.next(),
    kind: 'connection_broken',
    level: 'danger',
    workspaceUuid: connection.workspaceUuid,
    repositoryId: null,
    userUuid: null,
    subject: connectionSubject(connectionId),
    dedupeKey: `connection_broken:${connectionId}`,
    says: `The connection “${connection.name}” is refused: ${reason}`,
    advice:
      'A workspace admin connects it again; targets that use it wait until then and go on by themselves.',
    path: null,
    createdAt: deps.clock(),
    resolvedAt: null,
  });
}

export async function noteRepairedConnection(
  tx: Transaction,
  connectionId: string,
  now: number,
): Promise<void> {
  await tx.notices.resolve(connectionSubject(connectionId), now);
}
