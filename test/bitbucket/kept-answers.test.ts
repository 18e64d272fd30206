import assert from 'node:assert/strict';
import { KeptAnswers } from '../../src/bitbucket/kept-answers.js';

function answer(status: number, text: string, etag?: string) {
  const headers: Record<string, string> = etag === undefined ? {} : { etag };
  return { status, headers, text, json: (): unknown => JSON.parse(text) };
}

describe('answers kept by their ETag', () => {
  it('are nothing to another credential', () => {
    const kept = new KeptAnswers();
    kept.resolve('app 1 /x', answer(200, '{}', '"a"'));
    assert.deepEqual(kept.condition('app 1 /x'), { 'If-None-Match': '"a"' });
    assert.deepEqual(kept.condition('app 2 /x'), {});
  });

  it('are forgotten when the answer is another one, an error, or has no ETag', () => {
    for (const next of [answer(404, '{}', '"b"'), answer(200, '{}'), answer(500, '')]) {
      const kept = new KeptAnswers();
      kept.resolve('k', answer(200, '{}', '"a"'));
      kept.resolve('k', next);
      assert.deepEqual(kept.condition('k'), {});
    }
  });

  it('are bounded in number and size', () => {
    const kept = new KeptAnswers();
    kept.resolve('big', answer(200, 'x'.repeat(70_000), '"a"'));
    assert.deepEqual(kept.condition('big'), {});
    for (let n = 0; n < 501; n += 1) kept.resolve(`k${n}`, answer(200, '{}', '"a"'));
    assert.deepEqual(kept.condition('k0'), {});
    assert.deepEqual(kept.condition('k500'), { 'If-None-Match': '"a"' });
  });

  it('leave a 304 that nobody asked for as it is', () => {
    assert.equal(new KeptAnswers().resolve('k', answer(304, '')).status, 304);
  });
});
