import assert from 'node:assert/strict';
import { createTurns } from '../../src/doors/turns.js';

describe('turns', () => {
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('lets so many pass in a turn of the event loop, and the others after them, in order', async () => {
    const turn = createTurns(3);
    const passed: number[] = [];
    const all = Array.from({ length: 8 }, (_, index) => turn().then(() => passed.push(index)));
    await Promise.resolve();
    await Promise.resolve();
    assert.deepEqual(passed, [0, 1, 2]);
    await nextTurn();
    assert.ok(passed.length <= 6, `${passed.length} after one turn`);
    await Promise.all(all);
    assert.deepEqual(passed, [0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('keeps nobody waiting when there is room', async () => {
    const turn = createTurns(1);
    await turn();
    await nextTurn();
    await nextTurn();
    let passed = false;
    void turn().then(() => (passed = true));
    await Promise.resolve();
    await Promise.resolve();
    assert.ok(passed);
  });
});
