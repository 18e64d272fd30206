import { createSign, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';

import type { JsonObject } from '../json.js';

interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** The keys Forge signs invocation tokens with, newest last. Made when first needed: it costs a tenth of a second. */
export class ForgeKeys {
  private keys: SigningKey[] = [];

  /** A new key signs from now on. `keepOld`: tokens signed before can still be checked. */
  rotate(keepOld: boolean): string {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = { kid: `forge/${randomUUID()}`, ...pair };
    this.keys = [...(keepOld ? this.keys : []), key];
    return key.kid;
  }

  /** What the JWKS address answers. */
  publicSet(): JsonObject {
    this.current();
    return {
      keys: this.keys.map(({ kid, publicKey }) => {
        const { kty = '', n = '', e = '' } = publicKey.export({ format: 'jwk' });
        return { kid, kty, n, e, alg: 'RS256', use: 'sig' };
      }),
    };
  }

  sign(claims: JsonObject): string {
    const { kid, privateKey } = this.current();
    const part = (value: JsonObject) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${part({ alg: 'RS256', typ: 'JWT', kid })}.${part(claims)}`;
    const signature = createSign('RSA-SHA256').update(input).sign(privateKey, 'base64url');
    return `${input}.${signature}`;
  }

  private current(): SigningKey {
    if (this.keys.length === 0) this.rotate(false);
    const newest = this.keys.at(-1);
    if (!newest) throw new Error('there is no key');
    return newest;
  }
}
