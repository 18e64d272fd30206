import { join } from 'node:path';
import { secretsIdentity } from '../../src/actions/open-target.js';
import { hookSecretIdentity } from '../../src/actions/hook-secrets.js';
import { installationSecretIdentity } from '../../src/actions/installation-secret.js';
import type { Source, Target } from '../../src/core/model/index.js';
import type { Logger, Transaction } from '../../src/core/ports.js';
import { createIds } from '../../src/lib/ids.js';
import { openStorage } from '../../src/storage/open-storage.js';
import type { OpenStorage } from '../../src/storage/storage.js';
import { createKeyRing } from '../../src/vault/key-ring.js';
import { createVault } from '../../src/vault/vault.js';
import { tenant, type Repo } from './pushes.js';

/** What every target signs its calls with, and its receiver its reports. */
export const receiverSecret = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
export const masterKey = Buffer.alloc(32, 7);
const vault = createVault(createKeyRing([masterKey]));
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** Who is said to have told of the pushes that `fill` stores. */
export const oldSource: Source = {
  id: '01BENCHOLD000000000000000A',
  door: 'oauth',
  key: 'bench-old',
  installationId: null,
  createdAt: 0,
};

/** Each repository has a webhook of its own, too. */
export function hookIdOf(slug: string): string {
  return `bench-hook-of-${slug}`;
}

export interface SeededTarget {
  repos: readonly Repo[];
  branchPattern: string;
  /** Address of the receiver its signed-webhook backend calls. */
  receiver: string;
}

/** An installed workspace with one target a repository, as panel and install would have stored it. The server must be down. */
export async function seed(
  dataDir: string,
  targets: readonly SeededTarget[],
  databaseUrl: string | null = null,
): Promise<void> {
  const storage = await openFolder(dataDir, databaseUrl);
  const ids = createIds();
  const now = Date.now();
  const installationId = ids.next();
  await storage.write(async (tx) => {
    await tx.installations.save({
      id: installationId,
      door: 'connect',
      externalId: tenant.clientKey,
      workspaceUuid: tenant.workspaceUuid,
      state: 'active',
      secretSealed: vault.seal(tenant.sharedSecret, installationSecretIdentity(installationId)),
      installedBy: 'Sam Developer',
      createdAt: now,
      updatedAt: now,
    });
    await tx.installations.saveSource({
      id: ids.next(),
      door: 'connect',
      key: tenant.clientKey,
      installationId,
      createdAt: now,
    });
    await tx.installations.saveSource(oldSource);
    for (const { repos, ...rest } of targets) {
      for (const repo of repos) {
        const repository = await tx.repositories.saveFacts(
          {
            uuid: repo.uuid,
            workspaceUuid: tenant.workspaceUuid,
            workspaceSlug: tenant.workspaceSlug,
            workspaceName: 'Bench Team',
            fullName: `${tenant.workspaceSlug}/${repo.slug}`,
            name: repo.slug,
            mainBranch: 'main',
            isPrivate: true,
          },
          tenant.workspaceUuid,
          now,
        );
        const target = targetOf(ids.next(), repository.id, rest, now);
        await tx.targets.insert(target);
        const { id: targetId } = target;
        const { id: repositoryId, workspaceUuid } = repository;
        await tx.lanes.create({ targetId, repositoryId, workspaceUuid });
        await saveHook(tx, hookIdOf(repo.slug), repositoryId, ids.next(), now);
      }
    }
  });
  await storage.close();
}

async function saveHook(
  tx: Transaction,
  id: string,
  repositoryId: string,
  sourceId: string,
  now: number,
): Promise<void> {
  await tx.installations.saveSource({
    id: sourceId,
    door: 'oauth',
    key: id,
    installationId: null,
    createdAt: now,
  });
  await tx.hooks.save({
    id,
    repositoryId,
    sourceId,
    remoteUuid: null,
    secretSealed: vault.seal(tenant.hookSecret, hookSecretIdentity(id, 'secret')),
    previousSecretSealed: null,
    previousUntil: null,
    state: 'active',
    events: ['repo:push'],
    enabledBy: 'Sam Developer',
    enabledByUuid: null,
    health: null,
    alarm: null,
    lastDeliveryAt: null,
    checkDueAt: null,
    createdAt: now,
    updatedAt: now,
  });
}

export function openFolder(
  dataDir: string,
  databaseUrl: string | null = null,
): Promise<OpenStorage> {
  const ids = createIds();
  return openStorage({
    ...{ dataDir, databaseUrl, now: Date.now, logger: silent },
    newId: () => ids.next(),
  });
}

export function databaseFile(dataDir: string): string {
  return join(dataDir, 'slipway.sqlite');
}

function targetOf(
  id: string,
  repositoryId: string,
  { branchPattern, receiver }: Omit<SeededTarget, 'repos'>,
  now: number,
): Target {
  return {
    id,
    repositoryId,
    backend: 'signed-webhook',
    connectionId: null,
    name: 'Production',
    state: 'active',
    branchPattern,
    tagPattern: null,
    includePaths: null,
    excludePaths: null,
    honourSkipMarkers: true,
    newerPush: 'finish',
    afterTargetId: null,
    promote: 'automatic',
    settings: { url: receiver, silenceMinutes: 1440 },
    secretsSealed: vault.seal(JSON.stringify({ secret: receiverSecret }), secretsIdentity(id)),
    hold: null,
    liveDeploymentId: null,
    version: 1,
    createdBy: 'Sam Developer',
    createdAt: now,
    updatedAt: now,
  };
}
