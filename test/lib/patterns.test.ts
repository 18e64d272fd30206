import assert from 'node:assert/strict';
import {
  matchesPathPattern,
  matchesRefPattern,
  refPatternProblem,
} from '../../src/lib/patterns.js';

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

describe('path patterns', () => {
  for (const [pattern, path, expected] of [
    ['web/**', 'web/src/app.ts', true],
    ['web', 'web/src/app.ts', true],
    ['web/', 'web/src/app.ts', true],
    ['web', 'website/app.ts', false],
    ['*.md', 'README.md', true],
    ['*.md', 'docs/a.md', false],
    ['**/*.md', 'docs/a.md', true],
    ['**/*.md', 'README.md', true],
    ['web, api', 'api/main.go', true],
    ['.github', '.github/workflows/x.yml', true],
  ] as const) {
    it(`${pattern} ${expected ? 'takes in' : 'leaves out'} ${path}`, () => {
      assert.equal(matchesPathPattern(pattern, path), expected);
    });
  }
});
