import type { Observation } from '../../core/backend.js';
import type { DeploymentRun } from './deployment-run.js';
import { isRunning, type DeploymentRecord } from './records.js';

/** Long, because every change is notified; it only matters when a notice was lost. */
const pollAfterMs = 10_000;

export function observeRun(run: DeploymentRun): Observation {
  const { record } = run;
  // The end is told once it is on disk and everything of the run is over.
  const state =
    record.state === 'queued' || record.state === 'building' ? record.state : 'deploying';
  return {
    state,
    commit: record.commit,
    progress: run.progress,
    logTail: run.log.tail,
    pollAfterMs,
  };
}

export function observeRecord(record: DeploymentRecord, url: string | null): Observation {
  const { state, commit, reason, logTail } = record;
  if (state === 'interrupted' || isRunning(state)) return { state: 'queued', lost: true };
  return {
    state,
    commit,
    logTail,
    ...(reason === null ? {} : { reason }),
    ...(state === 'live' && url !== null ? { url } : {}),
  };
}
