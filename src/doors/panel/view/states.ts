import type {
  Deployment,
  DeploymentState,
  PendingCheck,
  Target,
} from '../../../core/model/index.js';
import type { IconName } from '../icons.js';
import { durationText, type DurationView } from './time.js';

export type Appearance = 'neutral' | 'progress' | 'success' | 'danger' | 'warning';

export interface StateView {
  word: string;
  appearance: Appearance;
  icon: IconName;
}

const states: Record<DeploymentState, StateView> = {
  waiting: { word: 'Waiting', appearance: 'neutral', icon: 'clock' },
  queued: { word: 'Queued', appearance: 'neutral', icon: 'clock' },
  building: { word: 'Building', appearance: 'progress', icon: 'progress' },
  deploying: { word: 'Deploying', appearance: 'progress', icon: 'progress' },
  live: { word: 'Live', appearance: 'success', icon: 'success' },
  failed: { word: 'Failed', appearance: 'danger', icon: 'danger' },
  stopped: { word: 'Stopped', appearance: 'neutral', icon: 'stop' },
  superseded: { word: 'Superseded', appearance: 'neutral', icon: 'replaced' },
  handed_off: { word: 'Handed off', appearance: 'success', icon: 'handed' },
  unknown: { word: 'Unknown', appearance: 'warning', icon: 'question' },
};

type LiveFacts = Pick<Target, 'liveDeploymentId'> | null;

export function isLiveNow(
  deployment: Pick<Deployment, 'id' | 'state'>,
  target: LiveFacts,
): boolean {
  return deployment.state === 'live' && target?.liveDeploymentId === deployment.id;
}

/** A deployment that ended `live` keeps that state; whether it still is, only its target knows. */
export function stateView(
  deployment: Pick<Deployment, 'id' | 'state'>,
  target: LiveFacts,
): StateView {
  if (deployment.state === 'live' && !isLiveNow(deployment, target)) {
    return { word: 'Was live', appearance: 'neutral', icon: 'replaced' };
  }
  return states[deployment.state];
}

const running: ReadonlySet<DeploymentState> = new Set([
  'waiting',
  'queued',
  'building',
  'deploying',
  'unknown',
]);

export function isRunning(state: DeploymentState): boolean {
  return running.has(state);
}

const explained: Partial<Record<DeploymentState, string>> = {
  waiting: 'Waits for its turn.',
  failed: 'It did not go live. The backend gave no reason.',
  stopped: 'It was stopped before it went live.',
  superseded: 'A newer push took its place.',
  handed_off: 'Handed to the backend, which does not report the result.',
  unknown: 'It was sent, but no answer came. Slipway is finding out what became of it.',
};

/** Why it is as it is. Null where the state word says it all. */
export function reasonText(
  deployment: Pick<
    Deployment,
    'state' | 'reason' | 'supersededBy' | 'cancelRequestedBy' | 'pendingChecks'
  >,
): string | null {
  if (deployment.cancelRequestedBy !== null && isRunning(deployment.state)) {
    return `${deployment.cancelRequestedBy} asked to stop it.`;
  }
  if (deployment.reason !== null && deployment.reason.trim() !== '') return deployment.reason;
  if (deployment.state === 'superseded' && deployment.supersededBy !== null) {
    return `The newer commit ${deployment.supersededBy.slice(0, 8)} took its place.`;
  }
  if (deployment.state === 'queued') return pendingText(deployment);
  return explained[deployment.state] ?? null;
}

const looksFirst: Record<PendingCheck, string> = {
  head: 'Bitbucket is asked first whether this is still the newest commit there.',
  paths: 'Bitbucket is asked first which files changed.',
};

/** What a queued deployment waits to be told before it may run; null: nothing. */
export function pendingText({ pendingChecks }: Pick<Deployment, 'pendingChecks'>): string | null {
  const [check] = pendingChecks;
  return check === undefined ? null : looksFirst[check];
}

export function durationView(
  deployment: Pick<Deployment, 'state' | 'createdAt' | 'startedAt' | 'finishedAt'>,
  now: number,
): DurationView | null {
  const { startedAt, finishedAt, createdAt } = deployment;
  if (isRunning(deployment.state)) {
    const since = startedAt ?? createdAt;
    const label = startedAt === null ? 'waiting for' : 'running for';
    return { label, text: durationText(Math.max(0, now - since)), since };
  }
  if (startedAt === null || finishedAt === null) return null;
  return { label: 'took', text: durationText(Math.max(0, finishedAt - startedAt)), since: null };
}
