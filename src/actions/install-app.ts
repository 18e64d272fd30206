import { AccessError } from '../core/errors.js';
import type { Installation } from '../core/model/index.js';
import type { Bitbucket, Clock, Ids, Storage, Transaction, Vault } from '../core/ports.js';
import { installationSecretIdentity } from './installation-secret.js';

/** What an `installed` call says. Nothing in it is proved but by `InstallProof`. */
export interface InstallFacts {
  clientKey: string;
  sharedSecret: string;
  workspaceUuid: string;
  workspaceSlug: string | null;
  workspaceName: string | null;
  /** Display name of who clicked install. */
  installedBy: string | null;
}

/** `signed`: with the secret stored for this client key. `unsigned`: by nobody we can check; the first install is that. */
export type InstallProof = 'signed' | 'unsigned';

export interface InstallAppDeps {
  storage: Storage;
  vault: Vault;
  bitbucket: Pick<Bitbucket, 'proveInstallation'>;
  clock: Clock;
  ids: Ids;
}

/**
 * Takes an installation in. An unsigned one counts only once its secret has proved itself at Bitbucket, and nothing of
 * it is kept before that; it never replaces the secret of an installation that is or was in use (design.md §6.2).
 *
 * @throws AccessError `installation_unconfirmed` or `token_invalid` (nothing was changed); BitbucketError when Bitbucket
 *   cannot be asked now (nothing was trusted, it may be tried again); what storage and vault throw
 */
export async function installApp(
  facts: InstallFacts,
  proof: InstallProof,
  deps: InstallAppDeps,
): Promise<Installation> {
  const names = proof === 'unsigned' ? await prove(facts, deps) : {};
  return deps.storage.write((tx) => save(tx, { ...facts, ...names }, proof, deps));
}

async function prove(facts: InstallFacts, deps: InstallAppDeps): Promise<Partial<InstallFacts>> {
  const { clientKey, sharedSecret, workspaceUuid } = facts;
  const workspace = await deps.bitbucket.proveInstallation({
    clientKey,
    sharedSecret,
    workspaceUuid,
  });
  return { workspaceSlug: workspace.slug, workspaceName: workspace.name };
}

async function save(
  tx: Transaction,
  facts: InstallFacts,
  proof: InstallProof,
  deps: InstallAppDeps,
): Promise<Installation> {
  const known = await tx.installations.find('connect', facts.clientKey);
  checkAgain(known, facts, proof);
  const now = deps.clock();
  const id = known?.id ?? deps.ids.next();
  const installation: Installation = {
    id,
    door: 'connect',
    externalId: facts.clientKey,
    workspaceUuid: facts.workspaceUuid,
    state: 'active',
    secretSealed: deps.vault.seal(facts.sharedSecret, installationSecretIdentity(id)),
    installedBy: facts.installedBy ?? known?.installedBy ?? null,
    createdAt: known?.createdAt ?? now,
    updatedAt: now,
  };
  await tx.installations.save(installation);
  await saveSource(tx, installation, deps);
  await tx.repositories.saveWorkspace({
    uuid: facts.workspaceUuid,
    slug: facts.workspaceSlug,
    name: facts.workspaceName,
    updatedAt: now,
  });
  return installation;
}

/** The door looked before; in the meantime, while the secret was being proved, another call may have come in first. */
function checkAgain(known: Installation | null, facts: InstallFacts, proof: InstallProof): void {
  const inUse = known !== null && known.state !== 'unconfirmed';
  if (inUse !== (proof === 'signed')) throw new AccessError('token_invalid', 401);
  // The signature does not cover the body: a tenant must not come to speak for another workspace by its own secret.
  if (inUse && known.workspaceUuid !== facts.workspaceUuid) {
    throw new AccessError('token_invalid', 401, 'the workspace is another one');
  }
}

async function saveSource(
  tx: Transaction,
  installation: Installation,
  deps: InstallAppDeps,
): Promise<void> {
  const { id: installationId, externalId: key } = installation;
  const known = await tx.installations.source('connect', key);
  if (known?.installationId === installationId) return;
  await tx.installations.saveSource({
    id: known?.id ?? deps.ids.next(),
    door: 'connect',
    key,
    installationId,
    createdAt: known?.createdAt ?? deps.clock(),
  });
}
