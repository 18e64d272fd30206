import assert from 'node:assert/strict';
import { HostSlots } from '../../src/core/delivery/host-slots.js';

describe('host slots', () => {
  it('have room for so many calls to one host, and again for as many as end', () => {
    const slots = new HostSlots(2);
    assert.equal(slots.take('a.example', 't1', 0), null);
    assert.equal(slots.take('a.example', 't2', 0), null);
    assert.equal(typeof slots.take('a.example', 't3', 0), 'number');
    slots.free('a.example');
    assert.equal(slots.take('a.example', 't3', 0), null);
    assert.equal(typeof slots.take('a.example', 't1', 0), 'number');
  });

  it('know hosts apart: one that is full holds up no other', () => {
    const slots = new HostSlots(1);
    assert.equal(slots.take('a.example', 't1', 0), null);
    assert.equal(typeof slots.take('a.example', 't2', 0), 'number');
    assert.equal(slots.take('b.example', 't3', 0), null);
  });

  it('let come back later the more wait, so that about as many come at a time as there is room for', () => {
    const slots = new HostSlots(4);
    for (let n = 0; n < 4; n += 1) slots.take('a.example', `busy-${n}`, 0);
    const first = slots.take('a.example', 'w-0', 0.999) ?? 0;
    let last = 0;
    for (let n = 1; n < 400; n += 1) last = slots.take('a.example', `w-${n}`, 0.999) ?? 0;
    assert.ok(first <= 300, `${first} ms for the first`);
    assert.ok(last >= 15_000 && last <= 25_000, `${last} ms with 400 waiting for 4 places`);
  });

  it('count a target that waits once, however often it comes, and no more once it got in', () => {
    const slots = new HostSlots(1);
    slots.take('a.example', 'busy', 0);
    const once = slots.take('a.example', 't', 0.5);
    for (let n = 0; n < 50; n += 1) assert.equal(slots.take('a.example', 't', 0.5), once);
    slots.free('a.example');
    assert.equal(slots.take('a.example', 't', 0.5), null);
    assert.equal(slots.take('a.example', 'other', 0.5), once);
  });

  it('forget a host that nobody calls or waits for, and take no harm from a free too many', () => {
    const slots = new HostSlots(1);
    slots.free('a.example');
    assert.equal(slots.take('a.example', 't', 0), null);
    slots.free('a.example');
    slots.free('a.example');
    assert.equal(slots.take('a.example', 't', 0), null);
    assert.equal(typeof slots.take('a.example', 'u', 0), 'number');
  });
});
