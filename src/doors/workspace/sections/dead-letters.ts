import { InputError } from '../../../core/errors.js';
import type { Deployment } from '../../../core/model/index.js';
import type { Reader } from '../../../core/ports.js';
import { textOf, underPrefix, type FormFields } from '../../panel/form-fields.js';
import type { Retried } from '../../panel/panel-services.js';
import { failedWithinMs, retriedWords } from '../../panel/view/retried.js';
import { timeView, type TimeView } from '../../panel/view/time.js';
import type { SectionDone, WorkspaceContext, WorkspaceSection } from '../section.js';

export interface DeadLettersDeps {
  read: Reader;
  /** Fulfilled by `actions/retry-deployments.ts`. */
  retry(
    wish: { by: { name: string } } & (
      { ids: readonly string[]; onlyLast: true } | { failedSince: number; workspaceUuid: string }
    ),
  ): Promise<Retried>;
}

const mostShown = 100;

/** Deployments that failed and that nothing newer of their branch or tag came after; one click tries all of them again. */
export function deadLettersSection(deps: DeadLettersDeps): WorkspaceSection {
  return {
    key: 'dead-letters',
    title: 'Failed last',
    help: 'Branches and tags whose last deployment failed, in the last 30 days. When the cause is mended, try them again together.',
    adminOnly: true,
    load: (context) => load(deps, context),
    actions: { retry: (context, fields) => retry(deps, context, fields) },
  };
}

interface DeadLetterRow {
  id: string;
  title: string;
  where: string;
  ref: string;
  commit: string;
  reason: string;
  at: TimeView;
  href: string;
}

async function load({ read }: DeadLettersDeps, context: WorkspaceContext): Promise<object> {
  const { ids, more } = await listed(read, context);
  const found = await read.deployments.byIds(ids);
  const [targets, repositories] = await Promise.all([
    read.targets.byIds([...new Set(found.map(({ targetId }) => targetId))]),
    read.repositories.byIds([...new Set(found.map(({ repositoryId }) => repositoryId))]),
  ]);
  const targetNames = new Map(targets.map(({ id, name }) => [id, name]));
  const repositoryNames = new Map(repositories.map(({ id, fullName }) => [id, fullName]));
  const row = (one: Deployment): DeadLetterRow => ({
    id: one.id,
    title: repositoryNames.get(one.repositoryId) ?? '',
    where: targetNames.get(one.targetId) ?? '',
    ref: one.refName,
    commit: one.commit.slice(0, 8),
    reason: one.reason ?? 'Its backend gave no reason.',
    at: timeView(one.finishedAt ?? one.updatedAt, context.now),
    href: `${context.places.baseUrl}/d/${one.pageToken}`,
  });
  const rows = [...found].sort((a, b) => (a.id < b.id ? 1 : -1)).map(row);
  return { rows, more, isSeveral: rows.length > 1 };
}

async function listed(
  read: Reader,
  { workspace, now }: WorkspaceContext,
): Promise<{ ids: string[]; more: boolean }> {
  const where = { since: now - failedWithinMs, workspaceUuid: workspace.uuid };
  const found = await read.care.deadLetters(where, mostShown + 1);
  return { ids: found.slice(0, mostShown).map(({ id }) => id), more: found.length > mostShown };
}

async function retry(
  deps: DeadLettersDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<SectionDone> {
  const { by, workspace, now } = context;
  if (textOf(fields, 'all') === 'true') {
    const wish = { by, failedSince: now - failedWithinMs, workspaceUuid: workspace.uuid };
    return told(await deps.retry(wish));
  }
  const chosen = underPrefix(fields, 'retry.');
  // Ids in a form are only claims: what is not in this workspace's list does not exist here.
  const { ids } = await listed(deps.read, context);
  const mine = ids.filter((id) => chosen.get(id) === 'true');
  if (mine.length === 0) {
    throw new InputError(
      'retry_invalid',
      chosen.size === 0 ? 'nothing was chosen' : 'what was chosen did not fail last any more',
    );
  }
  return told(await deps.retry({ by, ids: mine, onlyLast: true }));
}

function told(done: Retried): SectionDone {
  const { says, advice } = retriedWords(done);
  return advice === null ? { says } : { says, advice };
}
