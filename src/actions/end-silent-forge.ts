import { BitbucketError } from '../core/errors.js';
import type { ForgeFacts, Installation } from '../core/model/index.js';
import type { Clock, Logger, Storage } from '../core/ports.js';

export interface EndSilentForgeDeps {
  storage: Storage;
  /** With this installation's own token and no other: a workspace may have other credentials that are fine. */
  tokenIsTaken(facts: ForgeFacts, workspaceUuid: string): Promise<boolean>;
  /** The installation counts no more: what is kept of it in memory must go. */
  onEnd(installation: Installation): void;
  clock: Clock;
  logger: Logger;
}

/** Forge calls every hour. Three missed calls are worth a look. */
export const silentAfterMs = 3 * 60 * 60_000;
/** So long Bitbucket must have refused the token. */
const refusedForMs = 60 * 60_000;
/** Nobody called for a day: the token has been dead for most of it, and nothing could have worked. */
const goneAfterMs = 24 * 60 * 60_000;
const atOnce = 20;

/**
 * Forge does not say that an app was uninstalled, and its one chance (`preUninstall`) may be lost. An installation that Forge
 * does not call for any more and whose token Bitbucket refuses counts as uninstalled after a while. Should it be a mistake, its
 * next hourly call brings it back. Returns how many it ended.
 */
export async function endSilentForge(deps: EndSilentForgeDeps): Promise<number> {
  const silent = await deps.storage.read.forge.silentSince(deps.clock() - silentAfterMs, atOnce);
  let ended = 0;
  for (const facts of silent) if (await judge(facts, deps)) ended += 1;
  return ended;
}

async function judge(facts: ForgeFacts, deps: EndSilentForgeDeps): Promise<boolean> {
  const now = deps.clock();
  const isGone = now - facts.seenAt >= goneAfterMs;
  const refused = isGone || (await isRefused(facts, deps));
  const since = refused ? (facts.refusedSince ?? now) : null;
  const isOver = isGone || (since !== null && now - since >= refusedForMs);
  if (!isOver && since === facts.refusedSince) return false;
  const removed = await deps.storage.write(async (tx) => {
    const current = await tx.forge.ofInstallation(facts.installationId);
    // Forge has called in the meantime.
    if (current?.seenAt !== facts.seenAt) return null;
    if (!isOver) {
      await tx.forge.save({ ...current, refusedSince: since });
      return null;
    }
    const installation = await tx.installations.byId(facts.installationId);
    if (!installation) return null;
    await tx.installations.save({ ...installation, state: 'removed', updatedAt: now });
    const none = { tokenSealed: null, tokenExpiresAt: null };
    await tx.forge.save({ ...current, ...none, endedBy: 'silent' });
    return installation;
  });
  if (!removed) return false;
  deps.logger.warn({ installation: removed.externalId }, 'forge.app_silent');
  deps.onEnd(removed);
  return true;
}

/** A token whose own end has come proves nothing by itself; what was refused before stays refused. */
async function isRefused(facts: ForgeFacts, deps: EndSilentForgeDeps): Promise<boolean> {
  if (facts.tokenExpiresAt === null || facts.tokenExpiresAt <= deps.clock()) {
    return facts.refusedSince !== null;
  }
  const installation = await deps.storage.read.installations.byId(facts.installationId);
  if (!installation) return false;
  try {
    return !(await deps.tokenIsTaken(facts, installation.workspaceUuid));
  } catch (error) {
    if (!(error instanceof BitbucketError)) throw error;
    return facts.refusedSince !== null;
  }
}
