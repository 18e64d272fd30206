import type { ForgeFacts } from '../core/model/index.js';
import type { Storage, Vault } from '../core/ports.js';
import { forgeTokenIdentity } from './note-forge-call.js';

interface Deps {
  storage: Pick<Storage, 'read'>;
  vault: Pick<Vault, 'open'>;
}

/** The system token of a workspace that lives longest, opened; null when Forge never brought one. */
export async function findForgeToken(
  workspaceUuid: string,
  deps: Deps,
): Promise<{ value: string; expiresAt: number } | null> {
  const [newest] = await deps.storage.read.forge.tokensOf(workspaceUuid);
  const value = newest ? openForgeToken(newest, deps) : null;
  return value === null ? null : { value, expiresAt: newest?.tokenExpiresAt ?? 0 };
}

export function openForgeToken(
  { installationId, tokenSealed }: ForgeFacts,
  { vault }: Pick<Deps, 'vault'>,
): string | null {
  return tokenSealed === null ? null : vault.open(tokenSealed, forgeTokenIdentity(installationId));
}

export async function hasForge(
  workspaceUuid: string,
  { storage }: Pick<Deps, 'storage'>,
): Promise<boolean> {
  const all = await storage.read.installations.ofWorkspace(workspaceUuid);
  return all.some(({ door }) => door === 'forge');
}
