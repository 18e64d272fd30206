import type { Backend, BackendAccount, ConnectionTest } from '../core/backend.js';
import { InputError, StateError } from '../core/errors.js';
import type { Connection } from '../core/model/index.js';
import type { Clock, Ids, Logger, Storage, Vault, Waker } from '../core/ports.js';
import { connectionIdentity, openConnection } from './open-target.js';
import { parseSettings } from './parse-settings.js';
import { noteChange } from './audit.js';
import { noteRepairedConnection } from './deploy-notices.js';

export interface ConnectionForm {
  /** Null = a new one. */
  connectionId: string | null;
  /** Of the connection as the form was rendered; ignored for a new one. */
  expectedVersion: number;
  workspaceUuid: string;
  backend: string;
  name: string;
  /** Raw form values; an empty secret keeps the stored one. */
  settings: Record<string, string>;
  by: { name: string };
}

export interface ConnectionDeps {
  storage: Storage;
  vault: Vault;
  clock: Clock;
  ids: Ids;
  backend(id: string): Backend | null;
  waker: Waker;
  logger: Logger;
}

const testTimeoutMs = 15_000;
const nameLimit = 60;

/**
 * Creates, changes or repairs a connection, after the backend has accepted its credential; a repaired one wakes every target
 * that waited for it. Throws `InputError` with `fields` (`name`, `form`, `settings.<field>`), or `StateError`.
 */
export async function saveConnection(
  form: ConnectionForm,
  deps: ConnectionDeps,
): Promise<Connection> {
  const { account } = accountOf(form.backend, deps);
  const existing = form.connectionId === null ? null : await existingConnection(form, deps);
  const id = existing?.id ?? deps.ids.next();
  const stored = existing ? openConnection(existing, deps.vault).secrets : {};
  const parsed = parseSettings(account.settings, form.settings, [], stored);
  const name = form.name.trim();
  const fields = { ...parsed.problems, ...(await nameProblem(name, form, deps)) };
  if (Object.keys(fields).length > 0) throw new InputError('connection_invalid', undefined, fields);
  const { settings, secrets } = parsed;
  const test = await tested(account, { id, name, settings, secrets });
  const now = deps.clock();
  const edited = {
    name,
    settings,
    secretsSealed: deps.vault.seal(JSON.stringify(secrets), connectionIdentity(id)),
    ...repaired(test, now),
    updatedBy: form.by.name,
    updatedAt: now,
  };
  const saved: Connection = {
    ...{ id, workspaceUuid: form.workspaceUuid, backend: form.backend, lastUsedAt: null },
    ...{ createdBy: form.by.name, createdAt: now },
    ...existing,
    ...edited,
    version: existing ? form.expectedVersion + 1 : 1,
  };
  await deps.storage.write(async (tx) => {
    const { workspaceUuid, by } = form;
    const says = `${existing ? 'changed' : 'added'} the connection ${name}`;
    await noteChange(tx, { workspaceUuid, repositoryId: null, by, says }, deps);
    if (!existing) return tx.connections.insert(saved);
    const isSaved = await tx.connections.update(id, form.expectedVersion, edited);
    if (!isSaved) throw new StateError('connection_changed');
    await noteRepairedConnection(tx, id, now);
    const users = await tx.targets.usingConnection(id);
    await tx.lanes.wake(
      users.map((target) => target.id),
      now,
      { afresh: true },
    );
  });
  deps.waker.wake();
  deps.logger.info({ connection: id, backend: form.backend, by: form.by.name }, 'connection.saved');
  return saved;
}

export function accountOf(
  backendId: string,
  deps: Pick<ConnectionDeps, 'backend'>,
): { backend: Backend; account: BackendAccount } {
  const backend = deps.backend(backendId);
  if (!backend?.account) throw new InputError('backend_unknown', backendId);
  return { backend, account: backend.account };
}

export function repaired(
  test: Extract<ConnectionTest, { ok: true }>,
  now: number,
): Pick<
  Connection,
  'state' | 'brokenReason' | 'brokenSince' | 'account' | 'expiresAt' | 'testedAt'
> {
  const { account, expiresAt } = test;
  return {
    ...{ state: 'ok', brokenReason: null, brokenSince: null, testedAt: now },
    ...{ account, expiresAt },
  };
}

async function existingConnection(form: ConnectionForm, deps: ConnectionDeps): Promise<Connection> {
  const found = await deps.storage.read.connections.byId(form.connectionId ?? '');
  if (found?.workspaceUuid !== form.workspaceUuid || found.backend !== form.backend) {
    throw new InputError('connection_unknown');
  }
  return found;
}

async function nameProblem(
  name: string,
  form: ConnectionForm,
  deps: ConnectionDeps,
): Promise<Record<string, string>> {
  if (name === '') return { name: 'Give it a name, for example the team whose account it is.' };
  if (name.length > nameLimit) return { name: `At most ${nameLimit} characters.` };
  const others = await deps.storage.read.connections.ofWorkspace(form.workspaceUuid);
  const isTaken = others.some((one) => one.name === name && one.id !== form.connectionId);
  return isTaken ? { name: 'Another connection of this workspace has this name.' } : {};
}

async function tested(
  account: BackendAccount,
  connection: Parameters<BackendAccount['test']>[0],
): Promise<Extract<ConnectionTest, { ok: true }>> {
  const test = await account.test(connection, AbortSignal.timeout(testTimeoutMs));
  if (test.ok) return test;
  const fields: Record<string, string> = {};
  for (const { field, message } of test.problems) {
    fields[field === null ? 'form' : `settings.${field}`] ??= message;
  }
  throw new InputError('connection_invalid', undefined, fields);
}
