import type { Deployment, Target } from '../../core/model/index.js';
import type { RefChangeWithDecisions } from '../../core/ports.js';
import type { FlagView, PanelContext } from './context.js';
import { deploymentView, type DeploymentView, type Surroundings } from './view/deployments.js';
import { pushView, type PushView } from './view/pushes.js';
import { targetView } from './view/targets.js';
import type { LastDeployments, TargetStatusView, TargetView } from './view/targets.js';
import { trendLength } from './view/trend.js';

export const pageSize = 20;
const maxPages = 10;
const pushesShown = 15;
const busyPollMs = 2_000;
/** Somebody who has just pushed looks here and waits; an answer without news is a 304. */
const idlePollMs = 5_000;

/** Everything on the page that changes by itself; one poll brings all of it. */
export interface ActivityView {
  deployments: DeploymentView[];
  pushes: PushView[];
  statuses: TargetStatusView[];
  hasTargets: boolean;
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

const fragmentPath = '/panel/fragments/deployments';

export async function loadActivity(
  context: PanelContext,
  options: { pages?: number; flag?: FlagView } = {},
): Promise<Activity> {
  const { read } = context.services;
  const pages = Math.min(Math.max(options.pages ?? 1, 1), maxPages);
  const [targets, recent, changes] = await Promise.all([
    read.targets.ofRepository(context.repository.id),
    recentDeployments(context, pages),
    read.events.recentRefChanges(context.repository.id, pushesShown),
  ]);
  const around = await surroundings(context, targets, recent.rows, changes);
  const [lasts, ofPushes] = await Promise.all([
    Promise.all(targets.map((target) => lastDeployments(context, target, recent.rows))),
    deploymentsOf(context, changes, recent.rows),
  ]);
  const deployments = recent.rows.map((row) => deploymentView(row, around));
  const cards = targets.map((target, index) =>
    targetView(target, lasts[index] ?? { live: null, newest: null, finished: [] }, around),
  );
  // A push that is not decided yet has a deployment that waits.
  const isBusy = deployments.some((one) => one.isRunning);
  return {
    targets: cards,
    view: {
      deployments,
      pushes: changes.map((change) => pushView(change, ofPushes, around)),
      statuses: cards.map((card) => card.status),
      hasTargets: cards.length > 0,
      every: isBusy ? busyPollMs : idlePollMs,
      path: pages === 1 ? fragmentPath : `${fragmentPath}?pages=${pages}`,
      morePath: recent.hasMore && pages < maxPages ? `${fragmentPath}?pages=${pages + 1}` : null,
      flag: options.flag ?? null,
    },
  };
}

/** One target with its status, for an answer that shows only its card. */
export async function loadTarget(context: PanelContext, target: Target): Promise<TargetView> {
  const last = await lastDeployments(context, target, []);
  return targetView(target, last, await surroundings(context, [target], [], []));
}

/** A growing list instead of separate pages: a poll then refreshes all of it, and nothing falls between two pages. */
async function recentDeployments(
  context: PanelContext,
  pages: number,
): Promise<{ rows: Deployment[]; hasMore: boolean }> {
  const rows: Deployment[] = [];
  const where = { repositoryId: context.repository.id };
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
): Promise<LastDeployments> {
  const { deployments } = context.services.read;
  const liveId = target.liveDeploymentId;
  const known = recent.find((one) => one.id === liveId);
  const [live, newest, finished] = await Promise.all([
    known ?? (liveId === null ? null : deployments.byId(liveId)),
    recent.find((one) => one.targetId === target.id) ??
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
