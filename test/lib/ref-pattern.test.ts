import assert from 'node:assert/strict';
import { matchesRefPattern, refPatternProblem } from '../../src/lib/ref-pattern.js';

describe('ref patterns', () => {
  for (const [pattern, name, expected] of [
    ['main', 'main', true],
    ['main', 'Main', false],
    ['main', 'main2', false],
    ['main, develop', 'develop', true],
    ['release/*', 'release/1', true],
    ['release/*', 'release/1/fix', false],
    ['release/**', 'release/1/fix', true],
    ['*', 'feature/x', false],
    ['**', 'feature/x', true],
    ['**', '.hidden', true],
    ['**, !wip/**', 'wip/x', false],
    ['**, !wip/**', 'main', true],
    ['v[0-9]*', 'v1.2', true],
    ['fonctionnalité/**', 'fonctionnalité/été-日本-🚀', true],
  ] as const) {
    it(`${pattern} ${expected ? 'matches' : 'does not match'} ${name}`, () => {
      assert.equal(matchesRefPattern(pattern, name), expected);
    });
  }

  it('says what is wrong with a pattern that cannot match', () => {
    assert.equal(refPatternProblem('main, release/*'), null);
    assert.match(refPatternProblem(' , ') ?? '', /at least one/);
    assert.match(refPatternProblem('!main') ?? '', /nothing would ever match/);
    assert.match(refPatternProblem('my branch') ?? '', /cannot match/);
    assert.match(refPatternProblem('a..b') ?? '', /cannot match/);
  });
});
