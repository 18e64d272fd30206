import assert from 'node:assert/strict';
import { createPace } from '../../src/lib/pace.js';
import { testClock } from '../support/test-clock.js';

describe('a pace', () => {
  it('is taken once in its time, the first time at once', () => {
    const clock = testClock();
    const pace = createPace(5_000, clock.now);
    assert.ok(pace.dueAt() <= clock.now());
    assert.deepEqual([pace.take(), pace.take()], [true, false]);
    assert.equal(pace.dueAt(), clock.now() + 5_000);
    clock.advance(4_999);
    assert.equal(pace.take(), false);
    clock.advance(1);
    assert.equal(pace.take(), true);
  });

  it('does not stand still while the clock is behind where it was', () => {
    const clock = testClock();
    const pace = createPace(5_000, clock.now);
    pace.take();
    clock.advance(-5 * 60 * 60_000);
    assert.equal(pace.dueAt(), clock.now() + 5_000);
    clock.advance(5_000);
    assert.equal(pace.take(), true);
  });
});
