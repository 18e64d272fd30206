import { workspaceLookup } from '../core/forge.js';
import type { ForgeEnding, ForgeFacts, Installation, Source } from '../core/model/index.js';
import type { Clock, Ids, Logger, Storage, Transaction, Vault, Waker } from '../core/ports.js';

/**
 * What a call of Forge's is about. `event`: of a repository; may be minutes late. `lifecycle`: installed or upgraded.
 * `schedule` and `page` come from living installations only.
 */
export type ForgeCallKind = 'event' | 'lifecycle' | 'pre_uninstall' | 'schedule' | 'page';

/** What a verified invocation token says, and the token that came with it. Ids are bare, the workspace's uuid has braces. */
export interface ForgeCallFacts {
  kind: ForgeCallKind;
  installationId: string;
  workspaceUuid: string;
  environmentId: string;
  environmentType: string;
  systemToken: { value: string; expiresAt: number } | null;
}

export type NotedForgeCall =
  | { kind: 'active'; installation: Installation; source: Source; newToken: boolean }
  /** Its installation counts no more; nothing is done for it. */
  | { kind: 'removed' }
  /** The installation is known in another workspace. */
  | { kind: 'contradiction' };

export interface NoteForgeCallDeps {
  storage: Pick<Storage, 'write'>;
  vault: Pick<Vault, 'seal'>;
  clock: Clock;
  ids: Pick<Ids, 'next'>;
  waker: Waker;
  logger: Logger;
}

/**
 * Every call of Forge's passes here, since each may be the first or the last that we hear: the `installed` event can be lost,
 * there is no `uninstalled` one, and system tokens come no other way (reference/bitbucket-forge.md §2.4, §2.5, §4.1). The
 * signature vouches for the installation, so an unknown one is taken in whatever the call is about.
 */
export async function noteForgeCall(
  facts: ForgeCallFacts,
  deps: NoteForgeCallDeps,
): Promise<NotedForgeCall> {
  const { noted, somethingIsDue } = await deps.storage.write((tx) => note(tx, facts, deps));
  if (noted.kind === 'active' && somethingIsDue) deps.waker.wake();
  return noted;
}

interface Outcome {
  noted: NotedForgeCall;
  /** Something may have waited for this token, or the hour is over and heads are compared. */
  somethingIsDue: boolean;
}

async function note(
  tx: Transaction,
  facts: ForgeCallFacts,
  deps: NoteForgeCallDeps,
): Promise<Outcome> {
  const known = await tx.installations.find('forge', facts.installationId);
  const forge = known ? await tx.forge.ofInstallation(known.id) : null;
  if (known && known.workspaceUuid !== facts.workspaceUuid) {
    return { noted: { kind: 'contradiction' }, somethingIsDue: false };
  }
  const ended = facts.kind === 'pre_uninstall' || staysRemoved(known, forge, facts.kind);
  const installation = await saveInstallation(tx, known, facts, ended, deps);
  if (ended) {
    const endedBy = facts.kind === 'pre_uninstall' ? 'uninstalled' : (forge?.endedBy ?? null);
    await endForge(tx, installation, forge ?? newForge(installation, facts, deps), endedBy, deps);
    return { noted: { kind: 'removed' }, somethingIsDue: false };
  }
  if (known?.state !== 'active') await replaceOthers(tx, installation, facts, deps);
  const source = await saveSource(tx, installation, deps);
  const { newToken, tokenWasMissed } = await saveForge(tx, installation, forge, facts, deps);
  const isHourly = facts.kind === 'schedule';
  // Triggers are never promised to come (§2.6): design.md §2, step 9.
  if (isHourly) await tx.repositories.reconcileWorkspace(facts.workspaceUuid, deps.clock());
  const somethingIsDue = tokenWasMissed || isHourly;
  return { noted: { kind: 'active', installation, source, newToken }, somethingIsDue };
}

/** A late event must not bring back what is gone; a schedule or a page proves that a mere guess was wrong. */
function staysRemoved(
  known: Installation | null,
  forge: ForgeFacts | null,
  kind: ForgeCallKind,
): boolean {
  if (known?.state !== 'removed') return false;
  const wasGuess = forge?.endedBy === 'replaced' || forge?.endedBy === 'silent';
  return !(wasGuess && (kind === 'schedule' || kind === 'page'));
}

async function saveInstallation(
  tx: Transaction,
  known: Installation | null,
  { installationId, workspaceUuid }: ForgeCallFacts,
  ended: boolean,
  deps: NoteForgeCallDeps,
): Promise<Installation> {
  const state = ended ? 'removed' : 'active';
  if (known?.state === state) return known;
  const now = deps.clock();
  const installation: Installation = {
    id: known?.id ?? deps.ids.next(),
    door: 'forge',
    externalId: installationId,
    workspaceUuid,
    state,
    secretSealed: null,
    installedBy: null,
    createdAt: known?.createdAt ?? now,
    updatedAt: now,
  };
  await tx.installations.save(installation);
  deps.logger.info({ installation: installationId, workspace: workspaceUuid, state }, 'forge.app');
  if (state === 'active') await tx.nameLookups.ask([workspaceLookup(workspaceUuid)], now);
  return installation;
}

/** Each environment of an app is installed once in a workspace, and a reinstall has a new id (§2.4). Settings stay. */
async function replaceOthers(
  tx: Transaction,
  installation: Installation,
  facts: ForgeCallFacts,
  deps: NoteForgeCallDeps,
): Promise<void> {
  for (const other of await tx.installations.ofWorkspace(facts.workspaceUuid)) {
    if (other.door !== 'forge' || other.id === installation.id) continue;
    const forge = await tx.forge.ofInstallation(other.id);
    if (forge?.environmentId !== facts.environmentId) continue;
    await tx.installations.save({ ...other, state: 'removed', updatedAt: deps.clock() });
    await endForge(tx, other, forge, 'replaced', deps);
  }
}

/** Its token is worth nothing from now on, and nobody should find it. */
async function endForge(
  tx: Transaction,
  { externalId }: Installation,
  forge: ForgeFacts,
  endedBy: ForgeEnding | null,
  deps: NoteForgeCallDeps,
): Promise<void> {
  await tx.forge.save({ ...forge, tokenSealed: null, tokenExpiresAt: null, endedBy });
  if (forge.endedBy !== endedBy) {
    deps.logger.info({ installation: externalId, endedBy }, 'forge.app_ended');
  }
}

async function saveSource(
  tx: Transaction,
  { id, externalId }: Installation,
  deps: NoteForgeCallDeps,
): Promise<Source> {
  const known = await tx.installations.source('forge', externalId);
  if (known) return known;
  const source: Source = {
    id: deps.ids.next(),
    door: 'forge',
    key: externalId,
    installationId: id,
    createdAt: deps.clock(),
  };
  await tx.installations.saveSource(source);
  return source;
}

async function saveForge(
  tx: Transaction,
  installation: Installation,
  forge: ForgeFacts | null,
  facts: ForgeCallFacts,
  deps: NoteForgeCallDeps,
): Promise<{ newToken: boolean; tokenWasMissed: boolean }> {
  const now = deps.clock();
  const { systemToken: token, workspaceUuid } = facts;
  const before = forge?.tokenExpiresAt ?? 0;
  const base = forge ?? newForge(installation, facts, deps);
  // An older token may arrive after a newer one.
  const newToken = token !== null && token.expiresAt > before;
  const sealed = newToken
    ? {
        tokenSealed: deps.vault.seal(token.value, forgeTokenIdentity(installation.id)),
        tokenExpiresAt: token.expiresAt,
      }
    : {};
  await tx.forge.save({ ...base, ...sealed, seenAt: now, refusedSince: null, endedBy: null });
  const tokenWasMissed = newToken && before - now < forgeTokenMarginMs;
  if (tokenWasMissed) {
    await tx.lanes.wakeWorkspace(workspaceUuid, now);
    await tx.statusReports.wakeWorkspace(workspaceUuid, now);
  }
  return { newToken, tokenWasMissed };
}

function newForge(
  installation: Installation,
  { environmentId, environmentType }: ForgeCallFacts,
  deps: NoteForgeCallDeps,
): ForgeFacts {
  return {
    installationId: installation.id,
    environmentId,
    environmentType,
    tokenSealed: null,
    tokenExpiresAt: null,
    seenAt: deps.clock(),
    refusedSince: null,
    endedBy: null,
  };
}

/** A token with less left than this is not used: a clone begun with it must not outlive it. */
export const forgeTokenMarginMs = 5 * 60_000;

/** What a system token is sealed against: the row it belongs to. */
export function forgeTokenIdentity(installationId: string): string {
  return `forge_installations:${installationId}:token`;
}
