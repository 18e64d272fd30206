import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../src/core/errors.js';
import { readPayload } from '../../src/bitbucket/receive.js';

const repoRoot = join(import.meta.dirname, '..', '..');
const ownSamples = join(repoRoot, 'test', 'fixtures', 'bitbucket');
const shared = join(repoRoot, '..', 'shared', 'fixtures', 'webhooks');

describe('readPayload', () => {
  for (const name of readdirSync(ownSamples)) {
    it(`reads ${name}`, () => {
      const sample = JSON.parse(readFileSync(join(ownSamples, name), 'utf8')) as {
        body: unknown;
        expected: unknown;
      };
      assert.deepEqual(readPayload(JSON.stringify(sample.body)), sample.expected);
    });
  }

  it('reads a body with a byte order mark no worse than one without', () => {
    assert.deepEqual(readPayload('\uFEFF{"push":null}'), []);
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['no JSON', '{"push":'],
    ['a list', '[]'],
    ['a number', '7'],
    ['null', 'null'],
    ['push.changes that is no list', '{"push":{"changes":{}}}'],
    ['a push without changes', '{"push":{}}'],
    ['a push that is text', '{"push":"main"}'],
    ['a Forge push without a ref', '{"eventType":"avi:bitbucket:push:repository","push":{}}'],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => readPayload(text), InputError);
    });
  }

  it('never repeats the body in its error', () => {
    assert.throws(
      () => readPayload('{"password":"hunter2"'),
      (error) => error instanceof InputError && !error.message.includes('hunter2'),
    );
  });
});

describe('readPayload on the recorded deliveries', function () {
  before(function () {
    if (existsSync(shared)) return;
    console.warn(`      skipped: ${shared} is not on this machine`);
    this.skip();
  });

  const rows = existsSync(shared) ? readTable(join(shared, 'README.md')) : [];

  it('has a row for every file', () => {
    const files = readdirSync(shared).filter((f) => f.endsWith('.json') && f !== 'signed.json');
    assert.deepEqual(rows.map((row) => row.file).sort(), files.sort());
  });

  for (const { file, interpretation } of rows) {
    it(`${file}: ${interpretation}`, () => {
      const text = readFileSync(join(shared, file), 'utf8');
      const changes = readPayload(text);
      const said = changes.map((c) => `${c.kind} ${c.ref_type} ${c.name}`);
      if (interpretation === '—') return assert.deepEqual(said, []);
      const expected = interpretation.replace(/ …$/, '').split('; ');
      const shown = interpretation.endsWith('…') ? said.slice(0, expected.length) : said;
      assert.deepEqual(shown, expected);
      assert.deepEqual(
        changes.map((c) => [c.from, c.to]),
        rawHashes(text),
      );
    });
  }
});

function readTable(readme: string): { file: string; interpretation: string }[] {
  return readFileSync(readme, 'utf8')
    .split('\n')
    .filter((line) => /^\| [\w-]+\.json \|/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map((cells) => ({ file: cells[1] ?? '', interpretation: cells[3] ?? '' }));
}

/** The hashes as the file has them, read without the code under test. */
function rawHashes(text: string): (string | null)[][] {
  type Ref = { target: { hash: string } } | null | undefined;
  const body = JSON.parse(text) as { push: { changes: { old?: Ref; new?: Ref }[] } };
  return body.push.changes.map((c) => [c.old?.target.hash ?? null, c.new?.target.hash ?? null]);
}
