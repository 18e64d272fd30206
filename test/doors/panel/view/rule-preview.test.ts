import assert from 'node:assert/strict';
import {
  pushToCompare,
  rulePreview,
  type PreviewFacts,
} from '../../../../src/doors/panel/view/rule-preview.js';
import { aPush, startOfTime } from '../support/fake-panel.js';

const rule = {
  branchPattern: 'main, release/*',
  tagPattern: null,
  includePaths: null,
  excludePaths: null,
  honourSkipMarkers: true,
};

function facts(over: Partial<PreviewFacts> = {}): PreviewFacts {
  return {
    rule,
    backend: { id: 'local', label: 'This server', tags: true },
    branches: ['main', 'develop', 'release/1', 'release/2'],
    pushes: [aPush(), aPush({ id: 'C2', name: 'develop' })],
    changedPaths: null,
    now: startOfTime,
    ...over,
  };
}

describe('preview of a rule', () => {
  it('counts and names the branches that match', () => {
    const { branches } = rulePreview(facts());
    assert.deepEqual(branches, {
      says: 'These 3 of your 4 branches deploy:',
      names: ['main', 'release/1', 'release/2'],
      more: 0,
    });
    const none = rulePreview(facts({ rule: { ...rule, branchPattern: 'prod' } })).branches;
    assert.match(none?.says ?? '', /^None of your 4 branches matches yet\./);
    const one = rulePreview(facts({ branches: ['main'] })).branches;
    assert.equal(one?.says, 'This one of your one branch deploys:');
  });

  it('says nothing of branches while the pattern is wrong', () => {
    assert.equal(rulePreview(facts({ rule: { ...rule, branchPattern: 'a..b' } })).branches, null);
  });

  it('says of the last pushes what it would have done, as routing will', () => {
    const pushes = rulePreview(facts()).pushes;
    assert.deepEqual(
      pushes.map(({ deploys, reason }) => [deploys, reason]),
      [
        [true, 'Branch main matches main, release/*.'],
        [false, 'Branch develop does not match main, release/*.'],
      ],
    );
  });

  it('looks at the files of the newest push that files decide', () => {
    const filtered = { ...rule, includePaths: 'web', excludePaths: '**/*.md' };
    const asked = facts({ rule: filtered, changedPaths: ['web/a.css', 'web/b.md', 'api/c.ts'] });
    assert.equal(pushToCompare(asked)?.id, 'C1');
    assert.deepEqual(rulePreview(asked).pushes[0], {
      ...rulePreview(asked).pushes[0],
      deploys: true,
      reason: '1 of its 3 changed files count, web/a.css for one.',
    });
    const none = rulePreview({ ...asked, changedPaths: ['api/c.ts'] }).pushes[0];
    assert.deepEqual(
      [none?.deploys, none?.reason],
      [false, 'None of its one changed file counts.'],
    );
  });
});
