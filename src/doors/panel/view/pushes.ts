import type { Decision, Deployment, DeploymentState } from '../../../core/model/index.js';
import type { RefChangeWithDecisions } from '../../../core/ports.js';
import type { IconName } from '../icons.js';
import type { Surroundings } from './deployments.js';
import { commitView, firstLine, pageHref, type CommitView } from './links.js';
import { isRunning, pendingText, reasonText, stateView, type StateView } from './states.js';
import { timeView, type TimeView } from './time.js';
import type { TimelineView } from './timeline.js';

export interface PushView {
  id: string;
  refName: string;
  refIcon: 'branch' | 'tag';
  /** "updated branch" */
  happened: string;
  who: string | null;
  commit: CommitView | null;
  title: string | null;
  at: TimeView;
  answers: AnswerView[];
  /** Its whole story, while it is open. */
  timeline: TimelineView | null;
  /** Opens it, or closes it. */
  togglePath: string;
}

/** What became of a push at one target, and why. */
export interface AnswerView {
  icon: IconName;
  deploys: boolean;
  targetName: string | null;
  /** "Deployed to", "Not deployed to": the target's name follows where there is one. */
  verdict: string;
  reason: string;
  state: StateView | null;
  page: string | null;
}

export function pushView(
  change: RefChangeWithDecisions,
  deployments: ReadonlyMap<string, Deployment>,
  around: Surroundings,
  more: Pick<PushView, 'timeline' | 'togglePath'>,
): PushView {
  const commit =
    change.to === null ? null : commitView(around.repository, change.to, around.places);
  return {
    id: change.id,
    refName: change.name,
    refIcon: change.refType === 'tag' ? 'tag' : 'branch',
    happened: happened(change),
    who: change.actorName,
    commit,
    title: commit === null ? null : firstLine(change.message),
    at: timeView(change.receivedAt, around.now),
    answers: answers(change, deployments, around),
    ...more,
  };
}

function happened(change: RefChangeWithDecisions): string {
  const what = change.refType === 'tag' || change.refType === 'branch' ? change.refType : 'ref';
  const verbs = {
    create: `new ${what}`,
    update: `push to ${what}`,
    force: `forced push to ${what}`,
    delete: `deleted ${what}`,
  };
  return verbs[change.kind];
}

function answers(
  change: RefChangeWithDecisions,
  deployments: ReadonlyMap<string, Deployment>,
  around: Surroundings,
): AnswerView[] {
  if (change.decisions.length > 0) {
    return change.decisions.map((decision) => answer(decision, deployments, around));
  }
  return [
    {
      icon: 'skip',
      deploys: false,
      targetName: null,
      verdict: 'Not deployed',
      reason: 'No target was set up when this push arrived.',
      state: null,
      page: null,
    },
  ];
}

/** Followed by the target's name. A deployment is told of by how it went, so that nobody reads "Deployed" beside "Failed". */
const went: Record<DeploymentState, string> = {
  waiting: 'Waiting to go to',
  queued: 'On its way to',
  building: 'On its way to',
  deploying: 'On its way to',
  live: 'Deployed to',
  failed: 'Did not reach',
  stopped: 'Stopped on its way to',
  superseded: 'Overtaken on its way to',
  handed_off: 'Handed over to',
  unknown: 'Sent to',
};

function answer(
  decision: Decision,
  deployments: ReadonlyMap<string, Deployment>,
  around: Surroundings,
): AnswerView {
  const target = around.targets.get(decision.targetId) ?? null;
  const deployment =
    decision.deploymentId === null ? null : (deployments.get(decision.deploymentId) ?? null);
  return {
    ...verdictOf(decision, deployment),
    targetName: target?.name ?? 'a removed target',
    reason: reasonOf(decision, deployment),
    state: deployment === null ? null : stateView(deployment, target),
    page: deployment === null ? null : pageHref(deployment, around.places),
  };
}

type Verdict = Pick<AnswerView, 'verdict' | 'icon' | 'deploys'>;

function verdictOf({ outcome }: Decision, deployment: Deployment | null): Verdict {
  if (outcome === 'skip') return { verdict: 'Not deployed to', icon: 'skip', deploys: false };
  // What was overtaken or stopped while it waited for its answer is decided by that.
  if (outcome === 'pending' && (deployment === null || isRunning(deployment.state))) {
    return { verdict: 'Not decided yet for', icon: 'clock', deploys: false };
  }
  const verdict = deployment === null ? 'Deployed to' : went[deployment.state];
  const isOn = deployment === null || isRunning(deployment.state) || reached.has(deployment.state);
  return { verdict, icon: isOn ? 'deploy' : 'skip', deploys: isOn };
}

const reached: ReadonlySet<DeploymentState> = new Set(['live', 'handed_off']);

function reasonOf(decision: Decision, deployment: Deployment | null): string {
  if (decision.outcome === 'skip' || deployment === null) return decision.reason;
  // Why it should have gone there is no answer any more where it did not get there.
  if (!isRunning(deployment.state) && !reached.has(deployment.state)) {
    return reasonText(deployment) ?? decision.reason;
  }
  if (decision.outcome === 'deploy') return decision.reason;
  // "Waits for Bitbucket: …", once it did not answer.
  if (deployment.reason !== null) return deployment.reason;
  const [check] = deployment.pendingChecks;
  if (check !== 'head') return decision.reason;
  return `${decision.reason} ${pendingText(deployment) ?? ''}`.trim();
}
