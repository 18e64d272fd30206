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
});
