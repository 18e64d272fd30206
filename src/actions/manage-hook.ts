import { StateError } from '../core/errors.js';
import { explainProblem, hookEvents } from '../core/hooks/explain.js';
import type { Hook, HookHealth, Repository } from '../core/model/index.js';
import type { Clock, Ids, Logger, Storage, Transaction, Vault } from '../core/ports.js';
import { bringHookAbout, takeHookAway } from './bring-hook-about.js';
import { isUncertain, problemBehind, type HookPort, type InWhoseName } from './hook-access.js';
import { noteChange } from './audit.js';
import { resolveHookNotices } from './hook-notices.js';
import { hookSecretIdentity, openHookSecrets, previousSecretMs } from './hook-secrets.js';

export interface ManageHookDeps {
  storage: Storage;
  bitbucket: HookPort;
  vault: Vault;
  clock: Clock;
  ids: Ids;
  logger: Logger;
  /** Where Bitbucket sends a hook's deliveries. */
  hookUrl(hookId: string): string;
  /** Told after every change, so that the door looks again. */
  onHookChange(hookId: string): void;
  /** In [0, 1). */
  random(): number;
}

export interface HookWish {
  repository: Repository;
  by: { uuid: string; name: string };
}

/** Between two checks, drawn between half and one and a half of it. */
export const hookCheckMs = 6 * 60 * 60_000;
/** Both secrets stay good until Bitbucket is known to sign with the new one. */
const untilKnownMs = 10 * 365 * 24 * 60 * 60_000;

/**
 * A repository's own webhook, made or mended: enabling, repairing and giving it a new secret are the same work. What is stored
 * comes first, so that no delivery can be signed with a secret nobody knows; while one replaces the other, both are good.
 *
 * @throws StateError `hook_refused` (with the reason in words) or `hook_limit_reached`; `BitbucketError` when Bitbucket is away: then the
 *   hook stays as it was, good for either secret, and is checked again by itself
 */
export async function ensureHook(
  { repository, by }: HookWish,
  deps: ManageHookDeps,
): Promise<Hook> {
  const before = await deps.storage.read.hooks.ofRepository(repository.id);
  const secret = deps.ids.secretToken();
  const prepared = await prepare(before, secret, { repository, by }, deps);
  const names: (InWhoseName | undefined)[] = [by.uuid, before?.enabledByUuid ?? undefined, null];
  const url = deps.hookUrl(prepared.id);
  try {
    const { remoteUuid, name } = await bringHookAbout(
      { repository, url, secret, names },
      deps.bitbucket,
    );
    const says = before?.state === 'active' ? 'repaired' : 'switched on';
    const done = await finish(prepared, { remoteUuid, name, by, repository, says }, deps);
    deps.logger.info(
      { repository: repository.uuid, hook: remoteUuid, by: by.name },
      'hook.ensured',
    );
    return done;
  } catch (error) {
    await undo(before, prepared, error, deps);
    throw refusalFor(error);
  }
}

/** Switches it off here first: from then on nothing counts that still comes. */
export async function removeHook(
  { repository, by }: HookWish,
  deps: ManageHookDeps,
): Promise<{ removedAtBitbucket: boolean; problem: string | null }> {
  const hook = await deps.storage.read.hooks.ofRepository(repository.id);
  if (hook?.state !== 'active') return { removedAtBitbucket: false, problem: null };
  const names = [by.uuid, hook.enabledByUuid ?? undefined, null];
  let removedAtBitbucket = false;
  let problem: string | null = null;
  try {
    const url = deps.hookUrl(hook.id);
    removedAtBitbucket = await takeHookAway({ repository, url, names }, deps.bitbucket);
  } catch (error) {
    const why = problemBehind(error);
    if (why === null || why === 'unavailable') throw error;
    // It may not be removed by us: then it is refused from now on, and somebody must do it by hand.
    problem = explainProblem(why).says;
  }
  await deps.storage.write(async (tx) => {
    const now = deps.clock();
    await tx.hooks.save({
      ...hook,
      ...{ state: 'off', remoteUuid: null, previousSecretSealed: null, previousUntil: null },
      ...{ health: null, alarm: null, checkDueAt: null, updatedAt: now },
    });
    await resolveHookNotices(tx, hook.id, now);
    await noteHookChange(tx, { repository, by }, 'switched off', deps);
  });
  deps.onHookChange(hook.id);
  deps.logger.info(
    { repository: repository.uuid, by: by.name, removedAtBitbucket },
    'hook.removed',
  );
  return { removedAtBitbucket, problem };
}

async function noteHookChange(
  tx: Transaction,
  { repository, by }: HookWish,
  verb: string,
  deps: ManageHookDeps,
): Promise<void> {
  const { id: repositoryId, workspaceUuid, fullName } = repository;
  const says = `${verb} the webhook of ${fullName}`;
  await noteChange(tx, { workspaceUuid, repositoryId, by, says }, deps);
}

async function prepare(
  before: Hook | null,
  secret: string,
  { repository, by }: HookWish,
  deps: ManageHookDeps,
): Promise<Hook> {
  const now = deps.clock();
  const id = before?.id ?? deps.ids.secretToken();
  const previous =
    before?.state === 'active' ? openHookSecrets(before, deps.vault)[0]?.value : null;
  const prepared: Hook = {
    id,
    repositoryId: repository.id,
    sourceId: before?.sourceId ?? deps.ids.next(),
    remoteUuid: before?.remoteUuid ?? null,
    secretSealed: deps.vault.seal(secret, hookSecretIdentity(id, 'secret')),
    previousSecretSealed: previous
      ? deps.vault.seal(previous, hookSecretIdentity(id, 'previous'))
      : null,
    previousUntil: previous ? now + untilKnownMs : null,
    state: 'active',
    events: hookEvents,
    enabledBy: before?.state === 'active' ? before.enabledBy : by.name,
    enabledByUuid: before?.state === 'active' ? before.enabledByUuid : by.uuid,
    health: before?.health ?? null,
    alarm: before?.alarm ?? null,
    lastDeliveryAt: before?.lastDeliveryAt ?? null,
    checkDueAt: now + hookCheckMs,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
  };
  await deps.storage.write(async (tx) => {
    const { sourceId, createdAt } = prepared;
    await tx.installations.saveSource({
      ...{ id: sourceId, door: 'oauth', key: id, installationId: null, createdAt },
    });
    await tx.hooks.save(prepared);
  });
  deps.onHookChange(id);
  return prepared;
}

async function finish(
  prepared: Hook,
  how: HookWish & { remoteUuid: string; name: InWhoseName; says: string },
  deps: ManageHookDeps,
): Promise<Hook> {
  const { remoteUuid, name, by, repository, says } = how;
  const now = deps.clock();
  const health: HookHealth = { checkedAt: now, problem: null, detail: null };
  // Whoever could do it now is the one who can look after it: a colleague who left cannot.
  const owner = name === by.uuid ? { enabledBy: by.name, enabledByUuid: by.uuid } : {};
  const done: Hook = {
    ...prepared,
    ...owner,
    remoteUuid,
    previousUntil: prepared.previousSecretSealed === null ? null : now + previousSecretMs,
    health,
    alarm: null,
    checkDueAt: now + Math.round(hookCheckMs * (0.5 + deps.random())),
    updatedAt: now,
  };
  await deps.storage.write(async (tx) => {
    await tx.hooks.save(done);
    // What is not told of from here on is a lost push; what was there before is not.
    await tx.repositories.touch(prepared.repositoryId, { reconcileDueAt: now });
    await resolveHookNotices(tx, done.id, now);
    await noteHookChange(tx, { repository, by }, says, deps);
  });
  deps.onHookChange(done.id);
  return done;
}

/** A definite refusal leaves things as they were. When Bitbucket may have done it all the same, both secrets stay good. */
async function undo(
  before: Hook | null,
  prepared: Hook,
  error: unknown,
  deps: ManageHookDeps,
): Promise<void> {
  const now = deps.clock();
  const back: Hook = isUncertain(error)
    ? { ...prepared, checkDueAt: now + 60_000 }
    : (before ?? { ...prepared, state: 'off', checkDueAt: null, updatedAt: now });
  await deps.storage.write((tx) => tx.hooks.save(back));
  deps.onHookChange(prepared.id);
}

function refusalFor(error: unknown): unknown {
  const problem = problemBehind(error);
  if (problem === null || problem === 'unavailable') return error;
  const { says, advice } = explainProblem(problem);
  return new StateError('hook_refused', `${says} ${advice}`, { cause: error });
}
