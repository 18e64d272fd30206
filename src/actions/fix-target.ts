import type { Backend, CheckWarning } from '../core/backend.js';
import { InputError, StateError } from '../core/errors.js';
import type { Logger } from '../core/ports.js';
import { openForCall, type OpenDeps } from './open-target.js';
import type { Storage } from '../core/ports.js';

export interface FixDeps extends OpenDeps {
  storage: Storage;
  backend(id: string): Backend | null;
  logger: Logger;
}

const fixTimeoutMs = 15_000;

/** Does at the backend what a warning offered, and says what is left. Throws `StateError('fix_failed')`. */
export async function fixTarget(
  input: { targetId: string; fix: string; by: { name: string } },
  deps: FixDeps,
): Promise<readonly CheckWarning[]> {
  const target = await deps.storage.read.targets.byId(input.targetId);
  if (!target || target.state === 'removed') throw new InputError('target_unknown');
  const backend = deps.backend(target.backend);
  if (!backend?.fix) throw new InputError('backend_unknown', target.backend);
  const opened = await openForCall(target, deps);
  const result = await backend.fix(opened, input.fix, AbortSignal.timeout(fixTimeoutMs));
  if (result.kind === 'failed') throw new StateError('fix_failed', result.reason);
  deps.logger.info({ target: target.id, fix: input.fix, by: input.by.name }, 'target.fixed');
  const left = await backend.check(opened, AbortSignal.timeout(fixTimeoutMs));
  return left.ok ? (left.warnings ?? []) : [];
}
