import type { Observation, ObservedState } from '../../core/backend.js';
import type { Deploy } from './shapes.js';

const states: Readonly<Record<string, ObservedState>> = {
  created: 'queued',
  queued: 'queued',
  build_in_progress: 'building',
  pre_deploy_in_progress: 'deploying',
  update_in_progress: 'deploying',
  live: 'live',
  deactivated: 'superseded',
  build_failed: 'failed',
  pre_deploy_failed: 'failed',
  update_failed: 'failed',
  canceled: 'stopped',
};

const words: Readonly<Record<string, string>> = {
  deactivated: 'It went live at Render, and a newer deploy has taken its place since.',
  build_failed: 'The build failed at Render; its log is there.',
  pre_deploy_failed: 'The pre-deploy command failed at Render; its log is there.',
  update_failed: 'It was built, but did not start at Render; its log is there.',
  canceled: 'Cancelled at Render; a newer deploy does that, too.',
};

const steps: Readonly<Record<string, string>> = {
  created: 'Waiting at Render',
  queued: 'Waiting at Render',
  build_in_progress: 'Building',
  pre_deploy_in_progress: 'Running the pre-deploy command',
  update_in_progress: 'Starting the new version',
};

/** A status that is new to us leaves things as they are. */
export function observationOf({ status, commit }: Deploy): Observation {
  const reason = words[status];
  const step = steps[status];
  return {
    state: states[status] ?? 'unchanged',
    ...(commit === undefined ? {} : { commit: commit.id }),
    ...(reason === undefined ? {} : { reason }),
    ...(step === undefined ? {} : { progress: { step } }),
  };
}
