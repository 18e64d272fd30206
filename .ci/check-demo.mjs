import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';

const text = readFileSync(process.argv[2] ?? '', 'utf8');
assert.equal(text.trimEnd().split('\n').length, 1, 'stdout is one line');
const { ok, pushes, steps, failure } = JSON.parse(text);
assert.equal(failure, null);
assert.equal(ok, true);
assert.deepEqual(
  pushes.map(({ state }) => state),
  ['live', 'live', 'failed'],
);
const ms = steps.reduce((sum, step) => sum + step.ms, 0);
process.stdout.write(`the round went well, in ${(ms / 1000).toFixed(1)} s\n`);
