import { randomBytes } from 'node:crypto';
import { rotateKeys, type Rotated } from '../actions/rotate-keys.js';
import type { Config, Secrets } from '../config/config.js';
import { ConfigError, InputError } from '../core/errors.js';
import type { Logger, Storage } from '../core/ports.js';
import { keepMasterKeys, keptMasterKeys } from '../vault/key-file.js';
import { createKeyRing, masterKey, type KeyRing } from '../vault/key-ring.js';
import type { RotatingVault } from '../vault/vault.js';

/**
 * The keys to open with. Refuses to start when none of them opens anything that is stored: whoever goes on with the wrong key
 * finds every secret lost, and seals new ones with a key that nobody meant.
 *
 * @param sealedBy ids of the keys that stored values are sealed with, and how many
 */
export function masterKeysFor(
  { dataDir }: Pick<Config, 'dataDir'>,
  secrets: Pick<Secrets, 'masterKey' | 'olderMasterKeys'>,
  sealedBy: ReadonlyMap<string, number>,
): KeyRing {
  const isSet = secrets.masterKey !== null;
  const ring = createKeyRing(
    secrets.masterKey === null
      ? keptMasterKeys(dataDir, sealedBy.size === 0)
      : [secrets.masterKey, ...secrets.olderMasterKeys],
  );
  const needed = [...sealedBy.keys()];
  if (needed.length === 0 || needed.some((id) => ring.byId(id))) return ring;
  throw new ConfigError([
    `What is stored was sealed with master key ${needed.join(', ')}, and ${isSet ? 'SLIPWAY_MASTER_KEY' : 'master.key in the data folder'} is key ${ring.current.id}. Put the right one back; nothing was changed.`,
  ]);
}

export interface RotationDeps {
  config: Pick<Config, 'dataDir'>;
  secrets: Pick<Secrets, 'masterKey'>;
  storage: Storage;
  vault: RotatingVault;
  ring: KeyRing;
  logger: Logger;
}

/**
 * `slipway keys rotate`, in the running server. A key that is kept in the data folder is replaced by a new one; keys from the
 * environment are handed over by the command, the new one first and the one in use among them.
 */
export async function rotateMasterKey(
  texts: readonly string[],
  deps: RotationDeps,
): Promise<Rotated> {
  if (deps.secrets.masterKey === null) return rotateKept(deps);
  const [first, ...older] = texts.map((text) => Buffer.from(text, 'base64'));
  const given = first ? ([first, ...older] as const) : null;
  if (!given?.every((key) => key.length === 32)) throw new InputError('keys_unreadable');
  const { id } = deps.ring.current;
  if (!given.some((key) => masterKey(key).id === id))
    throw new InputError('keys_in_use', `key ${id}`);
  deps.ring.use(given);
  return rotateKeys(deps);
}

async function rotateKept(deps: RotationDeps): Promise<Rotated> {
  const { dataDir } = deps.config;
  const newest = randomBytes(32);
  const all = [newest, ...keptMasterKeys(dataDir)] as const;
  // The file first: what the new key seals must be opened after a crash, too.
  keepMasterKeys(dataDir, all);
  deps.ring.use(all);
  const rotated = await rotateKeys(deps);
  if (rotated.unopened === 0) {
    keepMasterKeys(dataDir, [newest]);
    deps.ring.use([newest]);
  }
  return rotated;
}
