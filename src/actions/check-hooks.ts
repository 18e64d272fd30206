import { explainProblem } from '../core/hooks/explain.js';
import type { Hook, HookHealth, Repository } from '../core/model/index.js';
import { AccessError, BitbucketError } from '../core/errors.js';
import type { Transaction } from '../core/ports.js';
import { judgeHook, type HookBitbucket } from './bring-hook-about.js';
import { inSomebodysName, problemBehind } from './hook-access.js';
import { resolveHookNotices, tellOfHook } from './hook-notices.js';
import { hookCheckMs, type ManageHookDeps } from './manage-hook.js';
import { openRepository } from './open-repository.js';

export interface CheckHooksDeps extends ManageHookDeps {
  bitbucket: HookBitbucket;
}

/** A check that takes longer has died. */
const claimMs = 10 * 60_000;
/** After Bitbucket was away. */
const againMs = 10 * 60_000;

/** Compares the hooks that are due with what Bitbucket has. Returns how many it looked at. */
export async function checkDueHooks(deps: CheckHooksDeps, limit: number): Promise<number> {
  const now = deps.clock();
  const due = await deps.storage.write((tx) => tx.hooks.claimChecks(limit, now, now + claimMs));
  for (const hook of due) {
    const repository = await deps.storage.read.repositories.byId(hook.repositoryId);
    if (repository) await checkHook(hook, repository, deps);
  }
  return due.length;
}

/** On demand, too. `by`: who clicked; asked in their name first. */
export async function checkHook(
  hook: Hook,
  repository: Repository,
  deps: CheckHooksDeps,
  by?: { uuid: string },
): Promise<HookHealth> {
  const health = await look(hook, repository, deps, by?.uuid);
  const now = deps.clock();
  const next =
    health.problem === 'unavailable' ? againMs : Math.round(hookCheckMs * (0.5 + deps.random()));
  await deps.storage.write(async (tx) => {
    // An outage says nothing about the hook: what was known before still counts.
    const isSilent = health.problem === 'unavailable' && hook.health !== null;
    await tx.hooks.noteHealth(hook.id, isSilent ? (hook.health ?? health) : health, now + next);
    await note(tx, hook, repository, health, deps);
  });
  if (health.problem !== null) {
    const { problem, detail } = health;
    deps.logger.warn({ repository: repository.uuid, problem, detail }, 'hook.unwell');
  }
  return health;
}

async function look(
  hook: Hook,
  repository: Repository,
  deps: CheckHooksDeps,
  byUuid: string | undefined,
): Promise<HookHealth> {
  const names = [byUuid, hook.enabledByUuid ?? undefined, null];
  const checkedAt = deps.clock();
  try {
    const remote = await inSomebodysName(names, (name) => deps.bitbucket.hooks(repository, name));
    await refreshNames(repository, deps);
    return judgeHook(hook, remote, deps.hookUrl(hook.id), checkedAt);
  } catch (error) {
    const problem = problemBehind(error);
    if (problem === null) throw error;
    const detail = problem === 'not_admin' ? hook.enabledBy : null;
    return { checkedAt, problem, detail };
  }
}

/** A rename or transfer that no event told of. Names are no reason to call a hook unwell. */
async function refreshNames(repository: Repository, deps: CheckHooksDeps): Promise<void> {
  try {
    await openRepository(repository.workspaceUuid, repository.uuid, deps);
  } catch (error) {
    if (!(error instanceof BitbucketError || error instanceof AccessError)) throw error;
  }
}

async function note(
  tx: Transaction,
  hook: Hook,
  repository: Repository,
  { problem, detail, checkedAt }: HookHealth,
  deps: CheckHooksDeps,
): Promise<void> {
  if (problem === 'unavailable') return;
  if (problem === null) {
    // Whether a silent one works again, only a delivery shows.
    if (hook.alarm) return;
    await resolveHookNotices(tx, hook.id, checkedAt);
    return;
  }
  const words = explainProblem(problem, detail);
  const stamp = { id: deps.ids.next(), now: checkedAt };
  await tellOfHook(tx, hook, repository, { kind: `hook_${problem}`, words }, stamp);
}
