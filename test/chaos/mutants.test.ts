import assert from 'node:assert/strict';
import type { Verdict } from './support/judge.js';
import { mutants, type Mutant } from './support/mutants.js';
import { Run } from './support/run.js';

/** A judge that has never condemned anybody proves nothing: each of these must be found out. */
describe('the judge of the chaos runs', function () {
  this.timeout(240_000);

  for (const [name, mutant] of Object.entries(mutants)) {
    it(`names what is wrong with a Slipway that has the fault "${name}"`, async () => {
      // Which copies overtake which is up to the machine as well as to the seed: a fault may lie still for one short run.
      const verdicts: Verdict[] = [];
      for (const seed of ['mutants 1', 'mutants 2', 'mutants 3', 'mutants 4']) {
        const verdict = await judged(mutant, seed);
        if (verdict[mutant.caughtAs].length > 0) return;
        verdicts.push(verdict);
      }
      assert.fail(`never found out:\n${JSON.stringify(verdicts, null, 2)}`);
    });
  }
});

async function judged(mutant: Mutant, seed: string): Promise<Verdict> {
  const run = new Run({
    ...{ rounds: 5, seed, mutant, settleMs: 15_000 },
    say: () => undefined,
  });
  try {
    await run.setUp();
    await run.rounds();
    await run.settle();
    return await run.judge();
  } finally {
    await run.close(false);
  }
}
