import assert from 'node:assert/strict';
import { retryAfterMs } from '../../src/lib/retry-after.js';

describe('retryAfterMs', () => {
  const now = Date.parse('2026-11-23T09:12:00Z');
  const cases: [string | undefined, number | undefined][] = [
    ['120', 120_000],
    [' 0 ', 0],
    ['Mon, 23 Nov 2026 09:12:30 GMT', 30_000],
    ['Monday, 23-Nov-26 09:12:30 GMT', 30_000],
    ['Mon, 23 Nov 2026 09:11:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['99999999999', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [value, expected] of cases) {
    it(`reads ${value ?? 'no header'} as ${expected ?? 'nothing'}`, () => {
      assert.equal(retryAfterMs(value, now), expected);
    });
  }
});
