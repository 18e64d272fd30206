import type { Logger } from '../../core/ports.js';
import type { LocalContext } from './context.js';
import { DeployFailure, DeployPostponed, reasonOf } from './deploy-failure.js';
import type { DeploymentRun } from './deployment-run.js';
import type { ReleaseFacts } from './records.js';
import { markLive } from './recover-target.js';
import type { Serving } from './serving.js';
import type { LocalSettings } from './settings.js';
import type { TargetStore } from './target-store.js';

/** What a run does: leads to a release, or to null when it was told to end. */
export type Work = (run: DeploymentRun, settings: LocalSettings) => Promise<ReleaseFacts | null>;

export interface RunParts {
  context: LocalContext;
  store: TargetStore;
  serving: Serving;
  logger: Logger;
}

/** Takes a deployment to its end. Never rejects: every end is an end of the record. */
export async function carryOut(
  parts: RunParts,
  run: DeploymentRun,
  settings: LocalSettings,
  work: Work,
): Promise<void> {
  try {
    const release = await work(run, settings);
    const isLive = release !== null && (await switchTo(parts, run, release, settings));
    if (!isLive) await endStopped(parts, run);
  } catch (error) {
    if (run.signal.aborted) await endStopped(parts, run);
    else await endFailed(parts, run, error);
  }
}

/** After success only. A failure here costs disk space, not the deployment. */
export async function tidy({ context, store, logger }: RunParts): Promise<void> {
  const { keepReleases, keepRecords } = context.limits;
  const { live, previousRelease } = store.state;
  const always = [live?.release, previousRelease].filter((name) => typeof name === 'string');
  try {
    await store.releases.prune(keepReleases, always);
    await store.pruneRecords(keepRecords);
  } catch (error) {
    logger.warn({ err: error }, 'local.prune_failed');
  }
}

async function switchTo(
  { store, serving, logger }: RunParts,
  run: DeploymentRun,
  release: ReleaseFacts,
  settings: LocalSettings,
): Promise<boolean> {
  const words = release.kind === 'static' ? 'Switching to the new release' : 'Starting the app';
  const { done = 0, total = 1 } = run.progress;
  await run.update({ state: 'deploying', release: release.name });
  run.step(words, done + 1, total);
  if (!(await serving.goLive(release, settings, run))) return false;
  run.log.note(`Live at ${serving.url ?? 'its address'}`);
  try {
    await markLive(store, run.record.deploymentId, release.name);
    await run.end('live', null);
  } catch (error) {
    // It is live, whatever can be written about it; the record is put right when it is looked at.
    logger.error({ deployment: run.record.deploymentId, err: error }, 'local.record_not_written');
  }
  return true;
}

async function endStopped(parts: RunParts, run: DeploymentRun): Promise<void> {
  if (run.stopCause === 'stopping') {
    return end(parts, run, 'interrupted', 'Slipway was stopped while it ran.');
  }
  const why = run.stopCause === 'removed' ? 'The target was removed.' : 'It was cancelled.';
  return end(parts, run, 'stopped', why);
}

async function endFailed(parts: RunParts, run: DeploymentRun, error: unknown): Promise<void> {
  if (error instanceof DeployPostponed) return end(parts, run, 'interrupted', error.message);
  if (!(error instanceof DeployFailure)) {
    const { deploymentId } = run.record;
    parts.logger.error({ deployment: deploymentId, err: error }, 'local.deployment_broke');
  }
  return end(parts, run, 'failed', reasonOf(error));
}

/** On a full disk the record cannot be written; then it counts as interrupted. */
async function end(
  { logger }: RunParts,
  run: DeploymentRun,
  state: 'failed' | 'stopped' | 'interrupted',
  reason: string,
): Promise<void> {
  try {
    await run.end(state, reason);
  } catch (error) {
    logger.error({ deployment: run.record.deploymentId, err: error }, 'local.record_not_written');
  }
}
