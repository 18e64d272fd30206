import assert from 'node:assert/strict';
import { decide } from '../../src/core/routing/decide.js';
import { matchesRefPattern } from '../../src/lib/patterns.js';

const target = {
  name: 'Production',
  backend: 'fake',
  branchPattern: 'main',
  tagPattern: null,
  includePaths: null,
  excludePaths: null,
  honourSkipMarkers: true,
  state: 'active',
  hold: null,
} as const;
const change = { refType: 'branch', name: 'main', to: 'a'.repeat(40), message: 'Fix' } as const;
const facts = { matches: matchesRefPattern, backend: { label: 'Fake', tags: false } };

describe('decide', () => {
  it('deploys a matching branch and names the rule', () => {
    assert.deepEqual(decide(change, target, facts), {
      outcome: 'deploy',
      reasonCode: 'matched',
      reason: 'Branch main matches main.',
    });
  });

  for (const [why, patch, overrides, code, words] of [
    ['another branch', { name: 'x' }, {}, 'no_match', 'Branch x does not match main.'],
    ['a tag without a tag rule', { refType: 'tag' }, {}, 'no_match', 'Production deploys no tags.'],
    [
      'a deletion',
      { to: null },
      {},
      'ref_deleted',
      'The branch was deleted; there is nothing to deploy.',
    ],
    [
      'a paused target',
      {},
      { state: 'paused' },
      'paused',
      'Automatic deploys to Production are paused.',
    ],
    [
      'a hold',
      {},
      { hold: { since: 0, by: 'Ada', reason: 'rolled back' } },
      'held',
      'Automatic deploys are on hold (Ada: rolled back).',
    ],
    [
      'a tag at a backend without tags',
      { refType: 'tag' },
      { tagPattern: '*' },
      'unsupported_ref',
      'Fake cannot deploy tags.',
    ],
    [
      'an unknown kind of ref',
      { refType: 'bookmark' },
      {},
      'unsupported_ref',
      '"bookmark" is neither a branch nor a tag.',
    ],
  ] as const) {
    it(`skips ${why}, and says so`, () => {
      const name = 'name' in patch ? patch.name : 'main';
      const verdict = decide({ ...change, ...patch, name }, { ...target, ...overrides }, facts);
      assert.deepEqual(verdict, { outcome: 'skip', reasonCode: code, reason: words });
    });
  }

  it('deploys despite a marker where the target does not honour them', () => {
    const marked = { ...change, message: 'Fix [skip ci]' };
    assert.equal(decide(marked, { ...target, honourSkipMarkers: false }, facts).outcome, 'deploy');
  });

  it('waits for the changed files where the target filters them', () => {
    const verdict = decide(change, { ...target, includePaths: 'web/**' }, facts);
    assert.deepEqual([verdict.outcome, verdict.reasonCode], ['pending', 'pending_paths']);
  });

  it('skips a backend that is switched off', () => {
    assert.equal(decide(change, target, { ...facts, backend: null }).reasonCode, 'backend_off');
  });
});
