import type { BackendConnection, BackendTarget } from '../core/backend.js';
import { StateError } from '../core/errors.js';
import type { Connection, Target } from '../core/model/index.js';
import type { ConnectionReads, Vault } from '../core/ports.js';

/** Identity that binds a target's sealed settings to its row. */
export function secretsIdentity(targetId: string): string {
  return `targets:${targetId}:secrets`;
}

/** Identity that binds a connection's sealed credential to its row. */
export function connectionIdentity(connectionId: string): string {
  return `connections:${connectionId}:secrets`;
}

export interface OpenDeps {
  storage: { read: { connections: Pick<ConnectionReads, 'byId'> } };
  vault: Vault;
}

/**
 * A target with all secrets opened, those of its connection, too, for one call of a backend.
 *
 * @param recorder what records the call: told of every secret, so that none is kept
 */
export async function openForCall(
  target: Target,
  deps: OpenDeps,
  recorder?: { hide(secrets: unknown): void },
): Promise<BackendTarget> {
  const opened = openTarget(target, deps.vault);
  recorder?.hide(opened.secrets);
  if (target.connectionId === null) return opened;
  const connection = await deps.storage.read.connections.byId(target.connectionId);
  if (!connection) throw new StateError('connection_unknown');
  const openedConnection = openConnection(connection, deps.vault);
  recorder?.hide(openedConnection.secrets);
  return { ...opened, connection: openedConnection };
}

export function openConnection(connection: Connection, vault: Vault): BackendConnection {
  const { id, name, settings, secretsSealed } = connection;
  const opened = vault.open(secretsSealed, connectionIdentity(id));
  return { id, name, settings, secrets: JSON.parse(opened) as Record<string, unknown> };
}

/** A target with its own secrets opened. */
export function openTarget(target: Target, vault: Vault): BackendTarget {
  const secrets =
    target.secretsSealed === null
      ? {}
      : (JSON.parse(vault.open(target.secretsSealed, secretsIdentity(target.id))) as Record<
          string,
          unknown
        >);
  return { id: target.id, name: target.name, settings: target.settings, secrets };
}
