import type { DoorVerification, EventDoor, RawDelivery } from '../event-door.js';
import { parseHookDelivery } from '../hook-delivery.js';
import type { ConnectVerifier } from './verify.js';

/**
 * Descriptor webhooks: `POST {baseUrl}/connect/events` with a Connect JWT (reference/bitbucket-connect.md §6). The token
 * does not cover the body, so intake also compares the body's workspace with the one returned here.
 */
export function createConnectEventDoor(deps: { verifier: ConnectVerifier }): EventDoor {
  return {
    door: 'connect',
    path: '/connect/events',
    verify: (delivery) => verify(deps.verifier, delivery),
    parse: parseHookDelivery,
  };
}

async function verify(verifier: ConnectVerifier, delivery: RawDelivery): Promise<DoorVerification> {
  const result = await verifier.active(delivery);
  if (!result.ok) return result;
  const { source, installation } = result.tenant;
  if (!source) return { ok: false, why: 'no_source' };
  return { ok: true, source, workspaceUuid: installation.workspaceUuid };
}
