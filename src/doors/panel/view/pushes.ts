import type { Decision, Deployment } from '../../../core/model/index.js';
import type { RefChangeWithDecisions } from '../../../core/ports.js';
import type { IconName } from '../icons.js';
import type { Surroundings } from './deployments.js';
import { commitView, firstLine, pageHref, type CommitView } from './links.js';
import { stateView, type StateView } from './states.js';
import { timeView, type TimeView } from './time.js';

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
}

/** What became of a push at one target, and why. */
export interface AnswerView {
  icon: IconName;
  deploys: boolean;
  targetName: string | null;
  /** "Deployed", "Not deployed" */
  verdict: string;
  reason: string;
  state: StateView | null;
  page: string | null;
}

export function pushView(
  change: RefChangeWithDecisions,
  deployments: ReadonlyMap<string, Deployment>,
  around: Surroundings,
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

const verdicts = {
  deploy: { verdict: 'Deployed', icon: 'deploy' },
  skip: { verdict: 'Not deployed', icon: 'skip' },
  pending: { verdict: 'Not decided yet', icon: 'clock' },
} as const;

function answer(
  decision: Decision,
  deployments: ReadonlyMap<string, Deployment>,
  around: Surroundings,
): AnswerView {
  const target = around.targets.get(decision.targetId) ?? null;
  const deployment =
    decision.deploymentId === null ? null : (deployments.get(decision.deploymentId) ?? null);
  return {
    ...verdicts[decision.outcome],
    deploys: decision.outcome === 'deploy',
    targetName: target?.name ?? 'a removed target',
    reason: decision.reason,
    state: deployment === null ? null : stateView(deployment, target),
    page: deployment === null ? null : pageHref(deployment, around.places),
  };
}
