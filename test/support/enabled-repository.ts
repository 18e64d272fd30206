import type { Repository } from '../../src/core/model/index.js';
import type { Storage } from '../../src/core/ports.js';
import type { PeerUser } from './oauth-peer.js';

export const workspaceUuid = '{7d3f0c52-1111-4a2b-9c3d-0123456789ab}';

/** A repository that somebody enabled by the OAuth door: their grant is what it lives on. */
export async function enableRepository(
  storage: Storage,
  user: PeerUser,
  name = 'site',
): Promise<Repository> {
  return storage.write(async (tx) => {
    const facts = {
      uuid: `{repository-${name}}`,
      workspaceUuid,
      workspaceSlug: 'acme',
      workspaceName: 'Acme',
      fullName: `acme/${name}`,
      name,
      isPrivate: true,
    };
    const repository = await tx.repositories.saveFacts(facts, workspaceUuid, 0);
    await tx.hooks.save({
      id: `hook-${name}`,
      repositoryId: repository.id,
      sourceId: `source-${name}`,
      remoteUuid: null,
      secretSealed: 'sealed',
      previousSecretSealed: null,
      previousUntil: null,
      state: 'active',
      events: [],
      enabledBy: user.display_name,
      enabledByUuid: user.uuid,
      health: null,
      alarm: null,
      lastDeliveryAt: null,
      checkDueAt: null,
      createdAt: 0,
      updatedAt: 0,
    });
    return repository;
  });
}
