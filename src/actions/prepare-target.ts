import type { Backend, BackendConnection } from '../core/backend.js';
import { InputError, StateError } from '../core/errors.js';
import type { NewerPush, Promote, Repository, Target } from '../core/model/index.js';
import type { Ids, Reader, Storage, Transaction, Vault } from '../core/ports.js';
import { circle } from '../core/routing/followers.js';
import { checkRule } from './check-rule.js';
import { openConnection, openTarget } from './open-target.js';
import { parseSettings, type ParsedSettings } from './parse-settings.js';
import type { PreflightOrder } from './preflight.js';

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

export interface PrepareTargetDeps {
  storage: Storage;
  vault: Vault;
  ids: Ids;
  backend(id: string): Backend | null;
  /** Null when fine, else a sentence. */
  patternProblem(patterns: string): string | null;
  pathProblem(patterns: string): string | null;
}

/** A form in which nothing is wrong that can be seen without asking anybody. */
export interface PreparedTarget {
  form: TargetForm & { connectionId: string | null };
  /** As it is stored, its secrets opened; null: a new one. */
  known: { target: Target; secrets: Readonly<Record<string, unknown>> } | null;
  id: string;
  backend: Backend;
  parsed: ParsedSettings;
  /** What is tried before it is stored. */
  order: PreflightOrder;
}

/** Asks nobody outside. Throws `InputError` with `fields`, or `StateError('target_changed')`. */
export async function prepareTarget(
  form: TargetForm,
  deps: PrepareTargetDeps,
): Promise<PreparedTarget> {
  const backend = deps.backend(form.backend);
  if (!backend) throw new InputError('backend_unknown', form.backend);
  const existing = form.targetId === null ? null : await existingTarget(form, deps);
  const id = existing?.id ?? deps.ids.next();
  const stored = existing ? openTarget(existing, deps.vault).secrets : {};
  const fields = checkRule(form, backend, deps);
  const connection = await chosenConnection(form, backend, fields, deps);
  const order = await orderProblem(form, { id, backend }, deps.storage.read);
  if (order !== null) fields['afterTargetId'] = order;
  const parsed = parseSettings(backend.settings, form.settings, form.clearSecrets ?? [], stored);
  Object.assign(fields, parsed.problems);
  if (Object.keys(fields).length > 0) throw new InputError('target_invalid', undefined, fields);
  // Said now, and not after everything was tried in vain; what is written at last asks again.
  if (existing && existing.version !== form.expectedVersion) throw new StateError('target_changed');
  const { settings, secrets } = parsed;
  const { repository } = form;
  const target = {
    ...{ id, name: form.name.trim(), settings, secrets },
    ...(connection && { connection }),
    repository: { fullName: repository.fullName },
  };
  return {
    form: { ...form, connectionId: connection?.id ?? null },
    known: existing && { target: existing, secrets: stored },
    ...{ id, backend, parsed },
    order: { repository, rule: form, backend, target },
  };
}

/** Ids in a form are only claims: another workspace's connection does not exist here. */
async function chosenConnection(
  form: TargetForm,
  backend: Backend,
  fields: Record<string, string>,
  deps: PrepareTargetDeps,
): Promise<BackendConnection | null> {
  if (!backend.account) return null;
  const found = await deps.storage.read.connections.byId(form.connectionId ?? '');
  if (found?.backend === backend.id && found.workspaceUuid === form.repository.workspaceUuid) {
    return openConnection(found, deps.vault);
  }
  fields['connectionId'] = `Choose a connection of this workspace to ${backend.label}.`;
  return null;
}

async function existingTarget(form: TargetForm, deps: PrepareTargetDeps): Promise<Target> {
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
export async function orderProblem(
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
