import { BitbucketError, InputError } from '../core/errors.js';
import type { WorkspaceCredential, WorkspaceCredentialKind } from '../core/model/index.js';
import type { Clock, Ids, Logger, Storage, Transaction, Vault, Waker } from '../core/ports.js';
import { missingScopes, type NeededScope } from '../core/scopes.js';
import { noteChange } from './audit.js';
import {
  credentialBrokenText,
  credentialEndingText,
  credentialSubject,
} from './credential-notices.js';
import { reachedDays, tell } from './grant-notices.js';
import { wakeRepositories } from './wake-repositories.js';

/** What a credential turned out to be good for when Bitbucket was really asked. */
export interface CredentialTest {
  /** Space-separated; null = Bitbucket does not say. */
  scopes: string | null;
}

export interface OpenedSecret {
  kind: WorkspaceCredentialKind;
  workspaceUuid: string;
  serves: string;
  clientId: string | null;
  secret: string;
}

export interface WorkspaceCredentialDeps {
  storage: Storage;
  vault: Vault;
  ids: Pick<Ids, 'next'>;
  clock: Clock;
  logger: Logger;
  waker: Waker;
  /** Really asks Bitbucket. Throws `BitbucketError`. */
  test(credential: OpenedSecret): Promise<CredentialTest>;
  /** Tokens that were got with an older one are worthless. */
  onChange(workspaceUuid: string): void;
}

export interface CredentialForm {
  workspaceUuid: string;
  kind: WorkspaceCredentialKind;
  /** Null = the whole workspace. */
  repositoryUuid: string | null;
  clientId: string;
  /** Empty keeps the stored one, when there is one. */
  secret: string;
  endsAt: number | null;
  by: { name: string };
}

const dayMs = 24 * 60 * 60_000;
const testEveryMs = dayMs;
const neededForClones: readonly NeededScope[] = ['repository'];

export function credentialIdentity(id: string): string {
  return `workspace_credentials:${id}:secret`;
}

/**
 * Stores a workspace's own credential after Bitbucket accepted it. Whatever waited in the workspace for a credential is due.
 *
 * Throws `InputError` (`credential_invalid`) with `fields` `clientId`, `secret` or `repository`; `BitbucketError` when
 * Bitbucket cannot be asked now: nothing is stored then.
 */
export async function saveWorkspaceCredential(
  form: CredentialForm,
  deps: WorkspaceCredentialDeps,
): Promise<WorkspaceCredential> {
  const { storage, vault, clock } = deps;
  const serves = form.repositoryUuid ?? 'workspace';
  const all = await storage.read.workspaceCredentials.ofWorkspace(form.workspaceUuid);
  const known = all.find((one) => one.kind === form.kind && one.serves === serves);
  const secret = form.secret || (known ? open(known, vault) : '');
  checkForm(form, secret);
  const clientId = form.kind === 'consumer' ? form.clientId : null;
  const { workspaceUuid, kind } = form;
  const { scopes } = await tested({ kind, workspaceUuid, serves, clientId, secret }, deps);
  const now = clock();
  const id = known?.id ?? deps.ids.next();
  const credential: WorkspaceCredential = {
    ...{ id, workspaceUuid, kind, serves, clientId, scopes },
    secretSealed: vault.seal(secret, credentialIdentity(id)),
    endsAt: form.kind === 'access_token' ? form.endsAt : null,
    state: 'active',
    brokenReason: null,
    checkDueAt: now + testEveryMs,
    createdBy: form.by.name,
    createdAt: known?.createdAt ?? now,
    updatedAt: now,
  };
  await storage.write(async (tx) => {
    await tx.workspaceCredentials.save(credential);
    await tx.notices.resolve(credentialSubject(id), now);
    await wakeRepositories(tx, await tx.repositories.ofWorkspace(workspaceUuid), now);
    const says = `${known ? 'replaced' : 'stored'} ${await nameOf(tx, credential)}`;
    await noteChange(tx, { workspaceUuid, repositoryId: null, by: form.by, says }, deps);
  });
  deps.onChange(workspaceUuid);
  deps.waker.wake();
  deps.logger.info({ workspace: workspaceUuid, credential: id, kind }, 'credential.saved');
  return credential;
}

export async function removeWorkspaceCredential(
  { workspaceUuid, id, by }: { workspaceUuid: string; id: string; by: { name: string } },
  deps: Pick<WorkspaceCredentialDeps, 'storage' | 'clock' | 'ids' | 'onChange' | 'logger'>,
): Promise<void> {
  await deps.storage.write(async (tx) => {
    const found = await tx.workspaceCredentials.byId(id);
    // An id in a form is only a claim.
    if (found?.workspaceUuid !== workspaceUuid) return;
    await tx.workspaceCredentials.remove(id);
    await tx.notices.resolve(credentialSubject(id), deps.clock());
    const says = `removed ${await nameOf(tx, found)}`;
    await noteChange(tx, { workspaceUuid, repositoryId: null, by, says }, deps);
  });
  deps.onChange(workspaceUuid);
  deps.logger.info({ workspace: workspaceUuid, credential: id }, 'credential.removed');
}

const kindNames: Record<WorkspaceCredentialKind, string> = {
  consumer: 'OAuth consumer',
  access_token: 'access token',
};

/** "the access token for acme/site" */
async function nameOf(
  tx: Pick<Transaction, 'repositories'>,
  { kind, serves }: Pick<WorkspaceCredential, 'kind' | 'serves'>,
): Promise<string> {
  const repository = serves === 'workspace' ? null : await tx.repositories.byUuid(serves);
  const place = serves === 'workspace' ? 'the workspace' : (repository?.fullName ?? serves);
  return `the ${kindNames[kind]} for ${place}`;
}

/** Marks and tells; what waits goes on waiting, or with the next credential there is. */
export async function breakWorkspaceCredential(
  id: string,
  reason: string,
  {
    storage,
    clock,
    ids,
    logger,
  }: Pick<WorkspaceCredentialDeps, 'storage' | 'clock' | 'ids' | 'logger'>,
): Promise<void> {
  const known = await storage.read.workspaceCredentials.byId(id);
  if (known?.state !== 'active') return;
  await storage.write(async (tx) => {
    const now = clock();
    const stored = await tx.workspaceCredentials.byId(id);
    if (stored?.state !== 'active') return;
    await tx.workspaceCredentials.save({
      ...stored,
      state: 'broken',
      brokenReason: reason,
      updatedAt: now,
    });
    await tell(tx, credentialBrokenText(stored, reason), { id: ids.next(), now });
  });
  logger.warn({ workspace: known.workspaceUuid, credential: id, reason }, 'credential.broken');
}

/**
 * Tests each once a day: a refused one is told of before a push meets it, one that works again is well again, and an access
 * token that will expire is announced 30, 7 and 1 days ahead. Returns how many.
 */
export async function checkWorkspaceCredentials(
  deps: WorkspaceCredentialDeps,
  limit: number,
): Promise<number> {
  const now = deps.clock();
  const due = await deps.storage.write((tx) =>
    tx.workspaceCredentials.claimChecks(limit, now, now + testEveryMs),
  );
  for (const credential of due) await checkOne(credential, deps);
  return due.length;
}

async function checkOne(
  credential: WorkspaceCredential,
  deps: WorkspaceCredentialDeps,
): Promise<void> {
  const { storage, vault, clock, ids } = deps;
  try {
    await deps.test({ ...credential, secret: open(credential, vault) });
  } catch (error) {
    if (isRefusal(error)) await breakWorkspaceCredential(credential.id, reasonOf(error), deps);
    else deps.logger.warn({ credential: credential.id, err: error }, 'credential.not_checked');
    return;
  }
  const now = clock();
  await storage.write(async (tx) => {
    const stored = await tx.workspaceCredentials.byId(credential.id);
    if (!stored) return;
    if (stored.state === 'broken') {
      await tx.workspaceCredentials.save({ ...stored, state: 'active', brokenReason: null });
      await tx.notices.resolve(credentialSubject(stored.id), now);
    }
    const days = stored.endsAt === null ? null : reachedDays(stored.endsAt, now);
    if (days !== null) await tell(tx, credentialEndingText(stored, days), { id: ids.next(), now });
  });
}

export function open(credential: WorkspaceCredential, vault: Vault): string {
  return vault.open(credential.secretSealed, credentialIdentity(credential.id));
}

function checkForm(form: CredentialForm, secret: string): void {
  const fields: Record<string, string> = {};
  if (form.kind === 'consumer' && form.clientId === '') fields['clientId'] = 'Paste the key.';
  if (secret === '') {
    fields['secret'] = form.kind === 'consumer' ? 'Paste the secret.' : 'Paste the token.';
  }
  // Both end up in headers.
  if (/[^\x21-\x7e]/.test(form.clientId)) fields['clientId'] = 'A key has no spaces.';
  if (/[^\x21-\x7e]/.test(secret)) fields['secret'] = 'It has no spaces; paste it again.';
  if (Object.keys(fields).length > 0) throw new InputError('credential_invalid', undefined, fields);
}

async function tested(
  secret: OpenedSecret,
  deps: WorkspaceCredentialDeps,
): Promise<CredentialTest> {
  let found: CredentialTest;
  try {
    found = await deps.test(secret);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    throw new InputError('credential_invalid', undefined, { secret: reasonOf(error) });
  }
  const missing = missingScopes(found.scopes, neededForClones);
  if (missing.length > 0) {
    const words = `It lacks the permission Repositories: Read (${missing.join(', ')}). Tick it in Bitbucket, then save here again.`;
    throw new InputError('credential_invalid', undefined, { secret: words });
  }
  return found;
}

function isRefusal(error: unknown): error is BitbucketError {
  return (
    error instanceof BitbucketError &&
    ['oauth_consumer_refused', 'bitbucket_refused', 'repository_gone'].includes(error.code)
  );
}

function reasonOf(error: BitbucketError): string {
  if (error.code === 'oauth_consumer_refused') {
    return 'Bitbucket does not accept this key and secret. Check both, and that "This is a private consumer" is ticked.';
  }
  if (error.status === 403 || error.status === 404) {
    return 'Bitbucket does not let it read this workspace. It must be made in this workspace, with the permission Repositories: Read.';
  }
  return 'Bitbucket does not accept it. It may have expired, or been revoked.';
}
