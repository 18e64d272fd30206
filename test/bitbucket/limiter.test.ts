import assert from 'node:assert/strict';
import { CredentialLimiter, Limiters } from '../../src/bitbucket/limiter.js';
import type { BitbucketError } from '../../src/core/errors.js';

describe("a credential's limiter", () => {
  function gate() {
    let open = (): void => {};
    const closed = new Promise<void>((resolve) => (open = resolve));
    return { closed, open };
  }

  it('refuses at once what would wait behind too many', async () => {
    const limiter = new CredentialLimiter(() => 0, { maxAtOnce: 1, maxWaiting: 2 });
    const { closed, open } = gate();
    const running = [1, 2, 3].map(() => limiter.run(() => closed));
    await assert.rejects(
      limiter.run(() => closed),
      (error: BitbucketError) => {
        return error.code === 'bitbucket_rate_limited' && error.status === null;
      },
    );
    open();
    await Promise.all(running);
    await limiter.run(() => Promise.resolve());
  });

  it('lets a waiting call be given up, and loses no place by it', async () => {
    const limiter = new CredentialLimiter(() => 0, { maxAtOnce: 1 });
    const { closed, open } = gate();
    const first = limiter.run(() => closed);
    const stop = new AbortController();
    const order: string[] = [];
    const second = limiter.run(() => Promise.resolve(order.push('second')), stop.signal);
    const third = limiter.run(() => Promise.resolve(order.push('third')));
    stop.abort();
    await assert.rejects(second, /stopping/);
    open();
    await Promise.all([first, third]);
    assert.deepEqual(order, ['third']);
  });

  it('is paused for as long as was asked, the later end of two, and no longer when the clock is set back', async () => {
    let now = 10_000_000;
    const limiter = new CredentialLimiter(() => now);
    limiter.pause(60_000);
    limiter.pause(1_000);
    now += 59_999;
    assert.equal(limiter.pausedNow, true);
    now -= 3_600_000;
    assert.equal(limiter.pausedNow, true);
    now += 60_000;
    assert.equal(limiter.pausedNow, false);
    await limiter.run(() => Promise.resolve());
  });

  it('gives back the budget within an hour also when the clock was set back', async () => {
    let now = 1_000 * 3_600_000;
    const limiter = new CredentialLimiter(() => now);
    for (let made = 0; made < 700; made += 1) await limiter.run(() => Promise.resolve());
    const used = limiter.usedLately();
    now -= 5 * 3_600_000;
    assert.equal(limiter.usedLately(), used, 'Bitbucket still counts them');
    now += 3_660_000;
    assert.equal(limiter.usedLately(), 0);
  });

  it('makes no call that nobody waits for once only the deploys’ part of the hour is left', async () => {
    let now = 10 * 3_600_000;
    const limiter = new CredentialLimiter(() => now);
    const call = (): Promise<void> => Promise.resolve();
    for (let made = 0; made < 600; made += 1) await limiter.run(call, undefined, true);
    await assert.rejects(limiter.run(call, undefined, true), (error: BitbucketError) => {
      // Without a status: it is our own restraint, and pauses nobody.
      return error.code === 'bitbucket_rate_limited' && error.status === null;
    });
    await limiter.run(call);
    now += 3_600_000;
    await limiter.run(call, undefined, true);
  });

  it('counts against what Bitbucket says it allows', async () => {
    const limiters = new Limiters(() => 0);
    const limiter = limiters.of('access_token x');
    await limiter.run(() => Promise.resolve());
    assert.equal(limiters.budgets()[0]?.leastLeft, 999);
    limiter.told({ 'x-ratelimit-limit': '2500' });
    assert.equal(limiters.budgets()[0]?.leastLeft, 2_499);
    limiter.told({});
    assert.equal(limiters.budgets()[0]?.leastLeft, 2_499);
  });

  it('waits when Bitbucket told another node to wait, and counts the calls of others', async () => {
    let now = 1_000;
    const limiters = new Limiters(() => now);
    const credential = 'connect {w}';
    const limiter = limiters.of(credential);
    await limiter.run(() => Promise.resolve());
    const others = [
      { credential, calls: 300, pausedUntil: 0 },
      { credential, calls: 200, pausedUntil: 5_000 },
    ];
    limiters.heard(others);
    assert.equal(limiters.budgets()[0]?.leastLeft, 499);
    await assert.rejects(
      limiter.run(() => Promise.resolve()),
      (error: BitbucketError) => error.retryAfterMs === 4_000,
    );
    assert.deepEqual(limiters.uses(), [{ credential, calls: 1, pausedUntil: 5_000 }]);
    now = 5_000;
    await limiter.run(() => Promise.resolve());
  });

  it('counts the calls of a node no more once nobody tells of them', async () => {
    const limiters = new Limiters(() => 0);
    const credential = 'connect {w}';
    await limiters.of(credential).run(() => Promise.resolve());
    limiters.heard([{ credential, calls: 300, pausedUntil: 0 }]);
    limiters.heard([{ credential: 'another', calls: 20, pausedUntil: 0 }]);
    assert.equal(limiters.of(credential).left(), 999);
    assert.equal(limiters.of('another').left(), 980);
  });

  it('makes its part of the calls at a time where nodes share a credential', async () => {
    const limiters = new Limiters(() => 0, { maxAtOnce: 8 });
    const { closed, open } = gate();
    let running = 0;
    const calls = Array.from({ length: 10 }, () =>
      limiters.of('oauth {p}').run(async () => {
        running += 1;
        await closed;
      }),
    );
    await Promise.resolve();
    assert.equal(running, 8);
    limiters.shareWith(4);
    open();
    await Promise.all(calls);
    running = 0;
    const later = gate();
    const more = Array.from({ length: 10 }, () =>
      limiters.of('oauth {p}').run(async () => {
        running += 1;
        await later.closed;
      }),
    );
    await Promise.resolve();
    assert.equal(running, 2);
    later.open();
    await Promise.all(more);
  });
});
