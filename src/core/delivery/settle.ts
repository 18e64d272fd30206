import type { LookupResult, Observation, TriggerOutcome } from '../backend.js';
import type { Deployment, DeploymentState } from '../model/index.js';
import { deliveryLifetimeMs, retryDelayMs } from './retry-schedule.js';

/** What becomes of a deployment and its lane after one step. Pure; applied in one guarded transaction. */
export interface Settlement {
  deployment: Partial<
    Pick<
      Deployment,
      | 'state'
      | 'reason'
      | 'slotSince'
      | 'supersededBy'
      | 'backendRef'
      | 'builtCommit'
      | 'url'
      | 'progress'
      | 'logTail'
      | 'startedAt'
      | 'finishedAt'
    >
  >;
  lane: { dueAt: number | null; keepCurrent: boolean; failures: number };
  /** Pauses the target with one notice: the backend said it will refuse again. */
  pauseTarget?: string;
  /** The credential of the target's connection was refused: said once, for all its targets. */
  breakConnection?: string;
  /** The deployment went live: it becomes the target's live one. */
  wentLive?: true;
}

export interface StepFacts {
  now: number;
  /** In [0, 1), for jitter. */
  random: number;
  /** Failed tries in a row before this one. */
  failures: number;
}

const defaultPollMs = 5_000;
const firstPollMs = 1_000;
const unknownLookupMs = 5_000;
/** Without lookup, an unanswered deployment ends after this. */
export const unknownDeadlineMs = 15 * 60_000;

const ends: ReadonlySet<DeploymentState> = new Set([
  'live',
  'failed',
  'stopped',
  'superseded',
  'handed_off',
]);

const unanswered = 'Sent, but ';

/** It may have gone live, and its backend cannot be asked: only a person who looks there knows. */
export function endedUnanswered({ state, reason }: Pick<Deployment, 'state' | 'reason'>): boolean {
  return state === 'stopped' && reason?.startsWith(unanswered) === true;
}

export function isOver(state: DeploymentState): boolean {
  return ends.has(state);
}

export function settleTrigger(
  deployment: Observed,
  outcome: TriggerOutcome,
  can: { observe: boolean; backendLabel: string; connection?: boolean },
  facts: StepFacts,
): Settlement {
  switch (outcome.kind) {
    case 'accepted':
      return can.observe
        ? settleAccepted(deployment, outcome, facts)
        : end(
            'handed_off',
            `Handed to ${can.backendLabel}; it does not report the result.`,
            facts,
            {
              backendRef: outcome.backendRef,
            },
          );
    case 'rejected':
      if (outcome.needsReconnect && can.connection) {
        return untilRepaired(deployment, outcome.reason, facts);
      }
      return {
        ...end(outcome.isHeld ? 'stopped' : 'failed', outcome.reason, facts),
        pauseTarget: outcome.reason,
      };
    case 'unknown':
      return {
        deployment: { state: 'unknown', reason: outcome.reason },
        lane: {
          dueAt: facts.now + unknownLookupMs,
          keepCurrent: true,
          failures: facts.failures + 1,
        },
      };
    case 'retry':
      return retryLater(deployment, outcome.reason, facts, outcome.retryAfterMs);
  }
}

/** Nothing was started, and nothing will be until a person repairs the connection; that wakes the lane. */
function untilRepaired(
  deployment: Pick<Deployment, 'createdAt'>,
  reason: string,
  facts: StepFacts,
): Settlement {
  const until = deployment.createdAt + deliveryLifetimeMs;
  if (facts.now >= until) {
    const end24 = end('failed', `Given up after 24 hours: ${reason}`, facts);
    return { ...end24, breakConnection: reason };
  }
  return {
    deployment: { state: 'queued', reason },
    lane: { dueAt: facts.now, keepCurrent: false, failures: facts.failures },
    breakConnection: reason,
  };
}

/** What the answer said of the deployment counts at once, as if it had been asked for. */
function settleAccepted(
  deployment: Observed,
  { backendRef, observation }: Extract<TriggerOutcome, { kind: 'accepted' }>,
  facts: StepFacts,
): Settlement {
  const taken = { state: 'building', reason: null, backendRef } as const;
  if (observation === undefined) {
    return {
      deployment: taken,
      lane: { dueAt: facts.now + firstPollMs, keepCurrent: true, failures: 0 },
    };
  }
  const seen = settleObservation(deployment, observation, facts);
  return { ...seen, deployment: { ...taken, ...seen.deployment } };
}

function retryLater(
  deployment: Pick<Deployment, 'createdAt'>,
  reason: string,
  facts: StepFacts,
  retryAfterMs?: number,
): Settlement {
  if (facts.now - deployment.createdAt >= deliveryLifetimeMs) {
    return end('failed', `Given up after 24 hours: ${reason}`, facts);
  }
  const failures = facts.failures + 1;
  return {
    // Back in the queue, not held as the current one: a newer push supersedes it and resets the schedule.
    // Behind the other branches and tags of its lane, which need not share its trouble.
    deployment: {
      state: 'queued',
      reason: `Will be tried again: ${reason}`,
      slotSince: facts.now,
    },
    lane: {
      dueAt: facts.now + retryDelayMs(failures, facts.random, retryAfterMs),
      keepCurrent: false,
      failures,
    },
  };
}

/** `unknown` after a trigger: found, proven absent, or still open. */
export function settleLookup(
  deployment: Pick<Deployment, 'createdAt' | 'state' | 'startedAt'>,
  result: LookupResult | { kind: 'no_lookup' },
  backendLabel: string,
  facts: StepFacts,
): Settlement {
  if (result.kind === 'found') {
    return {
      deployment: { state: 'building', reason: null, backendRef: result.backendRef },
      lane: { dueAt: facts.now, keepCurrent: true, failures: 0 },
    };
  }
  if (result.kind === 'absent') {
    return {
      deployment: { state: 'queued', reason: `${backendLabel} never got it; it is sent again.` },
      lane: { dueAt: facts.now, keepCurrent: false, failures: facts.failures },
    };
  }
  const since = deployment.startedAt ?? deployment.createdAt;
  if (result.kind === 'no_lookup' && facts.now - since >= unknownDeadlineMs) {
    return end('stopped', `${unanswered}${backendLabel} did not answer; look there.`, facts);
  }
  const failures = facts.failures + 1;
  const again = facts.now + retryDelayMs(failures, facts.random);
  // Nobody can be asked: what it waits for is its end.
  const dueAt = result.kind === 'no_lookup' ? since + unknownDeadlineMs : again;
  return {
    deployment: {},
    lane: { dueAt, keepCurrent: true, failures },
    ...(result.kind === 'undecided' && result.needsReconnect
      ? { breakConnection: result.reason }
      : {}),
  };
}

type Observed = Pick<Deployment, 'commit' | 'state' | 'createdAt' | 'startedAt' | 'supersededBy'>;

/** `liveCommit`: what was live on the target before; asked for only where another commit was built. */
export function settleObservation(
  deployment: Observed,
  seen: Observation,
  facts: StepFacts,
  liveCommit: string | null = null,
): Settlement {
  const settlement = settleSeen(deployment, seen, facts, liveCommit);
  const { state } = settlement.deployment;
  if (deployment.supersededBy === null || state === undefined || !isOver(state)) return settlement;
  // A newer push had it cancelled; or the cancel came too late, and it ended as it would have.
  return state === 'stopped'
    ? { ...settlement, deployment: { ...settlement.deployment, state: 'superseded', reason: null } }
    : { ...settlement, deployment: { ...settlement.deployment, supersededBy: null } };
}

function settleSeen(
  deployment: Observed,
  seen: Observation,
  facts: StepFacts,
  liveCommit: string | null,
): Settlement {
  if (seen.needsReconnect) return unseen(deployment, seen.reason ?? '', facts);
  if (seen.lost) {
    return {
      deployment: { state: 'queued', reason: seen.reason ?? 'Interrupted; it is started again.' },
      lane: { dueAt: facts.now, keepCurrent: false, failures: facts.failures },
    };
  }
  const carried = {
    ...(seen.url === undefined ? {} : { url: seen.url }),
    ...(seen.progress === undefined ? {} : { progress: seen.progress }),
    ...(seen.logTail === undefined ? {} : { logTail: seen.logTail }),
  };
  if (seen.state === 'live') {
    if (!builtAnother(seen, deployment)) {
      return { ...end('live', null, facts, carried), wentLive: true };
    }
    const built = seen.commit.slice(0, 12);
    if (seen.commit === liveCommit) {
      // The branch there had not moved yet: what was pushed is still to come.
      return end('failed', `${built} was built again, which was live before. Deploy again.`, facts);
    }
    const more = { ...carried, builtCommit: seen.commit };
    return { ...end('live', `Deployed as part of ${built}.`, facts, more), wentLive: true };
  }
  const state = seen.state === 'unchanged' ? deployment.state : seen.state;
  if (isOver(state)) return end(state, seen.reason ?? null, facts, carried);
  return {
    // The backend's own queue is still "building" to us: it was accepted and left our lane.
    deployment: { state: state === 'deploying' ? 'deploying' : 'building', ...carried },
    lane: {
      dueAt: facts.now + (seen.pollAfterMs ?? defaultPollMs),
      keepCurrent: true,
      failures: 0,
    },
  };
}

/** It may have been built from where the branch stood by then. */
export function builtAnother(
  seen: Observation,
  { commit }: Pick<Deployment, 'commit'>,
): seen is Observation & { commit: string } {
  return seen.state === 'live' && seen.commit !== undefined && seen.commit !== commit;
}

/** It runs on over there; only we cannot look until the connection is repaired. */
function unseen(
  deployment: Pick<Deployment, 'createdAt' | 'startedAt'>,
  reason: string,
  facts: StepFacts,
): Settlement {
  const until = (deployment.startedAt ?? deployment.createdAt) + deliveryLifetimeMs;
  if (facts.now >= until) {
    const words = `It could not be followed for a day; look there for how it ended. ${reason}`;
    return { ...end('stopped', words, facts), breakConnection: reason };
  }
  return {
    deployment: {},
    lane: { dueAt: facts.now, keepCurrent: true, failures: facts.failures },
    breakConnection: reason,
  };
}

/**
 * It is back in the queue (lost over there, never arrived, to be tried again), and somebody had asked to cancel it: that is its
 * end. A newer push that asked takes its place.
 */
export function settleCancelled(
  { supersededBy }: Pick<Deployment, 'supersededBy'>,
  by: string,
  facts: Pick<StepFacts, 'now'>,
): Settlement {
  return supersededBy === null
    ? end('stopped', `Cancelled by ${by}.`, facts)
    : end('superseded', null, facts);
}

function end(
  state: DeploymentState,
  reason: string | null,
  facts: Pick<StepFacts, 'now'>,
  more: Settlement['deployment'] = {},
): Settlement {
  return {
    deployment: { ...more, state, reason, progress: null, finishedAt: facts.now },
    lane: { dueAt: facts.now, keepCurrent: false, failures: 0 },
  };
}
