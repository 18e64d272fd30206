import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { ConfigError, InfrastructureError } from '../../src/core/errors.js';
import { keptMasterKeys, newMasterKeyText } from '../../src/vault/key-file.js';
import { createKeyRing } from '../../src/vault/key-ring.js';
import { createVault } from '../../src/vault/vault.js';
import { tempFolder } from '../support/temp-folder.js';

const code = (expected: string) => (error: unknown) =>
  error instanceof InfrastructureError && error.code === expected;

describe('vault', () => {
  const key = randomBytes(32);
  const vault = createVault(createKeyRing([key]));

  it('opens what it sealed, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (secret, identity) => {
        assert.equal(vault.open(vault.seal(secret, identity), identity), secret);
      }),
    );
  });

  it('seals the same secret differently each time, and shows nothing of it', () => {
    const [a, b] = [vault.seal('hush-hush', 'row'), vault.seal('hush-hush', 'row')];
    assert.notEqual(a, b);
    assert.ok(!a.includes('hush') && !Buffer.from(a, 'base64').includes('hush'));
  });

  it('does not open a value that was moved to another row or changed', () => {
    const sealed = vault.seal('hush', 'targets:1:secrets');
    assert.throws(() => vault.open(sealed, 'targets:2:secrets'), code('vault_tampered'));
    const parts = sealed.split('.');
    for (const index of [2, 3]) {
      const bytes = Buffer.from(parts[index] ?? '', 'base64url');
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      const changed = parts.with(index, bytes.toString('base64url')).join('.');
      assert.throws(() => vault.open(changed, 'targets:1:secrets'), code('vault_tampered'));
    }
    assert.throws(() => vault.open('nonsense', 'row'), code('vault_tampered'));
  });

  it('opens with an older key of the ring, and names the key that is missing', () => {
    const sealed = vault.seal('hush', 'row');
    const newer = randomBytes(32);
    assert.equal(createVault(createKeyRing([newer, key])).open(sealed, 'row'), 'hush');
    assert.throws(
      () => createVault(createKeyRing([newer])).open(sealed, 'row'),
      code('vault_key_missing'),
    );
  });
});

describe('master key kept in the data folder', () => {
  const folder = tempFolder('key');
  after(() => folder.remove());

  it('is made once, for its owner only, and never replaced', () => {
    const first = keptMasterKeys(folder.path)[0];
    const file = join(folder.path, 'master.key');
    assert.equal(first.length, 32);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(keptMasterKeys(folder.path)[0], first);
    assert.equal(readFileSync(file, 'utf8').trim(), first.toString('base64'));
    writeFileSync(file, 'damaged');
    assert.throws(() => keptMasterKeys(folder.path)[0], ConfigError);
    assert.equal(readFileSync(file, 'utf8'), 'damaged');
  });

  it('new keys are 32 bytes and never the same', () => {
    const [a, b] = [newMasterKeyText(), newMasterKeyText()];
    assert.equal(Buffer.from(a, 'base64').length, 32);
    assert.notEqual(a, b);
  });
});
