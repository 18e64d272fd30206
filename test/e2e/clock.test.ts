import assert from 'node:assert/strict';
import { Stage } from '../support/e2e/stage.js';

const dayMs = 86_400_000;

/** For a process whose clock is a day behind the one that ran before it. */
const slow = `const now = Date.now; Date.now = () => now() - ${dayMs};`;
const aDayBack = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(slow)}` };

describe('a restart with a clock that was set back', function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.open();
    await stage.addTarget();
  });
  after(() => stage?.close());

  it('a day: what is pushed then is the newest, and every build status comes to its end', async () => {
    const before = await stage.bench.commit({ message: 'Before' });
    assert.equal((await stage.outcome(before)).state, 'live');
    assert.equal((await stage.finalStatuses(before)).at(-1)?.state, 'SUCCESSFUL');

    await stage.server.kill();
    await stage.bench.control('POST', 'clock', { offset_ms: -dayMs });
    await stage.start({ env: aDayBack });
    assert.equal(stage.server.logged('storage.clock_went_back').length, 1);
    const panel = await stage.openPanel();
    const after = await stage.bench.commit({ message: 'After' });
    assert.equal((await stage.outcome(after, panel)).state, 'live');
    assert.equal((await stage.finalStatuses(after)).at(-1)?.state, 'SUCCESSFUL');
    const rows = await stage.rows('SELECT "commit" AS hash FROM deployments ORDER BY id');
    assert.deepEqual(
      rows.map(({ hash }) => hash),
      [before, after],
    );
    // What the panel lists first is what its reader takes for the newest.
    assert.equal((await panel.deployments())[0]?.commit, after);
  });
});
