import type { BuildStatusState, Deployment, DeploymentState } from '../model/index.js';

/** Bitbucket refuses a longer key with 400. */
export const statusKeyLimit = 40;

/** One key per target, so that a retry updates instead of adding. ULIDs have 26 characters. */
export function statusKey(targetId: string): string {
  return `slipway-${targetId}`.slice(0, statusKeyLimit);
}

/** What the commit shows for a deployment; null while nothing has been sent anywhere. */
export function statusFor(
  deployment: Pick<Deployment, 'state' | 'reason' | 'url' | 'supersededBy'>,
  targetName: string,
): { state: BuildStatusState; description: string } | null {
  const state = stateFor(deployment.state);
  return state === null ? null : { state, description: describe(deployment, targetName) };
}

function stateFor(state: DeploymentState): BuildStatusState | null {
  switch (state) {
    case 'waiting':
    case 'queued':
      return null;
    case 'building':
    case 'deploying':
    case 'unknown':
      return 'INPROGRESS';
    case 'live':
    case 'handed_off':
      return 'SUCCESSFUL';
    case 'failed':
      return 'FAILED';
    case 'stopped':
    case 'superseded':
      return 'STOPPED';
  }
}

function describe(
  deployment: Pick<Deployment, 'state' | 'reason' | 'url' | 'supersededBy'>,
  targetName: string,
): string {
  const because = deployment.reason ?? '';
  switch (deployment.state) {
    case 'live':
      return because || `Live on ${targetName}`;
    case 'handed_off':
      return because;
    case 'failed':
      return because || 'The deployment failed';
    case 'stopped':
      return because || 'The deployment was stopped';
    case 'superseded':
      return deployment.supersededBy
        ? `Superseded by ${deployment.supersededBy.slice(0, 12)}`
        : because || 'Superseded by a newer commit';
    case 'unknown':
      return because || 'Sent; waiting for an answer';
    default:
      return `Deploying to ${targetName}`;
  }
}
