import { InputError, StateError } from '../core/errors.js';
import type { Transaction } from '../core/ports.js';
import { noteChange } from './audit.js';
import type { ConnectionDeps } from './save-connection.js';

const namesShown = 10;

/** Deletes it with its credential. Throws `StateError('connection_used')` with the names of the targets that use it. */
export async function removeConnection(
  input: { connectionId: string; workspaceUuid: string; by: { name: string } },
  deps: Pick<ConnectionDeps, 'storage' | 'logger' | 'clock' | 'ids'>,
): Promise<void> {
  await deps.storage.write(async (tx) => {
    const connection = await tx.connections.byId(input.connectionId);
    if (connection?.workspaceUuid !== input.workspaceUuid) {
      throw new InputError('connection_unknown');
    }
    const names = await usersOf(tx, connection.id);
    if (names.length > 0) throw new StateError('connection_used', names.join(', '));
    await tx.connections.remove(connection.id);
    const { workspaceUuid, by } = input;
    const says = `removed the connection ${connection.name}`;
    await noteChange(tx, { workspaceUuid, repositoryId: null, by, says }, deps);
  });
  deps.logger.info({ connection: input.connectionId, by: input.by.name }, 'connection.removed');
}

async function usersOf(tx: Transaction, connectionId: string): Promise<string[]> {
  const targets = await tx.targets.usingConnection(connectionId);
  const names: string[] = [];
  for (const target of targets.slice(0, namesShown)) {
    const repository = await tx.repositories.byId(target.repositoryId);
    names.push(`${target.name} of ${repository?.fullName ?? 'a repository'}`);
  }
  const more = targets.length - names.length;
  return more > 0 ? [...names, `${more} more`] : names;
}
