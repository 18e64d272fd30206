import type { Deployment, Repository, Target } from '../../../core/model/index.js';
import { branchToDeploy } from '../../../core/routing/branch-to-deploy.js';
import { matchesRefPattern } from '../../../lib/patterns.js';
import { deploymentView, type DeploymentView, type Surroundings } from './deployments.js';
import type { ActionView } from './offered-actions.js';
import { isRunning } from './states.js';
import { timeView, type TimeView } from './time.js';
import { trendView, type TrendView } from './trend.js';

export interface TargetView {
  id: string;
  name: string;
  version: number;
  backendLabel: string;
  /** The operator switched this backend off since. */
  backendOff: boolean;
  branches: string[];
  tags: string[];
  /** Files that count, and files that never do; both empty = every file counts. */
  paths: { only: string[]; never: string[] };
  ignoresSkipMarkers: boolean;
  cancelsForNewer: boolean;
  /** "After Staging, by itself"; null: it waits for no other target. */
  order: { after: string; how: string } | null;
  automatic: AutomaticView;
  status: TargetStatusView;
  /** What the button deploys; null for a target of tags only. */
  deploy: { refType: 'branch'; refName: string } | null;
  canTags: boolean;
  isAdmin: boolean;
  removal: string;
}

export interface AutomaticView {
  isOn: boolean;
  word: string;
  appearance: 'success' | 'warning';
  icon: 'success' | 'pause';
  /** Sentence that says why it is off; null when it is on. */
  why: string | null;
  whyText: string | null;
  since: TimeView | null;
}

/** The line that is refreshed while the rest of the card stays. */
export interface TargetStatusView {
  targetId: string;
  live: DeploymentView | null;
  /** The newest deployment when it is not the live one. */
  latest: DeploymentView | null;
  /** Null: too few deployments to draw. */
  trend: TrendView | null;
  /** Buttons for a latest one that waits for a person. */
  approval: ActionView[];
  automatic: AutomaticView;
  /** Nothing stands in the way of a push that matches. */
  waitsForPush: boolean;
  isAdmin: boolean;
}

export interface LastDeployments {
  live: Deployment | null;
  newest: Deployment | null;
  /** Newest first. */
  finished: readonly Deployment[];
}

export function targetView(
  target: Target,
  last: LastDeployments,
  around: Surroundings,
): TargetView {
  const backend = around.backends.find((one) => one.id === target.backend) ?? null;
  return {
    id: target.id,
    name: target.name,
    version: target.version,
    backendLabel: backend?.label ?? target.backend,
    backendOff: backend === null,
    branches: patterns(target.branchPattern),
    tags: patterns(target.tagPattern),
    paths: { only: patterns(target.includePaths), never: patterns(target.excludePaths) },
    ignoresSkipMarkers: !target.honourSkipMarkers,
    cancelsForNewer: target.newerPush === 'cancel',
    order: orderView(target, around),
    automatic: automaticView(target, around.now),
    status: targetStatusView(target, last, around),
    deploy: backend === null ? null : deployChoice(target, around.repository),
    canTags: backend?.capabilities.tags ?? false,
    isAdmin: around.rights === 'admin',
    removal:
      `Pushes no longer deploy to ${target.name}, its stored settings and secrets are deleted, and what runs there may stop. ` +
      'The list of its deployments stays.',
  };
}

export function targetStatusView(
  target: Target,
  last: LastDeployments,
  around: Surroundings,
): TargetStatusView {
  const { live, newest } = last;
  const isOther = newest !== null && newest.id !== live?.id;
  const isWorthTelling =
    isOther && (isRunning(newest.state) || newest.state !== 'live' || live === null);
  const automatic = automaticView(target, around.now);
  const latest = isWorthTelling ? deploymentView(newest, around) : null;
  const isServed = around.backends.some((one) => one.id === target.backend);
  return {
    targetId: target.id,
    live: live === null ? null : deploymentView(live, around),
    trend: trendView(last.finished),
    latest,
    approval: latest?.actions.filter(({ kind }) => kind === 'approve' || kind === 'decline') ?? [],
    automatic,
    waitsForPush: automatic.isOn && isServed,
    isAdmin: around.rights === 'admin',
  };
}

function orderView(target: Target, { targets }: Surroundings): TargetView['order'] {
  const upstream = target.afterTargetId === null ? undefined : targets.get(target.afterTargetId);
  if (!upstream) return null;
  const how = target.promote === 'person' ? 'when a person lets it go on' : 'by itself';
  return { after: upstream.name, how };
}

function automaticView(target: Target, now: number): AutomaticView {
  if (target.hold !== null) {
    return {
      isOn: false,
      word: 'On hold',
      appearance: 'warning',
      icon: 'pause',
      why: target.hold.by,
      whyText: target.hold.reason,
      since: timeView(target.hold.since, now),
    };
  }
  if (target.state !== 'active') {
    return { ...paused, why: null, whyText: null, since: null };
  }
  return {
    isOn: true,
    word: 'Automatic',
    appearance: 'success',
    icon: 'success',
    why: null,
    whyText: null,
    since: null,
  };
}

const paused = { isOn: false, word: 'Paused', appearance: 'warning', icon: 'pause' } as const;

export function patterns(list: string | null): string[] {
  return (list ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function deployChoice(target: Target, repository: Repository): TargetView['deploy'] {
  const { branchPattern } = target;
  if (branchPattern === null) return null;
  const refName = branchToDeploy(branchPattern, repository, matchesRefPattern);
  return refName === null ? null : { refType: 'branch', refName };
}
