import assert from 'node:assert/strict';
import { isClean } from './support/judge.js';
import { Run } from './support/run.js';

/** Keeps the harness itself from rotting; `npm run test:chaos` is the proof. */
describe('chaos', function () {
  this.timeout(180_000);

  it('two rounds lose nothing', async () => {
    const said: string[] = [];
    const run = new Run({ rounds: 2, seed: 'smoke', say: (line) => said.push(line) });
    let isGood = false;
    try {
      await run.setUp();
      await run.rounds();
      await run.settle();
      const verdict = await run.judge();
      isGood = isClean(verdict);
      assert.ok(isGood, JSON.stringify(verdict, null, 2));
      const figures = await run.finish();
      assert.ok(figures.kills >= 2);
      assert.ok(figures.ackedAtTheEnd > 0, 'events are no longer taken');
    } finally {
      await run.close(!isGood);
    }
  });
});
