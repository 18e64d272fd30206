import type { Deployment, Target } from '../../core/model/index.js';
import type { RefChangeFilter, RefChangeWithDecisions } from '../../core/ports.js';
import {
  activityPath,
  filterStates,
  hasMorePages,
  isFiltered,
  nothingSpecial,
  type ActivityWish,
} from './activity-wish.js';
import type { FlagView, PanelContext } from './context.js';
import { loadFailedLast, type FailedLastView } from './load-failed-last.js';
import { loadPush } from './load-push.js';
import { deploymentView, type DeploymentView, type Surroundings } from './view/deployments.js';
import { filterView, type FilterChoices, type FilterView } from './view/filter.js';
import { isRunning } from './view/states.js';
import { pushView, type PushView } from './view/pushes.js';
import { targetView } from './view/targets.js';
import type { LastDeployments, TargetStatusView, TargetView } from './view/targets.js';
import { timelineView } from './view/timeline.js';
import { trendLength } from './view/trend.js';

export const pageSize = 20;
const pushesShown = 15;
const choicesFrom = 60;
const busyPollMs = 2_000;
/** Somebody who has just pushed looks here and waits; an answer without news is a 304. */
const idlePollMs = 5_000;

/** Everything on the page that changes by itself; one poll brings all of it. */
export interface ActivityView {
  deployments: DeploymentView[];
  failedLast: FailedLastView | null;
  pushes: PushView[];
  statuses: TargetStatusView[];
  hasTargets: boolean;
  filter: FilterView;
  /** When to ask again, ms. */
  every: number;
  path: string;
  /** Null: that is all of them. */
  morePath: string | null;
  flag: FlagView | null;
}

export interface Activity {
  view: ActivityView;
  targets: TargetView[];
}

const finishedStates = ['live', 'failed', 'stopped', 'superseded', 'handed_off'] as const;

export async function loadActivity(
  context: PanelContext,
  options: { wish?: ActivityWish; flag?: FlagView } = {},
): Promise<Activity> {
  const { read } = context.services;
  const wish = options.wish ?? nothingSpecial;
  const [targets, recent, changes] = await Promise.all([
    read.targets.ofRepository(context.repository.id),
    recentDeployments(context, wish),
    read.events.recentRefChanges(context.repository.id, pushesShown, pushesWanted(wish)),
  ]);
  const around = await surroundings(context, targets, recent.rows, changes);
  const [lasts, ofPushes, failedLast] = await Promise.all([
    Promise.all(targets.map((target) => lastDeployments(context, target, recent.rows, wish))),
    deploymentsOf(context, changes, recent.rows),
    loadFailedLast(context, around, recent.rows),
  ]);
  const deployments = recent.rows.map((row) => deploymentView(row, around));
  const cards = targets.map((target, index) =>
    targetView(target, lasts[index] ?? { live: null, newest: null, finished: [] }, around),
  );
  const pushes = await Promise.all(
    changes.map(async (change) => {
      const isOpen = change.id === wish.push;
      const timeline = isOpen
        ? timelineView(await loadPush(read, change, ofPushes, recent.rows), around)
        : null;
      const togglePath = activityPath({ ...wish, push: isOpen ? null : change.id });
      return pushView(change, ofPushes, around, { timeline, togglePath });
    }),
  );
  // A push that is not decided yet has a deployment that waits.
  const isBusy = recent.rows.some((one) => isRunning(one.state) && one.approvalUntil === null);
  return {
    targets: cards,
    view: {
      deployments,
      failedLast,
      pushes,
      statuses: cards.map((card) => card.status),
      hasTargets: cards.length > 0,
      filter: filterView(wish, targets, await choices(context, wish, recent.rows, changes)),
      every: isBusy ? busyPollMs : idlePollMs,
      path: activityPath(wish),
      morePath:
        recent.hasMore && hasMorePages(wish)
          ? activityPath({ ...wish, pages: wish.pages + 1 })
          : null,
      flag: options.flag ?? null,
    },
  };
}

/** What can be chosen: the names of late, also while the lists show but one of them. */
async function choices(
  context: PanelContext,
  { filter }: ActivityWish,
  deployments: readonly Deployment[],
  changes: readonly RefChangeWithDecisions[],
): Promise<FilterChoices> {
  if (!isFiltered(filter)) return { deployments, changes };
  const { read } = context.services;
  const repositoryId = context.repository.id;
  const [allDeployments, allChanges] = await Promise.all([
    read.deployments.recent({ repositoryId }, { limit: choicesFrom }),
    read.events.recentRefChanges(repositoryId, choicesFrom),
  ]);
  return { deployments: allDeployments, changes: allChanges };
}

function pushesWanted({ filter }: ActivityWish): RefChangeFilter {
  const { branch, person, target, state } = filter;
  return {
    ...(branch === '' ? {} : { refName: branch }),
    ...(person === '' ? {} : { person }),
    ...(target === '' ? {} : { targetId: target }),
    ...(state === '' ? {} : { states: filterStates[state] }),
  };
}

/** One target with its status, for an answer that shows only its card. */
export async function loadTarget(context: PanelContext, target: Target): Promise<TargetView> {
  const last = await lastDeployments(context, target, [], nothingSpecial);
  const all = await context.services.read.targets.ofRepository(context.repository.id);
  return targetView(target, last, await surroundings(context, [...all, target], [], []));
}

/** A growing list instead of separate pages: a poll then refreshes all of it, and nothing falls between two pages. */
async function recentDeployments(
  context: PanelContext,
  { pages, filter }: ActivityWish,
): Promise<{ rows: Deployment[]; hasMore: boolean }> {
  const rows: Deployment[] = [];
  const where = {
    repositoryId: context.repository.id,
    ...(filter.branch === '' ? {} : { refName: filter.branch }),
    ...(filter.person === '' ? {} : { causedBy: filter.person }),
    ...(filter.target === '' ? {} : { targetId: filter.target }),
    ...(filter.state === '' ? {} : { states: filterStates[filter.state] }),
  };
  for (let page = 1; page <= pages; page += 1) {
    const before = rows.at(-1)?.id;
    const next = await context.services.read.deployments.recent(where, {
      limit: pageSize + 1,
      ...(before === undefined ? {} : { before }),
    });
    rows.push(...next.slice(0, pageSize));
    if (next.length <= pageSize) return { rows, hasMore: false };
  }
  return { rows, hasMore: true };
}

async function surroundings(
  context: PanelContext,
  targets: readonly Target[],
  deployments: readonly Deployment[],
  changes: readonly RefChangeWithDecisions[],
): Promise<Surroundings> {
  const known = new Map(targets.map((target) => [target.id, target]));
  const spokenOf = [
    ...deployments.map((one) => one.targetId),
    ...changes.flatMap((change) => change.decisions.map((one) => one.targetId)),
  ];
  const missing = [...new Set(spokenOf)].filter((id) => !known.has(id));
  const removed = await Promise.all(missing.map((id) => context.services.read.targets.byId(id)));
  for (const target of removed) if (target !== null) known.set(target.id, target);
  const { repository, places, rights, now } = context;
  return { repository, places, rights, now, targets: known, backends: context.services.backends };
}

async function lastDeployments(
  context: PanelContext,
  target: Target,
  recent: readonly Deployment[],
  { filter }: ActivityWish,
): Promise<LastDeployments> {
  const { deployments } = context.services.read;
  const liveId = target.liveDeploymentId;
  const known = recent.find((one) => one.id === liveId);
  const [live, newest, finished] = await Promise.all([
    known ?? (liveId === null ? null : deployments.byId(liveId)),
    // What was filtered may leave out the newest.
    (isFiltered(filter) ? undefined : recent.find((one) => one.targetId === target.id)) ??
      deployments.recent({ targetId: target.id }, { limit: 1 }).then((rows) => rows[0]),
    deployments.recent({ targetId: target.id, states: finishedStates }, { limit: trendLength }),
  ]);
  return { live, newest: newest ?? null, finished };
}

/** Those that decisions speak of; most of them are among the recent ones anyway. */
async function deploymentsOf(
  context: PanelContext,
  changes: readonly RefChangeWithDecisions[],
  recent: readonly Deployment[],
): Promise<Map<string, Deployment>> {
  const known = new Map(recent.map((one) => [one.id, one]));
  const ids = changes.flatMap((change) => change.decisions.map((one) => one.deploymentId));
  const missing = [...new Set(ids)].filter((id) => id !== null).filter((id) => !known.has(id));
  const { deployments } = context.services.read;
  const found = await Promise.all(missing.map((id) => deployments.byId(id)));
  for (const one of found) if (one !== null) known.set(one.id, one);
  return known;
}
