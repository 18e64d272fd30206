import { createHash } from 'node:crypto';

/** The master keys we can open with; the first one seals. */
export interface KeyRing {
  current: MasterKey;
  byId(id: string): MasterKey | undefined;
}

export interface MasterKey {
  /** Short fingerprint, safe to show and to store beside what it sealed. */
  id: string;
  key: Buffer;
}

export function masterKey(key: Buffer): MasterKey {
  return { id: createHash('sha256').update(key).digest('hex').slice(0, 12), key };
}

/** `keys`: 32 bytes each, newest first. */
export function createKeyRing(keys: readonly [Buffer, ...Buffer[]]): KeyRing {
  const all = new Map<string, MasterKey>();
  for (const key of keys) {
    const entry = masterKey(key);
    all.set(entry.id, entry);
  }
  return { current: masterKey(keys[0]), byId: (id) => all.get(id) };
}
