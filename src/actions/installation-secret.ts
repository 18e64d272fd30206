import type { Storage, Vault } from '../core/ports.js';

/**
 * What a Connect secret is sealed against: the row it belongs to, so that it cannot be moved to another one. Sealing and
 * opening must agree, so the words are here once.
 */
export function installationSecretIdentity(installationId: string): string {
  return `installations:${installationId}:secret`;
}

/**
 * Client key and opened secret of a workspace's newest active Connect installation; null when it came in by another
 * door. Throws what storage and vault throw.
 */
export async function findActiveConnectInstallation(
  workspaceUuid: string,
  deps: { storage: Pick<Storage, 'read'>; vault: Pick<Vault, 'open'> },
): Promise<{ clientKey: string; sharedSecret: string } | null> {
  const all = await deps.storage.read.installations.ofWorkspace(workspaceUuid);
  for (const { id, door, externalId, secretSealed } of all) {
    if (door !== 'connect' || secretSealed === null) continue;
    const sharedSecret = deps.vault.open(secretSealed, installationSecretIdentity(id));
    return { clientKey: externalId, sharedSecret };
  }
  return null;
}
