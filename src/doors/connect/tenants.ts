import type { KeyObject } from 'node:crypto';
import type { Clock, Storage, Vault } from '../../core/ports.js';
import type { Installation, Source } from '../../core/model/index.js';
import { installationSecretIdentity } from '../../actions/installation-secret.js';
import { isWithin } from '../../lib/is-within.js';
import { connectKey } from './jwt.js';

/** A workspace that installed us, with what is needed to check its signatures. */
export interface ConnectTenant {
  installation: Installation;
  /** Null until the installation is confirmed. */
  source: Source | null;
  /** Null when the row holds no secret. */
  key: KeyObject | null;
}

export interface ConnectTenants {
  /** From memory when known. Null: no installation has this client key. Throws what storage and vault throw. */
  find(clientKey: string): Promise<ConnectTenant | null>;
  /**
   * Reads again what was read at least a second ago, otherwise returns what is known. For a signature that does not fit:
   * another process may have stored a new secret meanwhile, and a refused event would be lost.
   */
  findAgain(clientKey: string): Promise<ConnectTenant | null>;
  /** An installation changed: forget what was read of it. */
  forget(clientKey: string): void;
}

interface Entry {
  tenant: ConnectTenant;
  readAt: number;
}

const maxEntries = 10_000;
/** Another process may uninstall; its tokens live for minutes at most, so one more minute is no new risk. */
const lifeMs = 60_000;
const readAgainAfterMs = 1_000;

export function createConnectTenants(deps: {
  storage: Pick<Storage, 'read'>;
  vault: Pick<Vault, 'open'>;
  clock: Clock;
}): ConnectTenants {
  const entries = new Map<string, Entry>();
  /** Counts `forget`: what was read before one must not be kept after it. */
  let generation = 0;

  async function read(clientKey: string): Promise<ConnectTenant | null> {
    const before = generation;
    const installation = await deps.storage.read.installations.find('connect', clientKey);
    // Unknown keys are not kept: anybody can invent as many as they like.
    if (!installation) return null;
    const source = await deps.storage.read.installations.source('connect', clientKey);
    const tenant = { installation, source, key: keyOf(installation) };
    if (before === generation) keep(clientKey, tenant);
    return tenant;
  }

  function keep(clientKey: string, tenant: ConnectTenant): void {
    if (entries.size >= maxEntries) entries.clear();
    entries.set(clientKey, { tenant, readAt: deps.clock() });
  }

  function known(clientKey: string, maxAgeMs: number): ConnectTenant | null {
    const entry = entries.get(clientKey);
    const now = deps.clock();
    return entry && isWithin(maxAgeMs, { at: entry.readAt, now }) ? entry.tenant : null;
  }

  function keyOf({ id, secretSealed }: Installation): KeyObject | null {
    if (secretSealed === null) return null;
    return connectKey(deps.vault.open(secretSealed, installationSecretIdentity(id)));
  }

  return {
    find: async (clientKey) => known(clientKey, lifeMs) ?? read(clientKey),
    findAgain: async (clientKey) => known(clientKey, readAgainAfterMs) ?? read(clientKey),
    forget: (clientKey) => {
      generation += 1;
      entries.delete(clientKey);
    },
  };
}
