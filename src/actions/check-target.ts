import type { Backend, CheckWarning } from '../core/backend.js';
import { InputError } from '../core/errors.js';
import type { Storage } from '../core/ports.js';
import type { PreflightStep } from '../core/preflight.js';
import { openForCall, type OpenDeps } from './open-target.js';
import { preflight, type PreflightDeps } from './preflight.js';

export interface CheckTargetDeps extends OpenDeps, PreflightDeps {
  storage: Storage;
  backend(id: string): Backend | null;
}

/** Tries again what was tried when the target was saved, as it is stored; changes nothing. */
export async function checkTarget(
  targetId: string,
  deps: CheckTargetDeps,
): Promise<{ steps: readonly PreflightStep[]; warnings: readonly CheckWarning[] }> {
  const { read } = deps.storage;
  const target = await read.targets.byId(targetId);
  if (!target || target.state === 'removed') throw new InputError('target_unknown');
  const backend = deps.backend(target.backend);
  if (!backend) throw new InputError('backend_unknown', target.backend);
  const repository = await read.repositories.byId(target.repositoryId);
  if (!repository) throw new InputError('repository_unknown');
  const opened = await openForCall(target, deps);
  const { fullName } = repository;
  const { steps, check } = await preflight(
    { repository, rule: target, backend, target: { ...opened, repository: { fullName } } },
    deps,
  );
  return { steps, warnings: check?.ok === true ? (check.warnings ?? []) : [] };
}
