import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bitbucketRetryMs,
  retryDelayMs,
  retryStepsMs,
} from '../../src/core/delivery/retry-schedule.js';

describe('retry schedule', () => {
  it('draws between half and one and a half of the step, whatever is drawn', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, random) => {
          const step = retryStepsMs[Math.min(failures, retryStepsMs.length) - 1] ?? 0;
          const delay = retryDelayMs(failures, random);
          assert.ok(delay >= step * 0.5 - 1 && delay <= step * 1.5 + 1);
        },
      ),
    );
  });

  it('lets Retry-After win, up to four times the step', () => {
    assert.equal(retryDelayMs(1, 0.5, 12_000), 12_000);
    assert.equal(retryDelayMs(1, 0.5, 3_600_000), 20_000);
    assert.equal(retryDelayMs(1, 0.5, 10), 5_000);
  });

  it('does not knock at Bitbucket before its Retry-After is over, up to ten minutes', () => {
    assert.equal(bitbucketRetryMs(1, 0.5, 120_000), 120_000);
    assert.equal(bitbucketRetryMs(1, 0.5, 3_600_000), 600_000);
    assert.equal(bitbucketRetryMs(1, 0.5, null), 5_000);
    assert.equal(bitbucketRetryMs(5, 0.5, 1_000), 1_800_000);
  });
});
