import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { BuildLog } from '../../../src/backends/local/build-log.js';
import { mostUsefulLine, reasonOf } from '../../../src/backends/local/deploy-failure.js';
import { chooseOutputFolder, detect } from '../../../src/backends/local/detect.js';
import { Masker } from '../../../src/backends/local/masker.js';
import { parseProcfile } from '../../../src/backends/local/procfile.js';
import { UserRegistry } from '../../../src/backends/local/user-registry.js';
import { usersFrom } from '../../../src/backends/local/users.js';

const noSettings = { buildCommand: '', startCommand: '', outputFolder: '' };

describe('local backend: parts', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-parts-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function files(content: Record<string, string>): void {
    for (const [name, text] of Object.entries(content)) {
      const file = path.join(folder, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }

  describe('detection', () => {
    const node = (scripts: object, more: object = {}) => JSON.stringify({ scripts, ...more });
    const dependencies = { dependencies: { left: '1' } };
    const cases: [string, Record<string, string>, Partial<typeof noSettings>, unknown][] = [
      ['plain page', { 'index.html': '' }, {}, ['static', '.', []]],
      ['page in public', { 'public/index.html': '' }, {}, ['static', 'public', []]],
      ['Procfile', { Procfile: 'web: run me', 'index.html': '' }, {}, ['process', 'run me', []]],
      [
        'start script with packages',
        {
          'package.json': node({ start: 'x', build: 'y' }, dependencies),
          'package-lock.json': '{}',
        },
        {},
        ['process', 'npm start', ['npm ci', 'npm run build']],
      ],
      [
        'no lockfile',
        { 'package.json': node({ start: 'x' }, dependencies) },
        {},
        ['process', 'npm start', ['npm install']],
      ],
      [
        'nothing to install',
        { 'package.json': node({ start: 'x' }) },
        {},
        ['process', 'npm start', []],
      ],
      [
        'pnpm',
        { 'package.json': node({ build: 'x' }, dependencies), 'pnpm-lock.yaml': '' },
        {},
        ['static', null, ['pnpm install --frozen-lockfile', 'pnpm run build']],
      ],
      [
        'an output folder wins over a start script',
        { 'package.json': node({ start: 'x', build: 'y' }) },
        { outputFolder: 'web' },
        ['static', 'web', ['npm run build']],
      ],
      [
        'own build command replaces the script, packages are installed first',
        { 'package.json': node({ build: 'y' }, dependencies) },
        { buildCommand: 'make' },
        ['static', null, ['npm install', 'make']],
      ],
      [
        'own build command that installs by itself',
        { 'package.json': node({ build: 'y' }, dependencies) },
        { buildCommand: 'npm ci && make' },
        ['static', null, ['npm ci && make']],
      ],
      [
        'own start command',
        { 'index.html': '' },
        { startCommand: './go' },
        ['process', './go', []],
      ],
    ];
    for (const [name, content, settings, expected] of cases) {
      it(name, async () => {
        files(content);
        const plan = await detect(folder, { ...noSettings, ...settings });
        const what = plan.kind === 'process' ? plan.startCommand : plan.folder;
        assert.deepEqual([plan.kind, what, plan.steps.map(({ command }) => command)], expected);
      });
    }

    it('says what is wrong with a package.json', async () => {
      files({ 'package.json': '{ "scripts": ' });
      await assert.rejects(detect(folder, noSettings), /package\.json is not valid JSON/);
    });

    it('takes the folder the build made before one that was there', async () => {
      files({ 'public/index.html': '', 'build/index.html': '' });
      assert.equal(await chooseOutputFolder(folder, ['public']), 'build');
      assert.equal(await chooseOutputFolder(folder, []), 'public');
    });

    it('reads Procfiles', () => {
      const text = '# a: b\n web: one two \r\nbad line\nweb: second\nrelease:   go';
      assert.deepEqual(
        [...parseProcfile(text)],
        [
          ['web', 'one two'],
          ['release', 'go'],
        ],
      );
    });
  });

  describe('masking', () => {
    it('knows a secret in base64 wherever it starts, and when it is encoded for a URL', () => {
      const secret = 'p/ss:w?rd&99';
      const masker = new Masker([secret]);
      for (const before of ['', 'u', 'us', 'use', 'user:']) {
        const encoded = Buffer.from(`${before}${secret}`).toString('base64');
        assert.ok(masker.apply(encoded).includes('••'), before);
        assert.ok(!masker.apply(encoded).includes(encoded.slice(8, 18)), before);
      }
      for (const text of [encodeURIComponent(secret), JSON.stringify(secret)]) {
        assert.match(masker.apply(`x=${text}`), /^x="?••+"?$/);
      }
      assert.equal(new Masker(['1']).apply('line 1'), 'line 1');
    });

    it('finds secrets that come in pieces or in lines without end', async () => {
      const secret = 'secret-'.repeat(3);
      const file = path.join(folder, 'log');
      const log = new BuildLog(file, new Masker([secret]), 1_000_000, () => undefined);
      const source = new Readable({ read: () => undefined });
      const flood = `${'x'.repeat(16_380)}${secret}${'y'.repeat(40_000)}${secret}`;
      for (let at = 0; at < flood.length; at += 7)
        log.take(Buffer.from(flood.slice(at, at + 7)), source);
      log.take(Buffer.from(`\r\nfifty\u001b[31m red ${secret.slice(0, 5)}`), source);
      log.take(Buffer.from(`${secret.slice(5)}\n`), source);
      await log.close();
      const text = readFileSync(file, 'utf8');
      assert.equal(text.match(/••••••/g)?.length, 3);
      assert.ok(!text.includes('secre') && !text.includes('\u001b'));
      assert.match(text, /\nfifty red ••••••\n$/);
    });
  });

  it('finds the line that says most', () => {
    const lines = [
      'compiling',
      'src/a.ts(1,2): error TS1: bad',
      '    at run (x.js:1:2)',
      '',
      'npm error A complete log of this run',
      'done',
    ];
    assert.equal(mostUsefulLine(lines), 'src/a.ts(1,2): error TS1: bad');
    assert.equal(mostUsefulLine(['one', 'two', '']), 'two');
    assert.equal(mostUsefulLine([]), null);
  });

  it('has a sentence for a full disk and none of the inside for the unforeseen', () => {
    const full = Object.assign(new Error('ENOSPC: write /data/x'), { code: 'ENOSPC' });
    assert.match(reasonOf(full), /disk of this machine is full/);
    assert.doesNotMatch(reasonOf(new Error('/data/secret')), /secret/);
  });

  it('gives no user id to two targets, also not of another Slipway', () => {
    return claims(folder);
  });
});

async function claims(folder: string): Promise<void> {
  // Two registries on one folder: two Slipways on one machine.
  const registries = [1, 2].map(() => new UserRegistry(path.join(folder, 'users'), 64_000));
  const targets = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => path.join(folder, name));
  for (const target of targets) mkdirSync(target);
  const claimed: Promise<number>[] = [];
  for (const [index, target] of targets.entries()) {
    const registry = registries[index % 2];
    if (registry !== undefined) claimed.push(registry.claim(target, null));
  }
  const firsts = await Promise.all(claimed);
  const ids = firsts.flatMap((first) => {
    const { fetch, build, apps } = usersFrom(first ?? null);
    return [fetch, build, ...apps].map((user) => user?.uid);
  });
  assert.equal(new Set(ids).size, 24);
  const [one] = firsts;
  assert.equal(await registries[1]?.claim(targets[0] ?? '', one ?? null), one);
  assert.notEqual(await registries[1]?.claim(targets[1] ?? '', one ?? null), one);
  // A target whose folder is gone needs its users no more.
  rmSync(targets[0] ?? '', { recursive: true });
  mkdirSync(path.join(folder, 'g'));
  assert.equal(await registries[0]?.claim(path.join(folder, 'g'), null), one);
}
