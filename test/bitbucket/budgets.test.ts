import assert from 'node:assert/strict';
import { Limiters } from '../../src/bitbucket/limiter.js';
import { testClock } from '../support/test-clock.js';

describe('what Bitbucket’s API allows the credentials still', () => {
  it('is told by kind, of the one that has least, within the last hour', async () => {
    const clock = testClock();
    const limiters = new Limiters(clock.now);
    const call = async (name: string, times: number): Promise<void> => {
      for (let i = 0; i < times; i += 1) await limiters.of(name).run(() => Promise.resolve());
    };
    assert.deepEqual(limiters.budgets(), []);
    await call('app {one}', 3);
    await call('app {two}', 10);
    limiters.of('person {ada}').pause(60_000);
    const person = { kind: 'person', credentials: 1, leastLeft: 1_000, paused: 1 };
    assert.deepEqual(limiters.budgets(), [
      { kind: 'app', credentials: 2, leastLeft: 990, paused: 0 },
      person,
    ]);
    clock.advance(59 * 60_000);
    await call('app {one}', 1);
    assert.deepEqual(limiters.budgets(), [
      { kind: 'app', credentials: 2, leastLeft: 990, paused: 0 },
    ]);
    clock.advance(2 * 60_000);
    assert.deepEqual(limiters.budgets(), [
      { kind: 'app', credentials: 1, leastLeft: 999, paused: 0 },
    ]);
  });
});
