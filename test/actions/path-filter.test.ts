import assert from 'node:assert/strict';
import { BitbucketError } from '../../src/core/errors.js';
import { change, commit, createEngine, type Engine } from '../support/engine.js';

const minute = 60_000;

describe('path filters', () => {
  let engine: Engine;
  let targetId: string;

  beforeEach(async () => {
    engine = await createEngine();
    const target = await engine.target({
      includePaths: 'web, *.json',
      excludePaths: 'web/docs/**',
    });
    targetId = target.id;
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(minute);
  });

  afterEach(() => engine.close());

  const differs = (from: string, to: string, paths: string[]): void => {
    engine.bitbucket.diffs.set(`${commit(from)}..${commit(to)}`, paths);
  };
  const commits = (): string => engine.backend.triggered.map((call) => call.commit[0]).join('');
  const lastDecision = async () => {
    const repository = await engine.repository();
    const [newest] = await engine.storage.read.events.recentRefChanges(repository.id, 1);
    return newest?.decisions[0];
  };

  it('deploys the first commit whatever it holds: nothing is live yet', async () => {
    assert.equal(commits(), 'a');
    assert.match((await lastDecision())?.reason ?? '', /Nothing is live yet/);
  });

  it('deploys a change that matters, and names a file', async () => {
    differs('a', 'b', ['README.md', 'web/app.ts', 'package.json']);
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(minute);
    assert.equal(commits(), 'ab');
    const decision = await lastDecision();
    assert.deepEqual(
      [decision?.outcome, decision?.reason],
      ['deploy', `web/app.ts and 1 more changed since ${commit('a').slice(0, 12)}, which is live.`],
    );
  });

  it('skips a change that does not, with the reason, and leaves no deployment behind', async () => {
    differs('a', 'b', ['README.md', 'web/docs/intro.md']);
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(minute);
    assert.equal(commits(), 'a');
    const decision = await lastDecision();
    assert.deepEqual([decision?.outcome, decision?.reasonCode], ['skip', 'paths_unchanged']);
    assert.match(decision?.reason ?? '', /No file of web, \*\.json changed since/);
    assert.equal((await engine.deployments(targetId)).length, 1);
  });

  it('compares with what is live, so that a skipped push swallows nothing', async () => {
    differs('a', 'b', ['README.md']);
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(minute);
    differs('b', 'c', ['README.md']);
    differs('a', 'c', ['README.md', 'web/app.ts']);
    await engine.push([change({ to: commit('c') })]);
    await engine.settle(minute);
    assert.equal(commits(), 'ac');
  });

  it('compares a burst once, by its newest commit', async () => {
    engine.backend.onObserve = [() => ({ state: 'building' })];
    differs('a', 'b', ['web/app.ts']);
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(1_000);
    await engine.push([change({ to: commit('c') })]);
    await engine.push([change({ to: commit('d') })]);
    engine.backend.onObserve = [];
    differs('b', 'd', ['web/other.ts']);
    await engine.settle(minute);
    assert.equal(commits(), 'abd');
  });

  it('deploys and says so when the difference cannot be known', async () => {
    await engine.push([change({ to: commit('b'), kind: 'force' })]);
    await engine.settle(minute);
    assert.equal(commits(), 'ab');
    assert.match(
      (await lastDecision())?.reason ?? '',
      /cannot be known, so it is deployed to be safe/,
    );
  });

  it('are asked as well where the order was in doubt, after the head', async () => {
    engine.bitbucket.refs.set('branch:main', { hash: commit('d'), message: 'm', author: 'Ada' });
    differs('a', 'd', ['README.md']);
    await engine.push([change({ from: commit('c'), to: commit('d') })]);
    await engine.settle(minute);
    assert.equal(commits(), 'a');
    assert.equal((await lastDecision())?.reasonCode, 'paths_unchanged');
  });

  it('waits while Bitbucket does not answer', async () => {
    differs('a', 'b', ['README.md']);
    engine.bitbucket.failures = [new BitbucketError('bitbucket_unavailable', '503')];
    await engine.push([change({ to: commit('b') })]);
    await engine.settle();
    assert.match((await engine.deployments(targetId)).at(-1)?.reason ?? '', /Waits for Bitbucket/);
    await engine.settle(minute);
    assert.equal((await lastDecision())?.reasonCode, 'paths_unchanged');
  });
});
