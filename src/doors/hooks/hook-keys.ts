import { createSecretKey, type KeyObject } from 'node:crypto';
import { openHookSecrets } from '../../actions/hook-secrets.js';
import type { Hook, Source } from '../../core/model/index.js';
import type { Clock, Storage, Vault } from '../../core/ports.js';
import { isWithin } from '../../lib/is-within.js';

/** A hook with what is needed to check its deliveries. */
export interface KnownHook {
  hook: Hook;
  source: Source;
  repositoryUuid: string;
  /** The current secret first; `until` as Unix ms, null = for good. */
  keys: { key: KeyObject; until: number | null }[];
}

export interface HookKeys {
  /** From memory when known. Null: there is no such hook. Throws what storage and vault throw. */
  find(hookId: string): Promise<KnownHook | null>;
  /**
   * Reads again what was read at least a second ago. For a signature that does not fit: another process may have stored a new
   * secret meanwhile, and a refused push would be lost.
   */
  findAgain(hookId: string): Promise<KnownHook | null>;
  /** A hook changed: forget what was read of it. */
  forget(hookId: string): void;
}

interface Entry {
  known: KnownHook | null;
  readAt: number;
}

const maxEntries = 10_000;
const lifeMs = 60_000;
const readAgainAfterMs = 1_000;

export function createHookKeys(deps: {
  storage: Pick<Storage, 'read'>;
  vault: Pick<Vault, 'open'>;
  clock: Clock;
}): HookKeys {
  /**
   * Unknown ids are kept like known ones, so that nobody can tell them apart by the time an answer takes; but apart from them,
   * so that a flood of invented ids cannot push out the real ones.
   */
  const real = new Map<string, Entry>();
  const invented = new Map<string, Entry>();
  /** Counts `forget`: what was read before one must not be kept after it. */
  let generation = 0;

  async function read(hookId: string): Promise<KnownHook | null> {
    const before = generation;
    const known = await readHook(hookId, deps);
    if (before === generation) {
      const entries = known ? real : invented;
      if (entries.size >= maxEntries) entries.clear();
      entries.set(hookId, { known, readAt: deps.clock() });
    }
    return known;
  }

  async function find(hookId: string, maxAgeMs: number): Promise<KnownHook | null> {
    const entry = real.get(hookId) ?? invented.get(hookId);
    const now = deps.clock();
    if (entry && isWithin(maxAgeMs, { at: entry.readAt, now })) return entry.known;
    real.delete(hookId);
    invented.delete(hookId);
    return read(hookId);
  }

  return {
    find: (hookId) => find(hookId, lifeMs),
    findAgain: (hookId) => find(hookId, readAgainAfterMs),
    forget: (hookId) => {
      generation += 1;
      real.delete(hookId);
      invented.delete(hookId);
    },
  };
}

async function readHook(
  hookId: string,
  { storage, vault }: { storage: Pick<Storage, 'read'>; vault: Pick<Vault, 'open'> },
): Promise<KnownHook | null> {
  const hook = await storage.read.hooks.byId(hookId);
  if (!hook) return null;
  const [source, repository] = await Promise.all([
    storage.read.installations.source('oauth', hook.id),
    storage.read.repositories.byId(hook.repositoryId),
  ]);
  if (!source || !repository) return null;
  const keys = openHookSecrets(hook, vault).map(({ value, until }) => ({
    key: createSecretKey(Buffer.from(value, 'utf8')),
    until,
  }));
  return { hook, source, repositoryUuid: repository.uuid, keys };
}
