import type { Backend } from '../../../core/backend.js';
import { endedUnanswered } from '../../../core/delivery/settle.js';
import type { Deployment, Target } from '../../../core/model/index.js';
import type { Rights } from '../identity.js';
import { firstLine, shortHashLength } from './links.js';
import { isLiveNow } from './states.js';

export type ActionKind = 'approve' | 'decline' | 'confirm' | 'redeploy' | 'cancel' | 'rollback';

export interface ActionView {
  kind: ActionKind;
  /** Where the form goes; also the action's name for a plain HTTP client. */
  path: string;
  label: string;
  /** With the commit, so that ten equal buttons in a list can be told apart by ear. */
  ariaLabel: string;
  /** A plain sentence that says what follows, and a second click. */
  confirm: { sentence: string; button: string } | null;
}

type Facts = Pick<
  Deployment,
  | 'id'
  | 'state'
  | 'reason'
  | 'commit'
  | 'refName'
  | 'message'
  | 'backendRef'
  | 'url'
  | 'startedAt'
  | 'cancelRequestedBy'
  | 'approvalUntil'
>;

export function offeredActions(
  deployment: Facts,
  target: Target | null,
  backend: Pick<Backend, 'capabilities'> | null,
  rights: Rights,
): ActionView[] {
  if (rights !== 'admin' || target === null || target.state === 'removed' || backend === null) {
    return [];
  }
  const actions: ActionView[] = [];
  if (deployment.approvalUntil !== null) return [approve(deployment, target), decline(deployment)];
  if (mayCancel(deployment, backend)) actions.push(cancel(deployment));
  if (mayConfirm(deployment, target)) actions.push(confirmation(deployment, target));
  if (mayRedeploy(deployment)) actions.push(redeploy(deployment, backend));
  if (mayRollBack(deployment, target, backend)) actions.push(rollback(deployment, target));
  return actions;
}

function mayCancel(deployment: Facts, backend: Pick<Backend, 'capabilities'>): boolean {
  if (deployment.cancelRequestedBy !== null) return false;
  if (deployment.state === 'waiting' || deployment.state === 'queued') return true;
  const isWithBackend = deployment.state === 'building' || deployment.state === 'deploying';
  return isWithBackend && backend.capabilities.cancel;
}

/** Its backend never answered and cannot be asked; somebody who looked there may say that it arrived. */
function mayConfirm(deployment: Facts, { liveDeploymentId }: Target): boolean {
  return endedUnanswered(deployment) && (liveDeploymentId ?? '') < deployment.id;
}

function mayRedeploy(deployment: Facts): boolean {
  return !['waiting', 'queued', 'building', 'deploying'].includes(deployment.state);
}

/** Only to something that once was live and is not now, and whose release the backend can still name. */
function mayRollBack(
  deployment: Facts,
  target: Target,
  backend: Pick<Backend, 'capabilities'>,
): boolean {
  if (!backend.capabilities.rollback || deployment.backendRef === null) return false;
  if (isLiveNow(deployment, target) || target.liveDeploymentId === deployment.id) return false;
  // A superseded one has an address only when the backend replaced it after it had gone live.
  return (
    deployment.state === 'live' || (deployment.state === 'superseded' && deployment.url !== null)
  );
}

function approve(deployment: Facts, target: Target): ActionView {
  return action('approve', 'Let it go on', `Let it go on: ${short(deployment)} to ${target.name}`);
}

function decline(deployment: Facts): ActionView {
  return action('decline', 'Decline', `Decline ${short(deployment)}`);
}

function confirmation(deployment: Facts, target: Target): ActionView {
  return action('confirm', 'It went live', `${short(deployment)} went live at ${target.name}`);
}

function cancel(deployment: Facts): ActionView {
  return action('cancel', 'Cancel', `Cancel the deployment of ${short(deployment)}`);
}

function redeploy(deployment: Facts, backend: Pick<Backend, 'capabilities'>): ActionView {
  if (backend.capabilities.commit === 'head') {
    const label = `Deploy ${deployment.refName} again`;
    return action('redeploy', 'Deploy again', label);
  }
  const label = endedUnanswered(deployment)
    ? 'Send again'
    : (redeployLabels[deployment.state] ?? 'Redeploy');
  return action('redeploy', label, `${label}: ${short(deployment)}`);
}

const redeployLabels: Partial<Record<Deployment['state'], string>> = {
  failed: 'Try again',
  unknown: 'Send again',
};

function rollback(deployment: Facts, target: Target): ActionView {
  const view = action('rollback', 'Roll back', `Roll back to ${short(deployment)}`);
  const sentence =
    `${target.name} goes back to ${short(deployment)} “${firstLine(deployment.message)}” without building it again. ` +
    'New pushes then wait until you resume automatic deploys.';
  return { ...view, confirm: { sentence, button: `Roll back ${target.name}` } };
}

function action(kind: ActionKind, label: string, ariaLabel: string): ActionView {
  return { kind, path: `/panel/actions/deployment/${kind}`, label, ariaLabel, confirm: null };
}

function short(deployment: Facts): string {
  return deployment.commit.slice(0, shortHashLength);
}
