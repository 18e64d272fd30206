import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sealedColumns } from '../../src/actions/sealed-columns.js';
import { secretsIdentity } from '../../src/actions/open-target.js';
import type { ConfigError, InputError } from '../../src/core/errors.js';
import { allTables } from '../../src/storage/models/index.js';
import { columnName } from '../../src/storage/table.js';
import { keptMasterKeys } from '../../src/vault/key-file.js';
import { masterKey, type KeyRing } from '../../src/vault/key-ring.js';
import { createVault, type RotatingVault } from '../../src/vault/vault.js';
import { masterKeysFor, rotateMasterKey } from '../../src/wiring/master-keys.js';
import { createEngine, type Engine } from '../support/engine.js';

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
const text = (key: Buffer): string => key.toString('base64');
const set = (key: Buffer, ...older: Buffer[]) => ({ masterKey: key, olderMasterKeys: older });
const kept = { masterKey: null, olderMasterKeys: [] };

describe('master keys', () => {
  let engine: Engine;
  let ring: KeyRing;
  let vault: RotatingVault;

  async function begin(secrets: typeof kept | ReturnType<typeof set>): Promise<void> {
    ring = masterKeysFor(engine, secrets, await engine.storage.sealedBy());
    vault = createVault(ring);
  }
  /** Enough for several slices. */
  async function sealTargets(count: number): Promise<string[]> {
    const first = await engine.target();
    const ids: string[] = [];
    await engine.storage.write(async (tx) => {
      for (let at = 0; at < count; at += 1) {
        const id = `target-${String(at).padStart(4, '0')}`;
        ids.push(id);
        const secretsSealed = vault.seal(JSON.stringify({ token: id }), secretsIdentity(id));
        await tx.targets.insert({ ...first, id, name: id, secretsSealed });
      }
    });
    return ids;
  }
  const opened = async (id: string): Promise<string> => {
    const target = await engine.storage.read.targets.byId(id);
    return vault.open(target?.secretsSealed ?? '', secretsIdentity(id));
  };
  const rotate = (secrets: { masterKey: Buffer | null }, ...keys: Buffer[]) =>
    rotateMasterKey(keys.map(text), {
      ...{ config: engine, secrets, storage: engine.storage, vault, ring, logger: engine.logger },
    });

  beforeEach(async () => {
    engine = await createEngine();
  });
  afterEach(() => engine.close());

  it('are rotated for every sealed column there is', () => {
    const all = allTables.flatMap(({ name, fields }) =>
      fields
        .filter((field) => field.endsWith('Sealed'))
        .map((field) => `${name}.${columnName(field)}`),
    );
    const known = sealedColumns.map(({ table, column }) => `${table}.${column}`);
    assert.deepEqual(known.sort(), all.sort());
  });

  it('are rotated while others read and write; the old key opens nothing afterwards', async () => {
    await begin(set(oldKey));
    const ids = await sealTargets(250);
    let isDone = false;
    const reading = (async () => {
      let reads = 0;
      for (; !isDone; reads += 1) await opened(ids[reads % ids.length] ?? '');
      return reads;
    })();
    const rotated = await rotate(set(oldKey), newKey, oldKey);
    isDone = true;
    assert.ok((await reading) > 0);
    assert.deepEqual(rotated, { keyId: masterKey(newKey).id, rewrapped: 250, unopened: 0 });
    assert.deepEqual([...(await engine.storage.sealedBy())], [[masterKey(newKey).id, 250]]);
    assert.equal((await rotate(set(oldKey), newKey, oldKey)).rewrapped, 0, 'again costs nothing');
    await begin(set(newKey));
    for (const id of ids) assert.equal(await opened(id), JSON.stringify({ token: id }));
  });

  it('are not taken over without the one in use, or unreadable', async () => {
    await begin(set(oldKey));
    const [id = ''] = await sealTargets(1);
    const code = (expected: string) => (error: InputError) => error.code === expected;
    await assert.rejects(rotate(set(oldKey), newKey), code('keys_in_use'));
    await assert.rejects(rotate(set(oldKey)), code('keys_unreadable'));
    await assert.rejects(
      rotate(set(oldKey), Buffer.from('short'), oldKey),
      code('keys_unreadable'),
    );
    assert.equal(await opened(id), JSON.stringify({ token: id }));
  });

  it('go on after a rotation that was killed halfway: both open until it is run again', async () => {
    await begin(set(oldKey));
    await sealTargets(3);
    ring.use([newKey, oldKey]);
    const target = await engine.storage.read.targets.byId('target-0001');
    const sealed = vault.rewrap(target?.secretsSealed ?? '', secretsIdentity('target-0001'));
    await engine.storage.write((tx) =>
      tx.targets.update('target-0001', target?.version ?? 0, { secretsSealed: sealed }),
    );
    await begin(set(newKey, oldKey));
    assert.equal((await rotate(set(newKey, oldKey), newKey, oldKey)).rewrapped, 2);
  });

  it('kept in the data folder are made anew, and the file has only the new one at the end', async () => {
    await begin(kept);
    const [before] = keptMasterKeys(engine.dataDir);
    const [id = ''] = await sealTargets(1);
    await rotate(kept);
    const after = keptMasterKeys(engine.dataDir);
    assert.equal(after.length, 1);
    assert.notDeepEqual(after[0], before);
    await begin(kept);
    assert.equal(await opened(id), JSON.stringify({ token: id }));
  });

  it('refuse a start with the wrong one, in words, and change nothing', async () => {
    await begin(set(oldKey));
    await sealTargets(1);
    const before = await engine.storage.sealedBy();
    await assert.rejects(begin(set(newKey)), (error: ConfigError) => {
      const words = error.problems.join();
      assert.match(
        words,
        new RegExp(`${masterKey(oldKey).id}.*SLIPWAY_MASTER_KEY is key ${masterKey(newKey).id}`),
      );
      return !words.includes(text(newKey));
    });
    assert.deepEqual(await engine.storage.sealedBy(), before);
  });

  it('are not made anew when the kept file is gone: the old one must come back', async () => {
    await begin(kept);
    await sealTargets(1);
    const file = join(engine.dataDir, 'master.key');
    const content = readFileSync(file);
    rmSync(file);
    await assert.rejects(begin(kept), /master\.key is gone.*Put the file back/s);
    assert.ok(!existsSync(file));
    writeFileSync(file, content);
    await begin(kept);
  });
});
