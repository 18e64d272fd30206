import type { Storage, Vault } from '../core/ports.js';
import { open } from './workspace-credentials.js';

export type OpenedWorkspaceCredential =
  | {
      id: string;
      kind: 'consumer';
      serves: string;
      consumer: { clientId: string; clientSecret: string };
    }
  | { id: string; kind: 'access_token'; serves: string; token: string; endsAt: number | null };

/** A workspace's own credentials with their secrets opened, for one call; never keep them. */
export async function openWorkspaceCredentials(
  workspaceUuid: string,
  { storage, vault }: { storage: Pick<Storage, 'read'>; vault: Pick<Vault, 'open' | 'seal'> },
): Promise<OpenedWorkspaceCredential[]> {
  const all = await storage.read.workspaceCredentials.ofWorkspace(workspaceUuid);
  return all.map((one) => {
    const { id, serves, endsAt } = one;
    const secret = open(one, vault);
    return one.kind === 'consumer'
      ? {
          id,
          kind: 'consumer',
          serves,
          consumer: { clientId: one.clientId ?? '', clientSecret: secret },
        }
      : { id, kind: 'access_token', serves, token: secret, endsAt };
  });
}
