import { randomBytes } from 'node:crypto';
import { InfrastructureError } from '../core/errors.js';
import type { Vault } from '../core/ports.js';
import type { KeyRing } from './key-ring.js';
import { decrypt, encrypt } from './sealed-value.js';

const format = 'v1';

export interface RotatingVault extends Vault {
  readonly currentKeyId: string;
  /** The same value, its data key wrapped by the current master key. Throws as `open` does. */
  rewrap(sealed: string, identity: string): string;
}

/**
 * Envelope encryption: every value has a data key of its own, and the master key seals only that. Rotating the master key
 * therefore rewraps 32 bytes a row and never touches the values. The row's identity is associated data of both layers, so
 * that a sealed value copied into another row does not open there.
 *
 * A sealed value is text: `v1.<master key id>.<wrapped data key>.<value>`, base64url.
 */
export function createVault(ring: KeyRing): RotatingVault {
  const joined = (dataKey: Buffer, value: string, identity: string): string => {
    const wrapped = encrypt(ring.current.key, dataKey, identity).toString('base64url');
    return [format, ring.current.id, wrapped, value].join('.');
  };
  return {
    get currentKeyId() {
      return ring.current.id;
    },
    seal(plaintext, identity) {
      const dataKey = randomBytes(32);
      const value = encrypt(dataKey, Buffer.from(plaintext, 'utf8'), identity);
      return joined(dataKey, value.toString('base64url'), identity);
    },
    open(sealed, identity) {
      const { dataKey, value } = unwrapped(ring, sealed, identity);
      try {
        return decrypt(dataKey, Buffer.from(value, 'base64url'), identity).toString('utf8');
      } catch (cause) {
        throw new InfrastructureError('vault_tampered', `row ${identity}`, { cause });
      }
    },
    rewrap(sealed, identity) {
      const { dataKey, value } = unwrapped(ring, sealed, identity);
      return joined(dataKey, value, identity);
    },
  };
}

function unwrapped(
  ring: KeyRing,
  sealed: string,
  identity: string,
): { dataKey: Buffer; value: string } {
  const [version, keyId, wrapped, value] = sealed.split('.');
  if (version !== format || keyId === undefined || !wrapped || !value) {
    throw new InfrastructureError('vault_tampered', `row ${identity}`);
  }
  const master = ring.byId(keyId);
  if (!master) throw new InfrastructureError('vault_key_missing', `key ${keyId}`);
  try {
    return { dataKey: decrypt(master.key, Buffer.from(wrapped, 'base64url'), identity), value };
  } catch (cause) {
    throw new InfrastructureError('vault_tampered', `row ${identity}`, { cause });
  }
}
