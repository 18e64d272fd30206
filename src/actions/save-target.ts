import type { Backend, BackendConnection, BackendTarget, CheckWarning } from '../core/backend.js';
import { InputError, StateError } from '../core/errors.js';
import type { NewerPush, Promote, Repository, Target } from '../core/model/index.js';
import type { Clock, Ids, Reader, Storage, Transaction, Vault } from '../core/ports.js';
import { PreflightError, type PreflightStep } from '../core/preflight.js';
import { circle } from '../core/routing/followers.js';
import { changedParts, noteTargetChange } from './audit.js';
import { branchProblem, checkRule } from './check-rule.js';
import { openConnection, openTarget, secretsIdentity } from './open-target.js';
import { endWaiting, waitingAt } from './settle-waiting.js';
import { preflight, type PreflightDeps } from './preflight.js';
import { parseSettings, type ParsedSettings } from './parse-settings.js';

export interface TargetForm {
  targetId: string | null;
  expectedVersion: number;
  repository: Repository;
  backend: string;
  /** One of the repository's workspace, where the backend needs one. */
  connectionId?: string | null;
  name: string;
  branchPattern: string | null;
  tagPattern: string | null;
  /** Absent: all files matter, and skip markers are honoured. */
  includePaths?: string | null;
  excludePaths?: string | null;
  honourSkipMarkers?: boolean;
  /** Absent: `finish`; `cancel` only where the backend can. */
  newerPush?: NewerPush;
  /** The target it waits for; absent or null: none. */
  afterTargetId?: string | null;
  /** Absent: `automatic`. */
  promote?: Promote;
  /** Raw form values; an empty secret keeps the stored one. */
  settings: Record<string, string>;
  /** Secret fields whose stored value is to go; an empty one alone keeps it. */
  clearSecrets?: readonly string[];
  by: { name: string };
}

export interface SaveTargetDeps extends PreflightDeps {
  storage: Storage;
  vault: Vault;
  clock: Clock;
  ids: Ids;
  backend(id: string): Backend | null;
  /** Null when fine, else a sentence. */
  patternProblem(patterns: string): string | null;
  pathProblem(patterns: string): string | null;
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
  const backend = deps.backend(form.backend);
  if (!backend) throw new InputError('backend_unknown', form.backend);
  const existing = form.targetId === null ? null : await existingTarget(form, deps);
  const id = existing?.id ?? deps.ids.next();
  const stored = existing ? openTarget(existing, deps.vault).secrets : {};
  const fields = checkRule(form, backend, deps);
  const connection = await chosenConnection(form, backend, fields, deps);
  const order = await orderProblem(form, { id, backend }, deps.storage.read);
  if (order !== null) fields['afterTargetId'] = order;
  const schema = backend.settings;
  const parsed = parseSettings(schema, form.settings, form.clearSecrets ?? [], stored);
  Object.assign(fields, parsed.problems);
  if (Object.keys(fields).length > 0) throw new InputError('target_invalid', undefined, fields);
  const { settings, secrets } = parsed;
  const opened = {
    id,
    name: form.name.trim(),
    settings,
    secrets,
    ...(connection && { connection }),
  };
  const repository = { fullName: form.repository.fullName };
  const checked = await checkAll(backend, form, { ...opened, repository }, deps);
  const connectionId = connection?.id ?? null;
  const saved = await store(
    { ...form, connectionId },
    existing && { target: existing, secrets: stored },
    { id, backend },
    parsed,
    deps,
  );
  return { target: saved, ...checked };
}

/** Ids in a form are only claims: another workspace's connection does not exist here. */
async function chosenConnection(
  form: TargetForm,
  backend: Backend,
  fields: Record<string, string>,
  deps: SaveTargetDeps,
): Promise<BackendConnection | null> {
  if (!backend.account) return null;
  const found = await deps.storage.read.connections.byId(form.connectionId ?? '');
  if (found?.backend === backend.id && found.workspaceUuid === form.repository.workspaceUuid) {
    return openConnection(found, deps.vault);
  }
  fields['connectionId'] = `Choose a connection of this workspace to ${backend.label}.`;
  return null;
}

async function existingTarget(form: TargetForm, deps: SaveTargetDeps): Promise<Target> {
  const target = await deps.storage.read.targets.byId(form.targetId ?? '');
  if (!target || target.repositoryId !== form.repository.id || target.state === 'removed') {
    throw new InputError('target_unknown');
  }
  // Settings of another backend would make no sense there, and the old one's files and secrets would stay behind.
  if (target.backend !== form.backend) {
    throw new InputError('target_invalid', undefined, {
      backend: 'The backend of a target cannot be changed; add a new target instead.',
    });
  }
  return target;
}

/** Null: it may wait for that one. */
async function orderProblem(
  form: TargetForm,
  { id, backend }: { id: string; backend: Backend },
  read: Pick<Reader, 'targets'> | Pick<Transaction, 'targets'>,
): Promise<string | null> {
  const afterTargetId = form.afterTargetId ?? null;
  if (afterTargetId === null) return null;
  const targets = await read.targets.ofRepository(form.repository.id);
  if (!targets.some((each) => each.id === afterTargetId)) {
    return 'Pick a target of this repository; that one may have been removed.';
  }
  if (backend.capabilities.commit === 'head') {
    return `${backend.label} deploys the newest commit of a branch, so it cannot deploy exactly what went live elsewhere.`;
  }
  const name = form.name.trim() || 'This target';
  const names = circle({ id, name }, afterTargetId, targets);
  return names === null ? null : `They would wait for each other: ${names.join(' → ')}.`;
}

/** The warnings it gives. Throws `PreflightError` when a deploy would fail for good. */
async function checkAll(
  backend: Backend,
  form: TargetForm,
  target: BackendTarget,
  deps: SaveTargetDeps,
): Promise<{ warnings: readonly CheckWarning[]; steps: readonly PreflightStep[] }> {
  const order = { repository: form.repository, rule: form, backend, target };
  const { steps, check } = await preflight(order, deps);
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
  form: TargetForm & { connectionId: string | null },
  known: { target: Target; secrets: Readonly<Record<string, unknown>> } | null,
  { id, backend }: { id: string; backend: Backend },
  parsed: ParsedSettings,
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
  await deps.storage.write(async (tx) => {
    await tx.targets.insert(target);
    const { id: repositoryId, workspaceUuid } = form.repository;
    await tx.repositories.touch(repositoryId, baseline);
    await tx.lanes.create({ targetId: id, repositoryId, workspaceUuid });
    await noteTargetChange(tx, target, form.by, `added the target ${target.name}`, deps);
  });
  return target;
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
