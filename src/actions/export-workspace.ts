import type { CareReads, RepositoryRows } from '../core/care.js';
import type { Deployment, Repository, StoredRefChange } from '../core/model/index.js';

export interface ExportDeps {
  read: { care: CareReads };
}

const pageSize = 200;

/**
 * Everything that is stored of a workspace, one JSON object a line with its `type`. No secrets: sealed values are left out,
 * and so are the addresses of deployment pages, which open for whoever knows them.
 *
 * Nothing comes when the workspace is not known.
 */
export async function* exportWorkspace(
  workspaceUuid: string,
  { read: { care } }: ExportDeps,
): AsyncGenerator<string> {
  const workspace = await care.workspaceOf(workspaceUuid);
  if (workspace) yield line('workspace', workspace);
  for (const { secretSealed: _, ...installation } of await care.installationsOf(workspaceUuid)) {
    yield line('installation', installation);
  }
  for (const { secretsSealed: _, ...connection } of await care.connectionsOf(workspaceUuid)) {
    yield line('connection', connection);
  }
  for (const person of await care.personNamesOf(workspaceUuid)) yield line('person', person);
  for (const sourceId of await care.sourceIdsOf(workspaceUuid)) {
    const page = (after: string) => care.eventsOfSource(sourceId, after, pageSize);
    for await (const event of paged(page, ({ deliveryId }) => deliveryId)) {
      yield line('event', event);
    }
  }
  for (const repository of await care.repositoriesOf(workspaceUuid)) {
    yield* repositoryLines(repository, care);
  }
}

async function* repositoryLines(repository: Repository, care: CareReads): AsyncGenerator<string> {
  yield line('repository', repository);
  for (const { secretsSealed: _, ...target } of await care.everyTargetOf(repository.id)) {
    yield line('target', target);
  }
  const rows = <Kind extends keyof RepositoryRows>(kind: Kind) =>
    pages(
      (after) => care.rowsOf(kind, repository.id, after, pageSize),
      ({ id }) => id,
    );
  for await (const refs of rows('refs')) yield* refs.map((ref) => line('ref', ref));
  for await (const changes of rows('refChanges')) yield* changeLines(changes, care);
  for await (const deployments of rows('deployments')) yield* deploymentLines(deployments, care);
}

async function* changeLines(
  changes: readonly StoredRefChange[],
  care: CareReads,
): AsyncGenerator<string> {
  yield* changes.map((change) => line('ref_change', change));
  const decisions = await care.decisions(changes.map(({ id }) => id));
  yield* decisions.map((decision) => line('decision', decision));
}

async function* deploymentLines(
  deployments: readonly Deployment[],
  care: CareReads,
): AsyncGenerator<string> {
  yield* deployments.map(({ pageToken: _, ...deployment }) => line('deployment', deployment));
  const ids = deployments.map(({ id }) => id);
  yield* (await care.attempts(ids)).map((attempt) => line('attempt', attempt));
  const told = await care.backendReports(ids);
  yield* told.map((report) => line('backend_report', report));
  const reports = await care.statusReports(ids);
  yield* reports.map(({ url: _, ...report }) => line('status_report', report));
}

async function* pages<Row>(
  read: (after: string) => Promise<Row[]>,
  keyOf: (row: Row) => string,
): AsyncGenerator<Row[]> {
  let after = '';
  for (;;) {
    const page = await read(after);
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = keyOf(last);
  }
}

async function* paged<Row>(
  read: (after: string) => Promise<Row[]>,
  keyOf: (row: Row) => string,
): AsyncGenerator<Row> {
  for await (const page of pages(read, keyOf)) yield* page;
}

function line(type: string, row: object): string {
  return JSON.stringify({ type, ...row });
}
