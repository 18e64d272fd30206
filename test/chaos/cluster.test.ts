import assert from 'node:assert/strict';
import { databaseOrSkip } from '../support/postgres.js';
import { isFine } from './cluster.js';
import { ClusterRun } from './support/cluster-run.js';
import { isClean } from './support/judge.js';

/** Keeps the harness from rotting, and the cluster honest; `npm run test:chaos -- --cluster` is the proof. */
describe('chaos on two nodes', function () {
  this.timeout(240_000);

  it('loses nothing while a node is killed and PostgreSQL is stopped, and answers 503 meanwhile', async function () {
    // Says loudly where there is none.
    await (await databaseOrSkip(this)).drop();
    const said: string[] = [];
    const run = new ClusterRun({
      ...{ seed: 'smoke', seconds: 12, rate: 20, repositories: 6, weather: 'calm' },
      ...{ killEvery: [4, 5], outageEvery: [3, 4], sleepEvery: null },
      say: (line) => said.push(line),
    });
    let isGood = false;
    try {
      await run.setUp();
      await run.play();
      await run.settle();
      const verdict = await run.judge();
      isGood = isClean(verdict) && isFine(run);
      const { figures } = run;
      const words = JSON.stringify({ verdict, figures }, null, 2);
      assert.ok(isGood, words);
      assert.ok(figures.kills >= 1 && figures.outages >= 2, words);
      assert.ok((figures.answeredWhileDown['503'] ?? 0) > 0, words);
      console.log(`      ${JSON.stringify({ ...verdict.figures, ...figures })}`);
    } finally {
      await run.close(!isGood);
    }
  });
});
