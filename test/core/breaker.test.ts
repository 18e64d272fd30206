import assert from 'node:assert/strict';
import { Breakers } from '../../src/core/delivery/breaker.js';

describe('breaker', () => {
  const host = 'deploy.example';
  let breakers: Breakers;
  let now: number;

  beforeEach(() => {
    breakers = new Breakers();
    now = 1_000_000;
  });

  const fail = (times: number): void => {
    for (let call = 0; call < times; call += 1) breakers.record(host, `t${call}`, true, now);
  };
  const held = (target = 'x'): number | null => breakers.heldUntil(host, target, now);

  it('stays closed for fewer than ten calls, and below 70 % failures', () => {
    fail(9);
    assert.equal(held(), null);
    for (let call = 0; call < 5; call += 1) breakers.record(host, 'ok', false, now);
    fail(1);
    assert.equal(held(), null);
  });

  it('opens at ten failed calls for thirty seconds', () => {
    fail(10);
    assert.equal(held(), now + 30_000);
    now += 29_999;
    assert.notEqual(held(), null);
  });

  it('spares a host for thirty seconds, however far the clock is set back meanwhile', () => {
    fail(10);
    now -= 86_400_000;
    assert.equal(held(), now + 30_000);
    now += 30_000;
    assert.equal(held(), null);
  });

  it('forgets calls older than five minutes', () => {
    fail(9);
    now += 5 * 60_000;
    fail(1);
    assert.equal(held(), null);
  });

  it('lets exactly one call try after that, and closes on its answer', () => {
    fail(10);
    held('waits');
    now += 30_000;
    assert.equal(held('probe'), null);
    assert.notEqual(held('second'), null, 'the others wait for the answer');
    const woken = breakers.record(host, 'probe', false, now);
    assert.ok(woken.includes('waits') && woken.includes('second') && woken.includes('t3'));
    assert.equal(held(), null);
    assert.deepEqual(breakers.record(host, 'probe', false, now), [], 'woken once');
  });

  it('opens again when the one call fails', () => {
    fail(10);
    now += 30_000;
    assert.equal(held('probe'), null);
    breakers.record(host, 'probe', true, now);
    assert.equal(held(), now + 30_000);
  });

  it('lets another one try when the call was not made after all', () => {
    fail(10);
    now += 30_000;
    assert.equal(held('probe'), null);
    breakers.forgo(host);
    assert.equal(held('next'), null);
  });

  it('knows hosts apart', () => {
    fail(10);
    assert.equal(breakers.heldUntil('other.example', 'x', now), null);
  });
});
