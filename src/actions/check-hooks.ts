import { explainProblem } from '../core/hooks/explain.js';
import type { Hook, HookHealth, Repository } from '../core/model/index.js';
import { AccessError, BitbucketError } from '../core/errors.js';
import type { RemoteHook, RemoteRepository, Transaction } from '../core/ports.js';
import { sameUuid } from '../lib/same-uuid.js';
import { judgeHook, type HookBitbucket } from './bring-hook-about.js';
import { inSomebodysName, problemBehind, type InWhoseName } from './hook-access.js';
import { resolveHookNotices, tellOfHook } from './hook-notices.js';
import { hookCheckMs, type ManageHookDeps } from './manage-hook.js';
import { fileRepository, openRepository } from './open-repository.js';

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
    // It may have been found in another workspace meanwhile.
    const here = (await tx.repositories.byId(repository.id)) ?? repository;
    await note(tx, hook, here, health, deps);
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
    const here = await findHooks(repository, names, deps);
    await refreshNames(here.repository, deps);
    return judgeHook(hook, here.hooks, deps.hookUrl(hook.id), checkedAt);
  } catch (error) {
    const problem = problemBehind(error);
    if (problem === null) throw error;
    const detail = problem === 'not_admin' ? hook.enabledBy : null;
    return { checkedAt, problem, detail };
  }
}

/**
 * The webhooks of a repository. Where it was, it may not be any more, with nobody having told: then it is looked for everywhere,
 * in the same names, and filed where Bitbucket has it. Its hook has gone along.
 */
async function findHooks(
  repository: Repository,
  names: readonly (InWhoseName | undefined)[],
  deps: CheckHooksDeps,
): Promise<{ repository: Repository; hooks: RemoteHook[] }> {
  const list = (of: Repository) => inSomebodysName(names, (name) => deps.bitbucket.hooks(of, name));
  try {
    return { repository, hooks: await list(repository) };
  } catch (error) {
    if (problemBehind(error) !== 'repository_gone') throw error;
    const found = await lookEverywhere(repository, names, deps);
    if (found === null || sameUuid(found.workspaceUuid, repository.workspaceUuid)) throw error;
    const moved = await fileRepository(found, deps);
    const { uuid, fullName, workspaceUuid: to } = moved;
    deps.logger.info(
      { repository: uuid, fullName, from: repository.workspaceUuid, to },
      'repository.moved',
    );
    return { repository: moved, hooks: await list(moved) };
  }
}

async function lookEverywhere(
  repository: Repository,
  names: readonly (InWhoseName | undefined)[],
  { bitbucket }: CheckHooksDeps,
): Promise<RemoteRepository | null> {
  return inSomebodysName(names, async (name) => {
    const found = await bitbucket.whereabouts(repository, name);
    if (found === null) throw new BitbucketError('repository_gone', repository.uuid);
    return found;
  }).catch((error: unknown) => {
    // The first refusal says more.
    if (problemBehind(error) === null || problemBehind(error) === 'unavailable') throw error;
    return null;
  });
}

/** A rename that no event told of. Names are no reason to call a hook unwell. */
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
