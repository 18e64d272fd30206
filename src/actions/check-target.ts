import type { Backend, CheckWarning } from '../core/backend.js';
import { InputError } from '../core/errors.js';
import type { Storage } from '../core/ports.js';
import type { CheckProgress, PreflightStep } from '../core/preflight.js';
import { openForCall, type OpenDeps } from './open-target.js';
import { goOn, type ProgressDeps } from './preflight-progress.js';
import { preflight, type PreflightOrder, type PreflightResult } from './preflight.js';

export interface CheckTargetDeps extends OpenDeps, ProgressDeps {
  storage: Storage;
  backend(id: string): Backend | null;
}

export interface CheckedTarget {
  steps: readonly PreflightStep[];
  warnings: readonly CheckWarning[];
}

/** Tries again what was tried when the target was saved, as it is stored; changes nothing. */
export async function checkTarget(targetId: string, deps: CheckTargetDeps): Promise<CheckedTarget> {
  return toldOf(await preflight(await orderOf(targetId, deps), deps));
}

/** The same one step a call. `checked`: of the call before; empty the first time. */
export async function checkTargetByStep(
  targetId: string,
  checked: string,
  deps: CheckTargetDeps,
): Promise<CheckedTarget | CheckProgress> {
  const order = await orderOf(targetId, deps);
  const { progress, result } = await goOn({ ...order, isNew: false }, checked, deps);
  return result ? toldOf(result) : progress;
}

async function orderOf(targetId: string, deps: CheckTargetDeps): Promise<PreflightOrder> {
  const { read } = deps.storage;
  const target = await read.targets.byId(targetId);
  if (!target || target.state === 'removed') throw new InputError('target_unknown');
  const backend = deps.backend(target.backend);
  if (!backend) throw new InputError('backend_unknown', target.backend);
  const repository = await read.repositories.byId(target.repositoryId);
  if (!repository) throw new InputError('repository_unknown');
  const opened = await openForCall(target, deps);
  const { fullName } = repository;
  return { repository, rule: target, backend, target: { ...opened, repository: { fullName } } };
}

function toldOf({ steps, check }: PreflightResult): CheckedTarget {
  return { steps, warnings: check?.ok === true ? (check.warnings ?? []) : [] };
}
