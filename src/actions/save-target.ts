import { InputError, StateError } from '../core/errors.js';
import type { CheckWarning } from '../core/backend.js';
import type { NewerPush, Target } from '../core/model/index.js';
import type { Clock, Transaction } from '../core/ports.js';
import { PreflightError, type CheckProgress, type PreflightStep } from '../core/preflight.js';
import { changedParts, noteTargetChange } from './audit.js';
import { branchProblem } from './check-rule.js';
import { secretsIdentity } from './open-target.js';
import { preflight, type PreflightDeps, type PreflightResult } from './preflight.js';
import { goOn } from './preflight-progress.js';
import {
  orderProblem,
  prepareTarget,
  type PreparedTarget,
  type PrepareTargetDeps,
  type TargetForm,
} from './prepare-target.js';
import { endWaiting, waitingAt } from './settle-waiting.js';

export type { TargetForm } from './prepare-target.js';

export interface SaveTargetDeps extends PreflightDeps, PrepareTargetDeps {
  clock: Clock;
}

export interface SavedTarget {
  target: Target;
  /** It will work, but not as people expect. */
  warnings: readonly CheckWarning[];
  /** What was tried before it was saved. */
  steps: readonly PreflightStep[];
}

/**
 * Creates or changes a target, after everything that its deploys need was tried. What cannot be tried now stands in nobody's way.
 * Throws `InputError` with `fields` (`PreflightError` where the check said no), or `StateError`.
 */
export async function saveTarget(form: TargetForm, deps: SaveTargetDeps): Promise<SavedTarget> {
  const prepared = await prepareTarget(form, deps);
  const result = await preflight(prepared.order, deps);
  const accepted = accept(prepared, result);
  return { target: await store(prepared, deps), ...accepted };
}

/**
 * The same for a page that shows each step: one step a call, then the save in a call of its own, so that until then nothing is
 * stored of somebody who changed their mind.
 *
 * @param checked of the call before; empty the first time
 */
export async function saveTargetByStep(
  form: TargetForm,
  checked: string,
  deps: SaveTargetDeps,
): Promise<SavedTarget | CheckProgress> {
  const prepared = await prepareTarget(form, deps);
  const isNew = prepared.known === null;
  const stage = await goOn({ ...prepared.order, isNew }, checked, deps);
  const accepted = stage.result && accept(prepared, stage.result);
  if (accepted === null || !stage.wasComplete) return stage.progress;
  return { target: await store({ ...prepared, id: stage.targetId }, deps), ...accepted };
}

/** Throws `PreflightError` when a deploy would fail for good. */
function accept(
  { form, backend }: PreparedTarget,
  { steps, check }: PreflightResult,
): Pick<SavedTarget, 'warnings' | 'steps'> {
  const fields: Record<string, string> = {};
  if (check?.ok === true) {
    const problem = branchProblem(form, backend, check.branch);
    if (problem !== null) fields['branchPattern'] = problem;
  }
  for (const { field, message } of check?.ok === false ? check.problems : []) {
    fields[field === null ? 'form' : `settings.${field}`] ??= message;
  }
  if (Object.keys(fields).length > 0) throw new PreflightError('target_invalid', fields, steps);
  if (steps.some(({ outcome }) => outcome === 'failed')) {
    throw new PreflightError('preflight_failed', {}, steps);
  }
  return { warnings: check?.ok === true ? (check.warnings ?? []) : [], steps };
}

async function store(
  { form, known, id, backend, parsed }: PreparedTarget,
  deps: SaveTargetDeps,
): Promise<Target> {
  const now = deps.clock();
  const secretsSealed =
    Object.keys(parsed.secrets).length > 0
      ? deps.vault.seal(JSON.stringify(parsed.secrets), secretsIdentity(id))
      : null;
  const edited = {
    connectionId: form.connectionId,
    name: form.name.trim(),
    branchPattern: form.branchPattern,
    tagPattern: form.tagPattern,
    includePaths: form.includePaths ?? null,
    excludePaths: form.excludePaths ?? null,
    honourSkipMarkers: form.honourSkipMarkers ?? true,
    newerPush: newerPushOf(form, deps),
    afterTargetId: form.afterTargetId ?? null,
    promote: form.promote ?? 'automatic',
    settings: parsed.settings,
    secretsSealed,
    updatedAt: now,
  };
  // What the new rule takes in for the first time is where it is; only what moves from now on is a push.
  const baseline = { baselineAt: null, reconcileDueAt: now };
  if (known) {
    const existing = known.target;
    const parts = changedParts(existing, edited, { before: known.secrets, after: parsed.secrets });
    return deps.storage.write(async (tx) => {
      await tx.repositories.touch(form.repository.id, baseline);
      // Once more: two admins may each have made half of a circle.
      const order = await orderProblem(form, { id, backend }, tx);
      if (order !== null) {
        throw new InputError('target_invalid', undefined, { afterTargetId: order });
      }
      if (existing.afterTargetId !== edited.afterTargetId) await endAllWaiting(tx, existing, deps);
      if (!(await tx.targets.update(id, form.expectedVersion, edited))) {
        throw new StateError('target_changed');
      }
      const says = `changed the target ${edited.name}: ${parts || 'nothing'}`;
      await noteTargetChange(tx, existing, form.by, says, deps);
      return { ...existing, ...edited, version: form.expectedVersion + 1 };
    });
  }
  const target: Target = {
    ...edited,
    id,
    repositoryId: form.repository.id,
    backend: form.backend,
    state: 'active',
    hold: null,
    liveDeploymentId: null,
    version: 1,
    createdBy: form.by.name,
    createdAt: now,
  };
  return deps.storage.write(async (tx) => {
    // Sent twice, by somebody whose first answer got lost: it is there already.
    const stored = await tx.targets.byId(id);
    if (stored) return stored;
    await tx.targets.insert(target);
    const { id: repositoryId, workspaceUuid } = form.repository;
    await tx.repositories.touch(repositoryId, baseline);
    await tx.lanes.create({ targetId: id, repositoryId, workspaceUuid });
    await noteTargetChange(tx, target, form.by, `added the target ${target.name}`, deps);
    return target;
  });
}

/** What still waits for the former target would wait for nothing. */
async function endAllWaiting(tx: Transaction, target: Target, deps: SaveTargetDeps): Promise<void> {
  for (const waiting of await waitingAt(tx, target.id)) {
    const reason = `${target.name} was set to wait for something else.`;
    await endWaiting(tx, waiting, { state: 'stopped', reason, supersededBy: null }, deps);
  }
}

function newerPushOf(form: TargetForm, deps: SaveTargetDeps): NewerPush {
  const canCancel = deps.backend(form.backend)?.capabilities.cancel ?? false;
  return canCancel ? (form.newerPush ?? 'finish') : 'finish';
}
