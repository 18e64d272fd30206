import assert from 'node:assert/strict';
import { createIds } from '../../src/lib/ids.js';

describe('ids', () => {
  it('sort in the order they were made, also within a millisecond and when the clock is set back', () => {
    let now = 1_800_000_000_000;
    const ids = createIds(() => now);
    const made: string[] = [];
    for (let n = 0; n < 300; n += 1) {
      if (n === 100) now += 5;
      if (n === 200) now -= 86_400_000;
      made.push(ids.next());
    }
    assert.deepEqual([...made].sort(), made);
    assert.equal(new Set(made).size, made.length);
  });

  it('sort behind what was made before a restart with a clock that was set back', () => {
    const now = 1_800_000_000_000;
    const before = createIds(() => now);
    const earlier = [before.next(), before.next()];
    const after = createIds(() => now - 86_400_000);
    assert.equal(after.startAfter(earlier[1] ?? ''), now);
    const later = [after.next(), after.next()];
    assert.deepEqual([...earlier, ...later].sort(), [...earlier, ...later]);
  });

  it('take no notice of an id that is none of theirs', () => {
    const ids = createIds(() => 1_800_000_000_000);
    assert.equal(ids.startAfter('reconcile-1'), null);
    assert.equal(ids.next().length, 26);
  });
});
