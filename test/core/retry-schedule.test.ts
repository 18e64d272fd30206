import assert from 'node:assert/strict';
import fc from 'fast-check';
import { retryDelayMs, retryStepsMs } from '../../src/core/delivery/retry-schedule.js';

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
});
