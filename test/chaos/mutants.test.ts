import assert from 'node:assert/strict';
import { mutants } from './support/mutants.js';
import { Run } from './support/run.js';

/** A judge that has never condemned anybody proves nothing: each of these must be found out. */
describe('the judge of the chaos runs', function () {
  this.timeout(180_000);

  for (const [name, mutant] of Object.entries(mutants)) {
    it(`names what is wrong with a Slipway that has the fault "${name}"`, async () => {
      const run = new Run({
        ...{ rounds: 4, seed: 'mutants', mutant, settleMs: 15_000 },
        say: () => undefined,
      });
      try {
        await run.setUp();
        await run.rounds();
        await run.settle();
        const verdict = await run.judge();
        assert.ok(verdict[mutant.caughtAs].length > 0, JSON.stringify(verdict, null, 2));
      } finally {
        await run.close(false);
      }
    });
  }
});
