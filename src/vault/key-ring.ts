import { createHash } from 'node:crypto';

/** The master keys we can open with; the first one seals. */
export interface KeyRing {
  readonly current: MasterKey;
  byId(id: string): MasterKey | undefined;
  ids(): string[];
  /** Other keys from now on, newest first. Those that are left out open nothing any more. */
  use(keys: readonly [Buffer, ...Buffer[]]): void;
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
  let all = new Map<string, MasterKey>();
  let current = masterKey(keys[0]);
  const ring: KeyRing = {
    get current() {
      return current;
    },
    byId: (id) => all.get(id),
    ids: () => [...all.keys()],
    use(newer) {
      const entries = newer.map(masterKey);
      current = masterKey(newer[0]);
      all = new Map(entries.map((entry) => [entry.id, entry]));
    },
  };
  ring.use(keys);
  return ring;
}
