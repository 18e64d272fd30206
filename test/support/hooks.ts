import { hookSecretIdentity } from '../../src/actions/hook-secrets.js';
import type { Hook } from '../../src/core/model/index.js';
import type { Engine } from './engine.js';

/** A hook as enabling leaves it, of the engine's own repository unless a row says otherwise. */
export async function storeHook(
  engine: Engine,
  secret: string,
  more: Partial<Hook> = {},
): Promise<Hook> {
  const id = more.id ?? engine.ids.secretToken();
  const now = engine.clock.now();
  const hook: Hook = {
    id,
    repositoryId: (await engine.repository()).id,
    sourceId: engine.ids.next(),
    remoteUuid: '{d5360000-0000-4000-8000-000000000001}',
    secretSealed: engine.vault.seal(secret, hookSecretIdentity(id, 'secret')),
    previousSecretSealed: null,
    previousUntil: null,
    state: 'active',
    events: ['repo:push'],
    enabledBy: 'Ada Example',
    enabledByUuid: null,
    health: null,
    alarm: null,
    lastDeliveryAt: null,
    checkDueAt: null,
    createdAt: now,
    updatedAt: now,
    ...more,
  };
  await engine.storage.write(async (tx) => {
    await tx.installations.saveSource({
      id: hook.sourceId,
      door: 'oauth',
      key: id,
      installationId: null,
      createdAt: now,
    });
    await tx.hooks.save(hook);
  });
  return hook;
}
