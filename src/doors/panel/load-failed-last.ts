import type { Deployment } from '../../core/model/index.js';
import type { PanelContext } from './context.js';
import type { Surroundings } from './view/deployments.js';
import { pageHref, shortHashLength } from './view/links.js';
import { failedWithinMs } from './view/retried.js';
import { reasonText } from './view/states.js';
import { timeView, type TimeView } from './view/time.js';

/** Branches and tags of a repository whose last deployment failed, to be tried again one by one or together. */
export interface FailedLastView {
  rows: FailedRow[];
  /** There are more than are shown. */
  more: boolean;
  isSeveral: boolean;
}

interface FailedRow {
  id: string;
  targetName: string;
  refName: string;
  refIcon: 'branch' | 'tag';
  short: string;
  reason: string | null;
  at: TimeView;
  page: string;
}

const mostShown = 10;

/** Null: there are none, or the only one is in the list below anyway, with the same button; readers see none of it. */
export async function loadFailedLast(
  context: PanelContext,
  around: Surroundings,
  listed: readonly Deployment[],
): Promise<FailedLastView | null> {
  if (context.rights !== 'admin') return null;
  const { read } = context.services;
  const where = { since: context.now - failedWithinMs, repositoryId: context.repository.id };
  const found = await read.care.deadLetters(where, mostShown + 1);
  const ids = found.slice(0, mostShown).map(({ id }) => id);
  const [only] = ids;
  if (only === undefined) return null;
  if (ids.length === 1 && listed.some(({ id }) => id === only)) return null;
  const rows = await read.deployments.byIds(ids);
  return {
    // Ids grow with time.
    rows: [...rows].sort((a, b) => (a.id < b.id ? 1 : -1)).map((one) => rowOf(one, around)),
    more: found.length > mostShown,
    isSeveral: rows.length > 1,
  };
}

function rowOf(one: Deployment, { targets, places, now }: Surroundings): FailedRow {
  return {
    id: one.id,
    targetName: targets.get(one.targetId)?.name ?? 'a removed target',
    refName: one.refName,
    refIcon: one.refType === 'tag' ? 'tag' : 'branch',
    short: one.commit.slice(0, shortHashLength),
    reason: reasonText(one),
    at: timeView(one.finishedAt ?? one.updatedAt, now),
    page: pageHref(one, places),
  };
}
