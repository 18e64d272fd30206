import type { Observation, ObservedState } from '../../core/backend.js';
import { redactText } from '../../lib/redact-text.js';
import type { Deployment } from './shapes.js';

const states: Readonly<Record<string, ObservedState>> = {
  QUEUED: 'queued',
  INITIALIZING: 'building',
  BUILDING: 'building',
  READY: 'live',
  ERROR: 'failed',
  CANCELED: 'stopped',
  BLOCKED: 'failed',
};

const words: Readonly<Record<string, string>> = {
  ERROR: 'The build failed at Vercel.',
  CANCELED: 'Cancelled at Vercel.',
  BLOCKED:
    'Vercel blocks it: usually the author of the commit is no member of the team there, or somebody has to approve it.',
};

const steps: Readonly<Record<string, string>> = {
  QUEUED: 'Waiting at Vercel',
  INITIALIZING: 'Starting the build',
  BUILDING: 'Building',
};

/** A state that is new to us leaves things as they are. */
export function observationOf(deployment: Deployment, hidden: readonly string[]): Observation {
  const { readyState, url, gitSource, errorMessage } = deployment;
  const step = steps[readyState];
  const said = readyState === 'ERROR' && errorMessage ? errorMessage : words[readyState];
  return {
    state: states[readyState] ?? 'unchanged',
    ...(gitSource?.sha === undefined ? {} : { commit: gitSource.sha }),
    ...(url === undefined ? {} : { url: `https://${url}` }),
    ...(said === undefined ? {} : { reason: redactText(said, hidden, 300) }),
    ...(step === undefined ? {} : { progress: { step } }),
  };
}
