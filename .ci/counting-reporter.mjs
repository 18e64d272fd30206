import { writeFileSync } from 'node:fs';
import process from 'node:process';
import Mocha from 'mocha';

const { EVENT_RUN_BEGIN, EVENT_RUN_END, EVENT_TEST_END } = Mocha.Runner.constants;

/** Mocha's `spec`, and its counts in a file, because what tests print themselves must not be taken for them. */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = process.env['SLIPWAY_CI_COUNTS'];
    if (file === undefined) return;
    const write = (reachedEnd) => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(file, `${passes} ${failures} ${pending} ${reachedEnd}\n`);
    };
    runner.once(EVENT_RUN_BEGIN, () => write('no'));
    // A run that is ended by its time limit has counted until then.
    runner.on(EVENT_TEST_END, () => write('no'));
    runner.once(EVENT_RUN_END, () => write('yes'));
  }
}
