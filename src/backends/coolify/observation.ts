import type { Observation, ObservedState } from '../../core/backend.js';
import { type Deployment, logLines } from './shapes.js';

const states: Readonly<Record<string, ObservedState>> = {
  queued: 'queued',
  in_progress: 'building',
  finished: 'live',
  failed: 'failed',
  'cancelled-by-user': 'stopped',
};

const words: Readonly<Record<string, string>> = {
  failed: 'The deployment failed at Coolify.',
  'cancelled-by-user': 'Cancelled at Coolify.',
};

const steps: Readonly<Record<string, string>> = {
  queued: 'Waiting at Coolify',
  in_progress: 'Building and starting',
};

/** A status that is new to us leaves things as they are. */
export function observationOf(deployment: Deployment, hidden: readonly string[]): Observation {
  const { status } = deployment;
  const commit = builtCommit(deployment);
  const reason = words[status];
  const step = steps[status];
  return {
    state: states[status] ?? 'unchanged',
    ...(commit === null ? {} : { commit }),
    ...(reason === undefined ? {} : { reason }),
    ...(step === undefined ? {} : { progress: { step } }),
    ...(status === 'failed' ? { logTail: logOf(deployment, hidden).slice(-30) } : {}),
  };
}

/** `HEAD` until it has been cloned. */
export function builtCommit({ commit }: Pick<Deployment, 'commit'>): string | null {
  return /^[0-9a-f]{40}$/.test(commit ?? '') ? (commit ?? null) : null;
}

/** Without the lines that Coolify itself hides. */
export function logOf({ logs }: Pick<Deployment, 'logs'>, hidden: readonly string[]): string[] {
  const lines = logLines.safeParse(parsed(logs ?? ''));
  if (!lines.success) return [];
  return lines.data
    .filter((line) => line.hidden !== true)
    .flatMap(({ output }) => (output ?? '').split('\n'))
    .map((line) => hidden.reduce((clean, one) => clean.replaceAll(one, '[hidden]'), line));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
