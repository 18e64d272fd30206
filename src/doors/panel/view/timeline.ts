import type { Attempt, Decision, Deployment, StatusReport } from '../../../core/model/index.js';
import type { Arrival } from '../../../core/ports.js';
import type { IconName } from '../icons.js';
import { failureLine, logText, type Surroundings } from './deployments.js';
import { pageHref, webAddress } from './links.js';
import { offeredActions, type ActionView } from './offered-actions.js';
import {
  isLiveNow,
  isRunning,
  reasonText,
  stateView,
  type Appearance,
  type StateView,
} from './states.js';
import { durationText, timeView, type TimeView } from './time.js';

/** One thing that happened to a push, in order of time within its list. */
export interface TimelineStep {
  at: TimeView | null;
  appearance: Appearance;
  icon: IconName;
  says: string;
  /** Why, or what came back. */
  because: string | null;
  link: { href: string; label: string } | null;
}

/** What happened at one target. */
export interface TimelineBranch {
  targetId: string;
  targetName: string;
  state: StateView | null;
  page: string | null;
  /** Of a failed one, said before everything else. */
  failure: FailureView | null;
  steps: TimelineStep[];
  /** What can be done now: with the deployment, or with the last one that came of it. Null: nothing. */
  acts: { id: string; actions: ActionView[] } | null;
}

export interface FailureView {
  id: string;
  short: string;
  reason: string | null;
  /** For admins only. */
  logLine: string | null;
  logTail: string | null;
}

export interface TimelineView {
  arrived: TimelineStep[];
  branches: TimelineBranch[];
}

/** All that is stored of one deployment on its way. */
export interface Journey {
  deployment: Deployment;
  attempts: readonly Attempt[];
  /** In the order they were recorded. */
  statuses: readonly StatusReport[];
}

export interface PushStory {
  arrivals: readonly Arrival[];
  decisions: readonly Decision[];
  /** By deployment id. */
  journeys: ReadonlyMap<string, Journey>;
  /** Deployments of the same commit that people asked for afterwards, oldest first. */
  later: readonly Deployment[];
}

export function timelineView(story: PushStory, around: Surroundings): TimelineView {
  return {
    arrived: arrivedSteps(story.arrivals, around.now),
    branches: story.decisions.map((decision) => {
      const journey =
        decision.deploymentId === null ? undefined : story.journeys.get(decision.deploymentId);
      const target = around.targets.get(decision.targetId) ?? null;
      const later = story.later.filter(({ targetId }) => targetId === decision.targetId);
      return {
        targetId: decision.targetId,
        targetName: target?.name ?? 'a removed target',
        state: journey ? stateView(journey.deployment, target) : null,
        page: journey ? pageHref(journey.deployment, around.places) : null,
        failure: journey ? failureView(journey.deployment, around) : null,
        steps: [
          decided(decision, around.now),
          ...(journey ? journeySteps(journey, around) : []),
          ...later.map((one) => deployedAgain(one, around)),
        ],
        acts: actsOn(later.at(-1) ?? journey?.deployment, around),
      };
    }),
  };
}

function actsOn(deployment: Deployment | undefined, around: Surroundings): TimelineBranch['acts'] {
  if (deployment === undefined) return null;
  const target = around.targets.get(deployment.targetId) ?? null;
  const backend = around.backends.find(({ id }) => id === target?.backend) ?? null;
  const actions = offeredActions(deployment, target, backend, around.rights);
  return actions.length === 0 ? null : { id: deployment.id, actions };
}

function deployedAgain(deployment: Deployment, around: Surroundings): TimelineStep {
  const target = around.targets.get(deployment.targetId) ?? null;
  const { word, appearance, icon } = stateView(deployment, target);
  const what = deployment.cause === 'rollback' ? 'Rolled back to this' : 'Deployed again';
  const who = deployment.causedBy === null ? '' : ` by ${deployment.causedBy}`;
  return {
    ...step(
      timeView(deployment.createdAt, around.now),
      appearance,
      icon,
      `${what}${who}: ${word}`,
      reasonText(deployment),
    ),
    link: { href: pageHref(deployment, around.places), label: 'Page to share' },
  };
}

function failureView(deployment: Deployment, { rights }: Surroundings): FailureView | null {
  if (deployment.state !== 'failed') return null;
  const isAdmin = rights === 'admin';
  return {
    id: deployment.id,
    short: deployment.commit.slice(0, 8),
    reason: reasonText(deployment),
    logLine: isAdmin ? failureLine(deployment) : null,
    logTail: isAdmin ? logText(deployment.logTail) : null,
  };
}

/**
 * One deployment from the push to its end, for whoever has its link: what a backend said word by word is left to the panel.
 * A person's act has no arrival and no decision.
 */
export function publicSteps(
  story: Pick<PushStory, 'arrivals'> & { decision: Decision | null; journey: Journey },
  around: Surroundings,
): TimelineStep[] {
  const attempts = story.journey.attempts.map((attempt) => ({ ...attempt, detail: null }));
  const statuses = story.journey.statuses.map((report) => {
    const words = report.settledAt === null ? 'it is tried again.' : 'Bitbucket refused it.';
    return { ...report, error: report.error === null ? null : words };
  });
  return [
    ...arrivedSteps(story.arrivals, around.now),
    ...(story.decision ? [decided(story.decision, around.now)] : []),
    ...journeySteps({ ...story.journey, attempts, statuses }, around),
  ];
}

function journeySteps(journey: Journey, around: Surroundings): TimelineStep[] {
  return [
    queued(journey, around.now),
    ...letOn(journey),
    ...journey.attempts.map((attempt) => attempted(attempt, around.now)),
    ...cloned(journey),
    ...built(journey, around.now),
    ...ended(journey, around),
    ...reported(journey.statuses, around.now),
  ];
}

function arrivedSteps(arrivals: readonly Arrival[], now: number): TimelineStep[] {
  return arrivals.flatMap((arrival, index) => arrived(arrival, index, arrivals[0], now));
}

const through: Record<NonNullable<Arrival['door']>, string> = {
  connect: 'through the app’s webhook',
  forge: 'through Forge',
  oauth: 'through the repository’s webhook',
  reconcile: '',
};

const proof: Record<NonNullable<Arrival['door']>, string> = {
  connect: 'Signed by the app’s installation in this workspace.',
  forge: 'Signed by Atlassian for this workspace.',
  oauth: 'Signed with the secret of this repository’s webhook.',
  reconcile: '',
};

function arrived(
  arrival: Arrival,
  index: number,
  first: Arrival | undefined,
  now: number,
): TimelineStep[] {
  const { door, receivedAt, attemptNumber } = arrival;
  const at = timeView(receivedAt, now);
  if (door === 'reconcile') {
    const because =
      index === 0
        ? 'No webhook had told of this push when Slipway compared the branch with Bitbucket.'
        : 'It is the push that was known already.';
    return [step(at, 'neutral', 'info', 'Found by looking at the branch', because)];
  }
  if (index > 0 && first) {
    const later = durationText(Math.max(0, receivedAt - first.receivedAt));
    const says =
      first.door === 'reconcile'
        ? `Its webhook came, ${later} late`
        : `Told of once more, ${door === null ? '' : through[door]}`;
    return [step(at, 'neutral', 'replaced', says, 'The same push: nothing is deployed twice.')];
  }
  const again =
    attemptNumber > 1
      ? `Bitbucket had to send it ${attemptNumber} times until it was stored.`
      : null;
  return [
    step(at, 'neutral', 'success', `Received ${door === null ? '' : through[door]}`.trim(), again),
    ...(door === null ? [] : [step(null, 'neutral', 'success', 'Verified', proof[door])]),
  ];
}

function decided({ outcome, reason, createdAt }: Decision, now: number): TimelineStep {
  const at = timeView(createdAt, now);
  switch (outcome) {
    case 'deploy':
      return step(at, 'neutral', 'deploy', 'Decided to deploy', reason);
    case 'skip':
      return step(at, 'neutral', 'skip', 'Decided not to deploy', reason);
    case 'pending':
      return step(at, 'neutral', 'clock', 'Not decided yet', reason);
  }
}

function queued({ deployment }: Journey, now: number): TimelineStep {
  return step(
    timeView(deployment.createdAt, now),
    'neutral',
    'clock',
    waitWords(deployment),
    whyQueued(deployment),
  );
}

function waitWords({ waitsFor, approvalUntil, state }: Deployment): string {
  if (waitsFor === null) return 'Queued';
  if (approvalUntil !== null) return 'Waits for a person';
  return state === 'waiting' ? 'Waits for another target' : 'Waited for another target';
}

function letOn({ deployment: { approvedBy } }: Journey): TimelineStep[] {
  if (approvedBy === null) return [];
  return [step(null, 'neutral', 'success', `${approvedBy} let it go on`, null)];
}

function whyQueued(deployment: Deployment): string | null {
  const { createdAt, startedAt, finishedAt } = deployment;
  if (startedAt !== null) {
    const waited = startedAt - createdAt;
    return waited < 1_000 ? null : `It waited ${durationText(waited)} for its turn.`;
  }
  // What ended before it began says why at its end.
  return finishedAt === null ? reasonText(deployment) : null;
}

const called: Record<Attempt['kind'], string> = {
  trigger: 'Sent',
  lookup: 'Looked up',
  cancel: 'Asked to stop',
  rollback: 'Asked to switch back',
};

const answered: Record<NonNullable<Attempt['outcome']>, { words: string; isTrouble: boolean }> = {
  accepted: { words: 'accepted', isTrouble: false },
  rejected: { words: 'refused', isTrouble: true },
  retry: { words: 'to be tried again', isTrouble: true },
  unknown: { words: 'no answer', isTrouble: true },
  found: { words: 'found', isTrouble: false },
  absent: { words: 'not there', isTrouble: false },
  failed: { words: 'did not work', isTrouble: true },
  cancelled: { words: 'stopped', isTrouble: false },
  too_late: { words: 'too late', isTrouble: false },
};

function attempted(
  { kind, outcome, detail, number, startedAt }: Attempt,
  now: number,
): TimelineStep {
  const what = number > 1 ? `${called[kind]} (try ${number})` : called[kind];
  const at = timeView(startedAt, now);
  if (outcome === null)
    return step(at, 'progress', 'progress', `${what}: waiting for the answer`, detail);
  const { words, isTrouble } = answered[outcome];
  const icon = isTrouble ? 'warning' : 'handed';
  return step(at, isTrouble ? 'warning' : 'neutral', icon, `${what}: ${words}`, detail);
}

/** When is not kept; between the calls and the build is where it was. */
function cloned({ deployment: { clonedWith } }: Journey): TimelineStep[] {
  if (clonedWith === null) return [];
  return [step(null, 'neutral', 'handed', `Cloned with ${clonedWith}`, null)];
}

function built({ deployment }: Journey, now: number): TimelineStep[] {
  const { startedAt, state, progress } = deployment;
  if (startedAt === null || !isRunning(state) || state === 'queued') return [];
  const { word, icon } = stateView(deployment, null);
  const count =
    progress?.done !== undefined && progress.total !== undefined
      ? ` (${progress.done} of ${progress.total})`
      : '';
  const because = progress === null ? reasonText(deployment) : `${progress.step}${count}`;
  return [step(timeView(startedAt, now), 'progress', icon, word, because)];
}

function ended({ deployment }: Journey, around: Surroundings): TimelineStep[] {
  const { finishedAt, state } = deployment;
  if (finishedAt === null || isRunning(state)) return [];
  // It went live then, whatever has replaced it since.
  const { word, appearance, icon } = stateView(deployment, { liveDeploymentId: deployment.id });
  const { startedAt } = deployment;
  const took =
    state === 'live' && startedAt !== null ? `Took ${durationText(finishedAt - startedAt)}.` : null;
  const href = webAddress(deployment.url);
  const isNow = isLiveNow(deployment, around.targets.get(deployment.targetId) ?? null);
  return [
    {
      ...step(
        timeView(finishedAt, around.now),
        appearance,
        icon,
        word,
        reasonText(deployment) ?? took,
      ),
      link: isNow && href !== null ? { href, label: 'Open site' } : null,
    },
  ];
}

const statusWords: Record<StatusReport['state'], string> = {
  INPROGRESS: 'in progress',
  SUCCESSFUL: 'successful',
  FAILED: 'failed',
  STOPPED: 'stopped',
};

/** Only the last one: what the commit shows now. */
function reported(statuses: readonly StatusReport[], now: number): TimelineStep[] {
  const last = statuses.at(-1);
  if (last === undefined) return [];
  const word = statusWords[last.state];
  if (last.settledAt === null) {
    const because = last.error === null ? null : `Bitbucket did not take it yet: ${last.error}`;
    return [step(null, 'neutral', 'clock', `Build status “${word}” is being written`, because)];
  }
  const at = timeView(last.settledAt, now);
  if (last.error !== null) {
    return [step(at, 'warning', 'warning', `Build status “${word}” was not written`, last.error)];
  }
  return [step(at, 'neutral', 'success', `Build status on the commit: ${word}`, null)];
}

function step(
  at: TimeView | null,
  appearance: Appearance,
  icon: IconName,
  says: string,
  because: string | null,
): TimelineStep {
  return { at, appearance, icon, says, because, link: null };
}
