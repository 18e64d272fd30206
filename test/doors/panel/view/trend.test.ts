import assert from 'node:assert/strict';
import type { DeploymentState } from '../../../../src/core/model/index.js';
import { trendLength, trendView } from '../../../../src/doors/panel/view/trend.js';
import { aDeployment, startOfTime } from '../support/fake-panel.js';

const took = (state: DeploymentState, seconds: number | null) =>
  aDeployment({
    state,
    startedAt: seconds === null ? null : startOfTime - 1_000 * seconds,
    finishedAt: startOfTime,
  });

describe('picture of recent deployments', () => {
  it('is left out while there is nothing to see in it', () => {
    assert.equal(trendView([took('live', 4), took('live', 5)]), null);
  });

  it('draws the oldest left, the slowest highest', () => {
    const view = trendView([took('live', 5), took('failed', 20), took('live', 10)]);
    assert.ok(view);
    const [first, second, third] = view.bars;
    assert.ok(first && second && third);
    assert.ok(first.x < second.x && second.x < third.x);
    assert.equal(second.height, view.height);
    assert.ok(third.height < first.height && first.height < second.height);
    assert.equal(second.kind, 'failed');
    assert.match(
      second.title,
      /^a1b2c3d4 Show prices with tax: failed after 20 s, 23 Nov 2026, 12:58:00 UTC$/,
    );
  });

  it('says in words what it shows, and counts nothing as a failure that nobody let finish', () => {
    const rows = [
      took('live', 10),
      took('superseded', null),
      took('failed', 3),
      took('handed_off', 30),
      took('stopped', 2),
      took('live', 20),
    ];
    const view = trendView(rows);
    assert.equal(view?.success, '3 of 4 went live');
    assert.equal(view?.usual, 'usually 20 s');
    assert.equal(view?.label, 'The last 6 deployments: 3 of 4 went live, usually 20 s');
    assert.deepEqual(
      view?.bars.map(({ kind }) => kind),
      ['live', 'other', 'live', 'failed', 'other', 'live'],
    );
  });

  it('has a line of durations from three on, inside its box', () => {
    assert.equal(trendView([took('live', 1), took('live', 2), took('failed', 9)])?.line, null);
    const line = trendView([took('live', 4), took('live', 2), took('live', 1)])?.line;
    assert.equal(line, '0,20 36,14 72,2');
  });

  it('looks no further back than it has room', () => {
    const many = Array.from({ length: 50 }, () => took('live', 1));
    assert.equal(trendView(many)?.bars.length, trendLength);
  });
});
