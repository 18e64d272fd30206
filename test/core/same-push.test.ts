import assert from 'node:assert/strict';
import { needsHeadCheck, placeMove, type KnownMove } from '../../src/core/routing/same-push.js';

const hour = 60 * 60_000;

/** Told at 1,000, unless it says otherwise. */
function told(sourceId: string, occurrence: number, more: Partial<KnownMove> = {}): KnownMove {
  const id = `${sourceId}${occurrence}`;
  return { id, sourceId, occurrence, sameAs: null, createdAt: 1_000, ...more };
}

describe('which push a ref change tells of', () => {
  it('is a new one where nothing told of it', () => {
    assert.deepEqual(placeMove('P', []), { occurrence: 1, sameAs: null });
  });

  it('is a new one with every delivery of the same source', () => {
    assert.deepEqual(placeMove('P', [told('P', 1)]), { occurrence: 2, sameAs: null });
  });

  it('is the k-th of another source for the k-th of this one', () => {
    const known = [told('P', 1), told('P', 2), told('Q', 1, { sameAs: 'P1' })];
    assert.deepEqual(placeMove('Q', known), { occurrence: 2, sameAs: 'P2' });
    assert.deepEqual(placeMove('Q', [...known, told('Q', 2, { sameAs: 'P2' })]), {
      occurrence: 3,
      sameAs: null,
    });
  });

  it('is, for a third source, the first one that told of it and no copy', () => {
    const known = [told('Q', 1, { sameAs: 'P1' }), told('P', 1)];
    assert.deepEqual(placeMove('R', known), { occurrence: 1, sameAs: 'P1' });
  });

  it('is a new one where all that is left of an earlier push is its copy: rather twice than lost', () => {
    const known = [told('Q', 1, { sameAs: 'P1' })];
    assert.deepEqual(placeMove('P', known), { occurrence: 1, sameAs: null });
  });

  it('counts on from the most that was told before its source began, in whatever order', () => {
    const late = told('Q', 1, { sameAs: 'P1', createdAt: 1_500 });
    const known = [told('P', 1), told('P', 2), late];
    assert.deepEqual(placeMove('S', known, 2_000), { occurrence: 3, sameAs: null });
    const since = told('P', 3, { createdAt: 2_000 });
    assert.deepEqual(placeMove('S', [...known, since], 2_000), { occurrence: 3, sameAs: 'P3' });
  });
});

describe('whether Bitbucket is asked for the head first', () => {
  const at = { head: 'a', carefulUntil: 0 };

  it('is not where the change goes on from the last known head', () => {
    assert.equal(needsHeadCheck(at, { from: 'a' }, false, 5_000), false);
  });

  it('is where it goes on from another one, or its move was told of before', () => {
    assert.equal(needsHeadCheck(at, { from: 'b' }, false, 5_000), true);
    assert.equal(needsHeadCheck({ ...at, head: null }, { from: 'a' }, false, 5_000), true);
    assert.equal(needsHeadCheck(at, { from: 'a' }, true, 5_000), true);
  });

  it('is for a ref not heard of before where it comes from somewhere, not where it begins', () => {
    assert.equal(needsHeadCheck(null, { from: 'a' }, false, 5_000), true);
    assert.equal(needsHeadCheck(null, { from: null }, false, 5_000), false);
  });

  it('is for a day after something was out of order there, however well it seems to fit', () => {
    const careful = { head: 'a', carefulUntil: 24 * hour };
    assert.equal(needsHeadCheck(careful, { from: 'a' }, false, 24 * hour - 1), true);
    assert.equal(needsHeadCheck(careful, { from: 'a' }, false, 24 * hour), false);
  });
});
