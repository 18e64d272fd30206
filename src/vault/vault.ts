import { randomBytes } from 'node:crypto';
import { InfrastructureError } from '../core/errors.js';
import type { Vault } from '../core/ports.js';
import type { KeyRing } from './key-ring.js';
import { decrypt, encrypt } from './sealed-value.js';

const format = 'v1';

/**
 * Envelope encryption: every value has a data key of its own, and the master key seals only that. Rotating the master key
 * therefore rewraps 32 bytes a row and never touches the values. The row's identity is associated data of both layers, so
 * that a sealed value copied into another row does not open there.
 *
 * A sealed value is text: `v1.<master key id>.<wrapped data key>.<value>`, base64url.
 */
export function createVault(ring: KeyRing): Vault {
  return {
    seal(plaintext, identity) {
      const dataKey = randomBytes(32);
      const wrapped = encrypt(ring.current.key, dataKey, identity);
      const value = encrypt(dataKey, Buffer.from(plaintext, 'utf8'), identity);
      return [
        format,
        ring.current.id,
        wrapped.toString('base64url'),
        value.toString('base64url'),
      ].join('.');
    },
    open(sealed, identity) {
      const [version, keyId, wrapped, value] = sealed.split('.');
      if (version !== format || keyId === undefined || !wrapped || !value) {
        throw new InfrastructureError('vault_tampered', `row ${identity}`);
      }
      const master = ring.byId(keyId);
      if (!master) throw new InfrastructureError('vault_key_missing', `key ${keyId}`);
      try {
        const dataKey = decrypt(master.key, Buffer.from(wrapped, 'base64url'), identity);
        return decrypt(dataKey, Buffer.from(value, 'base64url'), identity).toString('utf8');
      } catch (cause) {
        throw new InfrastructureError('vault_tampered', `row ${identity}`, { cause });
      }
    },
  };
}
