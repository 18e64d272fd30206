import type { Backend } from '../../../core/backend.js';
import type { Deployment, Repository, Target } from '../../../core/model/index.js';
import type { Places } from '../deps.js';
import type { Rights } from '../identity.js';
import { usefulLine } from './log-line.js';
import { commitView, firstLine, pageHref, webAddress, type CommitView } from './links.js';
import { offeredActions, type ActionView } from './offered-actions.js';
import { durationView, isLiveNow, isRunning, reasonText, stateView } from './states.js';
import type { StateView } from './states.js';
import { timeView, type DurationView, type TimeView } from './time.js';

/** All that the views need to know besides the rows themselves. */
export interface Surroundings {
  repository: Repository;
  /** Of this repository, removed ones too when rows still speak of them. */
  targets: ReadonlyMap<string, Target>;
  backends: readonly Backend[];
  places: Places;
  rights: Rights;
  now: number;
}

export interface DeploymentView {
  id: string;
  stored: Deployment['state'];
  state: StateView;
  isRunning: boolean;
  isLiveNow: boolean;
  commit: CommitView;
  title: string;
  refType: string;
  refName: string;
  refIcon: 'branch' | 'tag';
  targetId: string;
  targetName: string;
  /** For programs that read the page. */
  causeKind: Deployment['cause'];
  cause: { words: string; who: string | null };
  /** Who let it go on to here. */
  approvedBy: string | null;
  created: TimeView;
  duration: DurationView | null;
  reason: string | null;
  isBad: boolean;
  progress: ProgressView | null;
  logTail: string | null;
  /** Of a failed one: the line of its log that most likely says why. */
  logLine: string | null;
  hasWholeLog: boolean;
  /** Whether somebody may look at what was sent to its backend. */
  hasCalls: boolean;
  /** Only while it is what people see there. */
  liveUrl: string | null;
  page: string;
  actions: ActionView[];
  /** Read out when it changes. */
  announce: string;
}

export interface ProgressView {
  step: string;
  /** "2 of 5" */
  count: string | null;
  done: number | null;
  total: number | null;
}

export function deploymentView(deployment: Deployment, around: Surroundings): DeploymentView {
  const target = around.targets.get(deployment.targetId) ?? null;
  const backend = around.backends.find((one) => one.id === target?.backend) ?? null;
  const state = stateView(deployment, target);
  const targetName = target?.name ?? 'a removed target';
  const commit = commitView(around.repository, deployment.commit, around.places);
  const running = isRunning(deployment.state);
  const liveNow = isLiveNow(deployment, target);
  const isAdmin = around.rights === 'admin';
  return {
    id: deployment.id,
    stored: deployment.state,
    state,
    isRunning: running,
    isLiveNow: liveNow,
    commit,
    title: firstLine(deployment.message),
    refType: deployment.refType,
    refName: deployment.refName,
    refIcon: deployment.refType === 'tag' ? 'tag' : 'branch',
    targetId: deployment.targetId,
    targetName,
    causeKind: deployment.cause,
    cause: causeView(deployment),
    approvedBy: deployment.approvedBy,
    created: timeView(deployment.createdAt, around.now),
    duration: durationView(deployment, around.now),
    reason: reasonText(deployment),
    isBad: deployment.state === 'failed',
    progress: running ? progressView(deployment.progress) : null,
    logTail: isAdmin ? logText(deployment.logTail) : null,
    logLine: isAdmin ? failureLine(deployment) : null,
    hasWholeLog: isAdmin && (backend?.capabilities.logs ?? false) && deployment.backendRef !== null,
    hasCalls: isAdmin && deployment.startedAt !== null,
    liveUrl: liveNow ? webAddress(deployment.url) : null,
    page: pageHref(deployment, around.places),
    actions: offeredActions(deployment, target, backend, around.rights),
    announce: `${targetName}: ${commit.short} ${state.word}`,
  };
}

function progressView(progress: Deployment['progress']): ProgressView | null {
  if (progress === null) return null;
  const { step, done, total } = progress;
  if (done === undefined || total === undefined || total <= 0) {
    return { step, count: null, done: null, total: null };
  }
  return { step, count: `${done} of ${total}`, done, total };
}

/** Null also where the reason says the same. */
export function failureLine({ state, reason, logTail }: Deployment): string | null {
  if (state !== 'failed') return null;
  const line = usefulLine(logTail);
  return line !== null && reason?.includes(line) === true ? null : line;
}

export function logText(lines: string[] | null): string | null {
  return lines === null || lines.length === 0 ? null : lines.join('\n');
}

function causeView(deployment: Pick<Deployment, 'cause' | 'causedBy'>): DeploymentView['cause'] {
  const who = deployment.causedBy;
  switch (deployment.cause) {
    case 'push':
      return { words: who === null ? 'pushed' : 'pushed by', who };
    case 'person':
      return { words: who === null ? 'started by hand' : 'started by', who };
    case 'retry':
      return { words: who === null ? 'deployed again' : 'deployed again by', who };
    case 'rollback':
      return { words: who === null ? 'rolled back' : 'rolled back by', who };
    case 'reconcile':
      return { words: 'found when checking the branch', who: null };
  }
}
