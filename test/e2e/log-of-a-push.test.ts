import assert from 'node:assert/strict';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

/** What an operator has at 3 a.m.: the lines of one push, found by its commit. */
describe('the log of one push', function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.open();
    await stage.addTarget();
  });

  after(() => stage?.close());

  it('names repository, branch, commit and target from the event to the build status', async () => {
    const commit = await stage.bench.commit();
    assert.equal((await stage.outcome(commit)).state, 'live');
    await waitFor('both build statuses', () => stage.server.logged('status.written').length === 2);
    const short = commit.slice(0, 12);
    const [event] = stage.server.logged('event.received').slice(-1);
    assert.deepEqual(
      [event?.['name'], event?.['pushed'], event?.['deployments']],
      ['acme/site', [`branch main ${short}`], 1],
    );
    const lines = stage.server.log.filter((line) => line['commit'] === commit);
    const steps = lines.filter(({ msg }) => msg === 'lane.stepped');
    assert.equal(steps[0]?.['step'], 'trigger');
    assert.equal(steps.at(-1)?.['state'], 'live');
    for (const step of steps) {
      assert.deepEqual([step['name'], step['ref']], ['Production', 'main']);
    }
    const [deployment] = new Set(lines.map((line) => line['deployment']));
    assert.ok(lines.every((line) => line['deployment'] === deployment));
    const statuses = lines.filter(({ msg }) => msg === 'status.written');
    assert.deepEqual(
      statuses.map(({ state }) => state),
      ['INPROGRESS', 'SUCCESSFUL'],
    );
  });
});
