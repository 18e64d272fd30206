import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { CheckResult } from '../../../src/core/backend.js';
import { createLocalBackend } from '../../../src/backends/local/index.js';
import { parseEnvironmentLines } from '../../../src/backends/local/environment-lines.js';
import { noSignal } from './support/fixture.js';

describe('local backend: settings', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(path.join(os.tmpdir(), 'slipway-check-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  const silent = () => undefined;
  const logger = { debug: silent, info: silent, warn: silent, error: silent, child: () => logger };
  const backend = (toolEnvironment: Record<string, string> = {}) =>
    createLocalBackend({
      dataDir,
      publicHost: '127.0.0.1',
      notify: silent,
      clock: () => 0,
      logger,
      allowPlainHttpGit: false,
      toolEnvironment,
    });
  const check = (
    settings: Record<string, unknown>,
    secrets: Record<string, unknown> = {},
    tools: Record<string, string> = {},
  ): Promise<CheckResult> =>
    backend(tools).check({ id: 't', name: 'Test', settings, secrets }, noSignal);

  it('accepts empty settings, also as null', async () => {
    assert.deepEqual(await check({ rootFolder: null, buildCommand: '' }), { ok: true });
  });

  it('names field and line of everything that cannot work, and repeats no secret', async () => {
    const result = await check(
      {
        rootFolder: '../..',
        outputFolder: '/etc',
        healthPath: 'health',
        environment: 'A=1\n\n# note\nPORT=3000\nnonsense\nA=2\n2B=x\nSLIPWAY_X=1\nBOTH=1',
      },
      { secretEnvironment: 'BOTH=s3cr3t-value\ns3cr3t-line' },
    );
    assert.equal(result.ok, false);
    const words = result.ok
      ? []
      : result.problems.map(({ field, message }) => `${field} ${message}`);
    const expected = [
      /^rootFolder .*inside the repository/,
      /^outputFolder .*without a slash in front/,
      /^healthPath Start the path with a slash/,
      /^environment Line 4: PORT is set by Slipway/,
      /^environment Line 5: write it as NAME=value/,
      /^environment Line 6: A is there twice/,
      /^environment Line 7: a name has letters/,
      /^environment Line 8: SLIPWAY_X is set by Slipway/,
      /^secretEnvironment Line 2: write it as NAME=value/,
      /^secretEnvironment BOTH is also among the plain/,
    ];
    assert.equal(words.length, expected.length, words.join('\n'));
    for (const [index, pattern] of expected.entries()) assert.match(words[index] ?? '', pattern);
    assert.doesNotMatch(words.join(), /s3cr3t/);
  });

  it('says when git or npm is missing', async () => {
    const empty = path.join(dataDir, 'no-programs');
    const result = await check({ startCommand: 'npm start' }, {}, { PATH: empty });
    assert.match(JSON.stringify(result), /npm is not installed.*git is not installed/);
    assert.equal((await check({ startCommand: 'node a.js' })).ok, true);
  });

  it('refuses a start command together with an output folder', async () => {
    const result = await check({ startCommand: 'npm start', outputFolder: 'dist' });
    assert.match(JSON.stringify(result), /not both/);
  });

  it('reads environment lines as people write them', () => {
    const { values, problems } = parseEnvironmentLines(
      'export A=1\r\nB = "two words" \nC=\'x=y\'\nD=\n',
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(Object.fromEntries(values), { A: '1', B: 'two words', C: 'x=y', D: '' });
  });

  it('gives every field what a form needs, and marks the secret one', () => {
    for (const [name, field] of Object.entries(backend().settings.shape)) {
      const meta = (field as { meta(): { label?: string; secret?: boolean } | undefined }).meta();
      assert.ok(meta?.label, name);
      assert.equal(meta.secret === true, name === 'secretEnvironment', name);
    }
  });
});
