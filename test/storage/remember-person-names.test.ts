import assert from 'node:assert/strict';
import type { PersonName } from '../../src/core/model/index.js';
import { rememberPersonNames } from '../../src/storage/remember-person-names.js';

describe('what the writer remembers of names', () => {
  it('costs one statement, and none once it was read or written', async () => {
    const eve = { workspaceUuid: '{w}', personUuid: '{eve}', name: 'Eve', askedAt: 1 };
    const bob = { ...eve, personUuid: '{bob}', name: null };
    const asked: string[][] = [];
    const remembered = rememberPersonNames({
      find(people) {
        asked.push(people.map(({ personUuid }) => personUuid));
        return Promise.resolve([eve]);
      },
      save: () => Promise.resolve(),
      spread: () => Promise.resolve(0),
      prune: () => Promise.resolve(0),
    });
    const found = async (...people: PersonName[]): Promise<string[]> =>
      (await remembered.store.find(people)).map(({ personUuid }) => personUuid);
    assert.deepEqual(await found(eve), ['{eve}']);
    assert.deepEqual(await found(eve), ['{eve}']);
    await remembered.store.save([bob]);
    assert.deepEqual(await found(bob, eve), ['{bob}', '{eve}']);
    assert.deepEqual(asked, [['{eve}']]);
    remembered.forget();
    await found(eve);
    assert.equal(asked.length, 2);
  });
});
