import type { Backend } from '../core/backend.js';
import type { Target } from '../core/model/index.js';
import type { Ids, Storage, Transaction, Vault } from '../core/ports.js';
import {
  createCareJob,
  type Budget,
  type CareJob,
  type CareJobDeps,
  type Worked,
} from './care-job.js';
import { removeTarget } from './change-target.js';
import { openTarget } from './open-target.js';

export interface ForgetOptions {
  /** How long the data of a workspace stays after its last installation was removed: time to think again, or to export. */
  keepDays: number;
  sliceRows: number;
  slicesPerRun: number;
}

export const forgetDefaults: Readonly<ForgetOptions> = {
  keepDays: 30,
  sliceRows: 500,
  slicesPerRun: 100,
};

export interface ForgetDeps extends CareJobDeps {
  storage: Storage;
  vault: Vault;
  ids: Ids;
  backend(id: string): Backend | null;
}

const dayMs = 24 * 60 * 60_000;
const workspacesPerRun = 20;
/** A backend that cannot clean up gets this long; after that the promise to delete counts for more. */
const cleanUpPatienceMs = 7 * dayMs;
const by = { name: 'Slipway' };

/** The background job behind the promise of docs/when-things-fail.md: what is left of a removed workspace, and when. */
export function createForgetter(deps: ForgetDeps, options: Partial<ForgetOptions> = {}): CareJob {
  const figures = { ...forgetDefaults, ...options };
  return createCareJob(
    'forget',
    figures.slicesPerRun,
    (budget) => forgetRemovedWorkspaces(figures, budget, deps),
    deps,
  );
}

/**
 * Deletes the data of workspaces whose last installation was removed long enough ago. What stays is the installation itself,
 * with its sealed secret and without the name of who installed it: Bitbucket signs the next install with that secret, and
 * without it nobody could tell that install from a forged one.
 */
export async function forgetRemovedWorkspaces(
  options: ForgetOptions,
  budget: Budget,
  deps: ForgetDeps,
): Promise<Worked> {
  const removedBefore = deps.clock() - options.keepDays * dayMs;
  const { care } = deps.storage.read;
  let rows = 0;
  for (const workspace of await care.abandonedWorkspaces(removedBefore, workspacesPerRun)) {
    const patient =
      deps.clock() - workspace.removedAt < options.keepDays * dayMs + cleanUpPatienceMs;
    if (!(await removeTargets(workspace.uuid, patient, deps))) continue;
    const deleted = await deleteRows(workspace.uuid, options, budget, deps);
    rows += deleted.rows;
    if (!deleted.isDone) return { rows, isDone: false };
    deps.logger.info({ workspace: workspace.uuid, rows: deleted.rows }, 'workspace.forgotten');
  }
  return { rows, isDone: true };
}

/** Through the backends, which have files and running apps of their own. False: not all of them are done yet. */
async function removeTargets(
  workspaceUuid: string,
  patient: boolean,
  deps: ForgetDeps,
): Promise<boolean> {
  const { read } = deps.storage;
  let isDone = true;
  for (const repository of await read.care.repositoriesOf(workspaceUuid)) {
    for (const target of await read.care.everyTargetOf(repository.id)) {
      try {
        await cleanUp(target, deps);
      } catch (error) {
        deps.logger.error({ target: target.id, patient, err: error }, 'forget.clean_up_failed');
        if (patient) isDone = false;
      }
      const lane = await read.lanes.byTarget(target.id);
      // What runs was asked to stop; its end is still to be written.
      const isBusy =
        lane !== null && (lane.leaseOwner !== null || lane.currentDeploymentId !== null);
      if (isBusy && patient) isDone = false;
    }
  }
  return isDone;
}

async function cleanUp(target: Target, deps: ForgetDeps): Promise<void> {
  if (target.state !== 'removed') await removeTarget({ targetId: target.id, by }, deps);
  // A crash or an error may have come between the note and the deed; removing what is gone does nothing.
  else await deps.backend(target.backend)?.remove?.(openTarget(target, deps.vault));
}

/** Not done: the allowance is used up, or the app was installed again in the meantime. */
async function deleteRows(
  workspaceUuid: string,
  options: ForgetOptions,
  budget: Budget,
  deps: ForgetDeps,
): Promise<Worked> {
  let rows = 0;
  const all = async (slice: (tx: Transaction) => Promise<number>): Promise<boolean> => {
    while (await budget.take()) {
      const deleted = await deps.storage.write(async (tx) => {
        const isInUse = (await tx.installations.ofWorkspace(workspaceUuid)).length > 0;
        return isInUse ? null : slice(tx);
      });
      if (deleted === null) return false;
      rows += deleted;
      if (deleted === 0) return true;
    }
    return false;
  };
  for (const { id } of await deps.storage.read.care.repositoriesOf(workspaceUuid)) {
    const isDone = await all((tx) => tx.care.deleteRepository(id, options.sliceRows));
    if (!isDone) return { rows, isDone };
  }
  const isDone = await all((tx) => tx.care.deleteWorkspace(workspaceUuid, options.sliceRows));
  return { rows, isDone };
}
