import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runCli, type CliResult } from '../support/e2e/cli.js';
import { inParallel } from '../support/e2e/in-parallel.js';
import { ownFolder, sharedFiles, sharedFixtures } from '../support/e2e/shared-fixtures.js';
import { tempFolder } from '../support/temp-folder.js';

interface Change {
  ref_type: string;
  name: string;
  from: string | null;
  to: string | null;
  kind: string;
}

/** The shape that others build on: these names, in this order. */
const keys = ['ref_type', 'name', 'from', 'to', 'kind'];

/** stdout is one JSON array of such objects and nothing else, stderr is empty, exit code 0. */
function changesOf(result: CliResult): Change[] {
  assert.equal(result.stderr, '');
  assert.equal(result.code, 0);
  assert.match(result.stdout, /^\[.*\]\n$/);
  const changes = JSON.parse(result.stdout) as Change[];
  for (const change of changes) assert.deepEqual(Object.keys(change), keys);
  return changes;
}

function assertRefused(result: CliResult, ...words: RegExp[]): void {
  assert.equal(result.stdout, '');
  assert.equal(result.stderr.split('\n').length, 2, `more than one line: ${result.stderr}`);
  assert.match(result.stderr, /^slipway\b.+\n$/);
  for (const word of words) assert.match(result.stderr, word);
  assert.equal(result.code, 2);
}

const push = (changes: unknown) => JSON.stringify({ push: { changes } });
const hash = (digit: string) => digit.repeat(40);
const branch = (name: string, digit: string) => ({
  type: 'branch',
  name,
  target: { hash: hash(digit) },
});
const update = { old: branch('main', '1'), new: branch('main', '2'), forced: false };
const updated = {
  ref_type: 'branch',
  name: 'main',
  from: hash('1'),
  to: hash('2'),
  kind: 'update',
};

describe('slipway receive', () => {
  const folder = tempFolder('receive');
  after(() => folder.remove());

  function written(name: string, content: string | Buffer): string {
    const file = join(folder.path, name);
    writeFileSync(file, content);
    return file;
  }

  describe('recorded deliveries of ../shared', function () {
    this.timeout(60_000);
    const fixtures = sharedFixtures();
    let results: CliResult[] = [];

    before(async function () {
      if (fixtures.length === 0) {
        console.warn(
          '      skipped: ../shared is not here; the own samples below are what is read',
        );
        this.skip();
      }
      console.log(`      ${fixtures.length} files of ../shared/fixtures/webhooks, read in place`);
      results = await inParallel(3, fixtures, ({ path }) => runCli(['receive', path, '--json']));
    });

    it('has a table row for every file', () => {
      const files = sharedFiles().filter((file) => file !== 'signed.json');
      assert.deepEqual(fixtures.map(({ file }) => file).sort(), files.sort());
    });

    for (const [index, fixture] of fixtures.entries()) {
      it(`${fixture.file}: ${fixture.interpretation ?? 'nothing moved'}`, () => {
        const result = results[index];
        assert.ok(result);
        const changes = changesOf(result);
        const said = changes.map(({ kind, ref_type, name }) => `${kind} ${ref_type} ${name}`);
        const expected = fixture.interpretation?.split('; ') ?? [];
        assert.deepEqual(fixture.isCut ? said.slice(0, expected.length) : said, expected);
        const text = readFileSync(fixture.path, 'utf8');
        assert.deepEqual(
          changes.map(({ from, to }) => ({ from, to })),
          hashesAsSent(text),
        );
      });
    }
  });

  describe('own samples', function () {
    this.timeout(30_000);
    const names = readdirSync(ownFolder);
    let results: CliResult[] = [];
    const samples = names.map(
      (name) =>
        JSON.parse(readFileSync(join(ownFolder, name), 'utf8')) as {
          body: unknown;
          expected: unknown;
        },
    );

    before(async () => {
      results = await inParallel(3, samples, ({ body }, index) =>
        runCli(['receive', '--json', written(`own-${index}.json`, JSON.stringify(body))]),
      );
    });

    for (const [index, name] of names.entries()) {
      it(name, () => {
        const result = results[index];
        assert.ok(result);
        assert.deepEqual(changesOf(result), samples[index]?.expected);
      });
    }
  });

  describe('where it reads from', () => {
    it('standard input', async () => {
      const result = await runCli(['receive', '-', '--json'], { input: push([update]) });
      assert.deepEqual(changesOf(result), [updated]);
    });

    it('standard input that comes late and in pieces', async () => {
      const text = push([update]);
      const result = await runCli(['receive', '--json', '-'], {
        input: (stdin) => {
          void (async () => {
            await delay(150);
            stdin.write(text.slice(0, 30));
            await delay(150);
            stdin.end(text.slice(30));
          })();
        },
      });
      assert.deepEqual(changesOf(result), [updated]);
    });

    it('a file given as standard input', async () => {
      const fd = openSync(written('stdin.json', push([update])), 'r');
      try {
        const result = await runCli(['receive', '-', '--json'], { stdinFd: fd });
        assert.deepEqual(changesOf(result), [updated]);
      } finally {
        closeSync(fd);
      }
    });

    it('a file with a byte order mark', async () => {
      const file = written('bom.json', `\uFEFF${push([update])}`);
      assert.deepEqual(changesOf(await runCli(['receive', file, '--json'])), [updated]);
    });

    it('a file whose name looks like an option, after --', async () => {
      written('--json', push([update]));
      const result = await runCli(['receive', '--json', '--', '--json'], { cwd: folder.path });
      assert.deepEqual(changesOf(result), [updated]);
    });

    it('thirty thousand changes, in order', async () => {
      const names = Array.from({ length: 30_000 }, (_, index) => `batch/${index}`);
      const file = written('huge.json', push(names.map((name) => ({ new: branch(name, 'a') }))));
      const changes = changesOf(await runCli(['receive', file, '--json']));
      assert.deepEqual(
        changes.map(({ name }) => name),
        names,
      );
    });
  });

  describe('what it makes of them', () => {
    const read = async (body: unknown) =>
      changesOf(await runCli(['receive', '-', '--json'], { input: JSON.stringify(body) }));

    it("Connect's wrapper means what is in it", async () => {
      const body = { event: 'repo:push', data: { push: { changes: [update] } } };
      assert.deepEqual(await read(body), [updated]);
    });

    it('a Forge event, flat and under payload, means the same', async () => {
      const event = {
        eventType: 'avi:bitbucket:push:repository',
        push: { ref: 'main', mainbranch: true, before: hash('1'), after: hash('2'), commits: [] },
      };
      assert.deepEqual(await read(event), [updated]);
      assert.deepEqual(await read({ payload: event }), [updated]);
    });

    it('hashes are given as sent, or null', async () => {
      const odd = { old: { type: 'branch', name: 'x' }, new: branch('x', 'F') };
      assert.deepEqual(await read({ push: { changes: [odd] } }), [
        { ref_type: 'branch', name: 'x', from: null, to: hash('F'), kind: 'update' },
      ]);
    });

    it('forced, and the kind of a legacy ref, are told as sent', async () => {
      const forced = { ...update, forced: true };
      const named = { old: null, new: { ...branch('default', '3'), type: 'named_branch' } };
      assert.deepEqual(await read({ push: { changes: [forced, named] } }), [
        { ...updated, kind: 'force' },
        { ref_type: 'named_branch', name: 'default', from: null, to: hash('3'), kind: 'create' },
      ]);
    });

    for (const [what, body] of [
      ['an empty object', {}],
      ['a push of no changes', { push: { changes: [] } }],
      ['another event', { pullrequest: { id: 3 } }],
      ['another event in the wrapper', { event: 'repo:fork', data: { fork: {} } }],
    ] as const) {
      it(`${what} is []`, async () => assert.deepEqual(await read(body), []));
    }

    it('tells it in words without --json', async () => {
      const gone = { old: branch('old', '4'), new: null };
      const result = await runCli(['receive', '-'], { input: push([update, gone]) });
      assert.equal(
        result.stdout,
        `update branch main: ${'1'.repeat(12)} → ${'2'.repeat(12)}\n` +
          `delete branch old: ${'4'.repeat(12)} → (nothing)\n`,
      );
      assert.equal(result.stderr, '');
      assert.equal(result.code, 0);
      const none = await runCli(['receive', '-'], { input: '{}' });
      assert.equal(none.stdout, 'No branch or tag moved.\n');
      assert.equal(none.code, 0);
    });

    it('does not let a branch name write to the terminal', async () => {
      const named = { new: branch('\u001b]0;owned\u0007\u202e\nupdate branch main', 'a') };
      const { stdout } = await runCli(['receive', '-'], { input: push([named]) });
      // eslint-disable-next-line no-control-regex -- these are what must not come through
      assert.doesNotMatch(stdout.trimEnd(), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
    });
  });

  describe('what it refuses, in one line on stderr and with exit code 2', () => {
    const refused: [string, string | Buffer][] = [
      ['nothing at all', ''],
      ['white space', ' \n\n '],
      ['half a document', push([update]).slice(0, -3)],
      ['two documents', `${push([])}\n${push([])}`],
      ['no JSON', 'push: main\npush: dev\n'],
      ['a list', '[]'],
      ['a number', '7'],
      ['null', 'null'],
      ['text', '"push"'],
      ['changes that are an object', '{"push":{"changes":{}}}'],
      ['changes that are text', '{"push":{"changes":"main"}}'],
      ['changes that are null', '{"push":{"changes":null}}'],
      ['a push without changes', '{"push":{}}'],
      ['a push that is a list', '{"push":[]}'],
      ['a wrapped push without changes', '{"event":"repo:push","data":{"push":{}}}'],
      ['UTF-16', Buffer.from(`\uFEFF${push([])}`, 'utf16le')],
      ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x7b])],
      ['a hundred thousand brackets', '['.repeat(100_000)],
    ];
    let results: CliResult[] = [];

    before(async () => {
      results = await inParallel(3, refused, ([, input]) =>
        runCli(['receive', '-', '--json'], { input }),
      );
    });

    for (const [index, [what]] of refused.entries()) {
      it(what, () => {
        const result = results[index];
        assert.ok(result);
        assertRefused(result, /standard input/);
      });
    }

    it('the same from a file, which is then named', async () => {
      const file = written('broken.json', '{"secret":"hunter2"');
      const result = await runCli(['receive', file, '--json']);
      assertRefused(result, /broken\.json/);
      assert.doesNotMatch(result.stderr, /hunter2/);
    });

    it('closed standard input', async () => {
      assertRefused(await runCli(['receive', '-', '--json'], { input: null }));
      assertRefused(await runCli(['receive', '-', '--json']));
    });

    it('a file that is not there', async () => {
      const file = join(folder.path, 'missing.json');
      assertRefused(await runCli(['receive', file, '--json']), /missing\.json/, /ENOENT/);
    });

    it('a folder', async () => {
      mkdirSync(join(folder.path, 'folder'));
      assertRefused(await runCli(['receive', join(folder.path, 'folder'), '--json']), /EISDIR/);
    });

    it('a file that may not be read', async () => {
      const file = written('closed.json', push([]));
      chmodSync(file, 0);
      // Root may read every file, so there it is one that nobody can read.
      const isRoot = process.getuid?.() === 0;
      const result = await runCli(['receive', isRoot ? '/proc/self/mem' : file, '--json']);
      assertRefused(result, isRoot ? /mem: EIO/ : /closed\.json: EACCES/);
    });

    it('a name with a line break, still in one line', async () => {
      assertRefused(await runCli(['receive', 'no\nsuch\u001b[31mfile', '--json']), /ENOENT/);
    });

    for (const [what, args] of [
      ['no file', ['--json']],
      ['two files', ['a.json', 'b.json']],
      ['an unknown option', ['--yaml', 'a.json']],
      ['an option with a value it does not take', ['--json=yes', 'a.json']],
    ] as const) {
      it(what, async () => assertRefused(await runCli(['receive', ...args])));
    }
  });

  it('stores nothing and needs no configuration', async () => {
    const empty = join(folder.path, 'empty');
    mkdirSync(empty);
    const result = await runCli(['receive', '-', '--json'], {
      input: push([update]),
      cwd: empty,
      env: { SLIPWAY_BASE_URL: 'nonsense', SLIPWAY_MASTER_KEY: 'nonsense', PORT: 'nonsense' },
    });
    assert.deepEqual(changesOf(result), [updated]);
    assert.deepEqual(readdirSync(empty), []);
  });
});

/** From the raw document, without any code of ours. */
function hashesAsSent(text: string): { from: string | null; to: string | null }[] {
  type Ref = { target?: { hash?: string } } | null | undefined;
  const body = JSON.parse(text) as { push?: { changes: { old?: Ref; new?: Ref }[] } };
  return (body.push?.changes ?? []).map((change) => ({
    from: change.old?.target?.hash ?? null,
    to: change.new?.target?.hash ?? null,
  }));
}
