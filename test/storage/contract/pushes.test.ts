import assert from 'node:assert/strict';
import type { RefChangeFilter } from '../../../src/core/ports.js';
import { change, commit, type Engine } from '../../support/engine.js';
import { describeOnStores } from '../../support/stores.js';

describeOnStores('stored pushes', (store) => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await store.engine();
  });

  afterEach(() => engine.close());

  async function names(where: RefChangeFilter): Promise<string> {
    const { id } = await engine.repository();
    const found = await engine.storage.read.events.recentRefChanges(id, 10, where);
    return found
      .map(({ name }) => name)
      .sort()
      .join(' ');
  }

  it('are found by branch, by target, by what became of them, and by who pushed', async () => {
    const target = await engine.target({ branchPattern: 'main' });
    await engine.push([change({ name: 'main' }), change({ name: 'docs' })]);
    assert.equal(await names({}), 'docs main');
    assert.equal(await names({ refName: 'docs' }), 'docs');
    assert.equal(await names({ targetId: target.id }), 'docs main');
    assert.equal(await names({ targetId: 'another' }), '');
    assert.equal(await names({ states: ['queued'] }), 'main');
    assert.equal(await names({ states: ['live', 'failed'] }), '');
    assert.equal(await names({ person: 'Ada Example' }), 'docs main');
    assert.equal(await names({ person: 'Ada' }), '');
  });

  it('take the signs of a pattern in a name for what they are', async () => {
    await engine.target();
    await engine.push([change()]);
    assert.equal(await names({ person: 'Ada%' }), '');
    assert.equal(await names({ person: '___ Example' }), '');
  });

  it('know through which doors they came, copies after the first', async () => {
    await engine.target();
    const { id } = await engine.repository();
    const moved = change({ from: commit('a'), to: commit('b') });
    await engine.push([moved], { deliveryId: 'one', attemptNumber: 2 });
    const [first] = await engine.storage.read.events.recentRefChanges(id, 1);
    const at = engine.clock.now();
    engine.clock.advance(3_000);
    const other = { ...engine.source, id: 'S2', door: 'oauth', key: 'hook-1' } as const;
    await engine.storage.write((tx) => tx.installations.saveSource(other));
    await engine.push([moved], { deliveryId: 'two', source: other });
    assert.deepEqual(await engine.storage.read.events.arrivals(first?.id ?? ''), [
      { door: 'connect', receivedAt: at, attemptNumber: 2 },
      { door: 'oauth', receivedAt: at + 3_000, attemptNumber: 1 },
    ]);
    assert.equal((await engine.storage.read.events.recentRefChanges(id, 10)).length, 1);
  });
});
