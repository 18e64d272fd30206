import type {
  CreationProposal,
  CreationResult,
  CreationWish,
  TargetCreation,
  TargetListing,
} from '../core/backend.js';
import { InputError } from '../core/errors.js';
import type { Connection } from '../core/model/index.js';
import { openConnection } from './open-target.js';
import { accountOf, type ConnectionDeps } from './save-connection.js';

export interface ConnectionUse {
  connectionId: string;
  /** Ids in a form are only claims: another workspace's connection does not exist here. */
  workspaceUuid: string;
}

/** A person waits for it. */
const listTimeoutMs = 8_000;
/** Making something takes the backend longer than telling what there is. */
const createTimeoutMs = 25_000;

/** What can be deployed to with a connection, a page at a time. A refused credential is noted. */
export async function listTargets(
  input: ConnectionUse & { cursor: string | null },
  deps: ConnectionDeps,
): Promise<TargetListing> {
  const connection = await connectionOf(input, deps);
  const { account, backend } = accountOf(connection.backend, deps);
  if (!account.listTargets) {
    return { ok: false, refused: false, reason: `${backend.label} lists nothing.` };
  }
  const beganAt = deps.clock();
  const opened = openConnection(connection, deps.vault);
  const signal = AbortSignal.timeout(listTimeoutMs);
  const listing = await account.listTargets(opened, { cursor: input.cursor }, signal);
  if (!listing.ok && listing.refused) {
    const { reason } = listing;
    const facts = { reason, now: deps.clock(), testedBefore: beganAt };
    await deps.storage.write((tx) => tx.connections.markBroken(connection.id, facts));
  }
  return listing;
}

/** What would be made of a repository. Changes nothing. Throws `InputError('connection_unknown')`. */
export async function proposeCreation(
  input: ConnectionUse & { wish: CreationWish },
  deps: ConnectionDeps,
): Promise<CreationProposal> {
  const { connection, creation } = await creationOf(input, deps);
  const opened = openConnection(connection, deps.vault);
  return creation.propose(opened, input.wish, AbortSignal.timeout(createTimeoutMs));
}

export async function createAtBackend(
  input: ConnectionUse & { wish: CreationWish; by: { name: string } },
  deps: ConnectionDeps,
): Promise<CreationResult> {
  const { connection, creation } = await creationOf(input, deps);
  const opened = openConnection(connection, deps.vault);
  const result = await creation.create(opened, input.wish, AbortSignal.timeout(createTimeoutMs));
  deps.logger.info(
    { connection: connection.id, name: input.wish.name, result: result.kind, by: input.by.name },
    'backend.created',
  );
  return result;
}

async function creationOf(
  input: ConnectionUse,
  deps: ConnectionDeps,
): Promise<{ connection: Connection; creation: TargetCreation }> {
  const connection = await connectionOf(input, deps);
  const { creation } = accountOf(connection.backend, deps).account;
  if (!creation) throw new InputError('backend_unknown', connection.backend);
  return { connection, creation };
}

async function connectionOf(input: ConnectionUse, deps: ConnectionDeps): Promise<Connection> {
  const found = await deps.storage.read.connections.byId(input.connectionId);
  if (found?.workspaceUuid !== input.workspaceUuid) throw new InputError('connection_unknown');
  return found;
}
