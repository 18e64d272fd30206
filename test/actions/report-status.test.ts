import assert from 'node:assert/strict';
import { createStatusReporter } from '../../src/actions/report-status.js';
import { BitbucketError } from '../../src/core/errors.js';
import { change } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

const minute = 60_000;

describeOnStores('a build status that Bitbucket does not take now', (store) => {
  it('is kept, and not sent again before its Retry-After is over', async () => {
    const engine = await store.engine();
    try {
      await engine.target();
      await engine.push([change()]);
      while ((await engine.step()) > 0);
      const written: string[] = [];
      let calls = 0;
      let isBusy = true;
      const report = createStatusReporter({
        ...{ storage: engine.storage, clock: engine.clock.now, logger: engine.logger },
        random: () => 0,
        bitbucket: {
          setBuildStatus: (_repository, hash, { state }) => {
            calls += 1;
            if (isBusy) {
              const busy = { status: 503, retryAfterMs: 2 * minute };
              return Promise.reject(new BitbucketError('bitbucket_unavailable', 'busy', busy));
            }
            written.push(`${hash.slice(0, 1)} ${state}`);
            return Promise.resolve();
          },
        },
      });
      assert.ok((await report(100)) > 0);
      const refused = calls;
      engine.clock.advance(2 * minute - 1);
      assert.equal(await report(100), 0);
      assert.equal(calls, refused);
      isBusy = false;
      engine.clock.advance(1);
      assert.ok((await report(100)) > 0);
      assert.deepEqual(written, ['a INPROGRESS']);
    } finally {
      await engine.close();
    }
  });
});
