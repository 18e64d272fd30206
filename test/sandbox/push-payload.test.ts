import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { at, Bench, FakeApp, installIn, listAt, textAt } from './support.js';

/** Recorded payloads, where they are at hand; the tables below hold without them. */
const recorded = resolve(import.meta.dirname, '../../../shared/fixtures/webhooks');

/** The names at every level, lists looked through by their first entry. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((n) => [n, shapeOf((value as Record<string, unknown>)[n])]));
}

describe('sandbox: push payloads', () => {
  let bench: Bench;
  let app: FakeApp;

  before(async () => {
    bench = await Bench.start();
    app = await FakeApp.start();
    await bench.seed();
    await installIn(bench, app);
  });

  after(async () => {
    await bench.stop();
    await app.stop();
  });

  const payloadOf = async (body: Record<string, unknown>): Promise<unknown> => {
    // What earlier pushes of the test have caused arrives first.
    await bench.idle();
    app.received.length = 0;
    await bench.push(body);
    await bench.idle();
    assert.equal(app.events().length, 1);
    return at(app.events()[0]?.json, 'data');
  };
  const flags = (change: unknown) => [
    at(change, 'created'),
    at(change, 'closed'),
    at(change, 'forced'),
  ];
  const linkNames = (change: unknown) => {
    const links = at(change, 'links');
    return links === undefined ? undefined : Object.keys(links as object).sort();
  };
  const has = (change: unknown, name: string) => Object.hasOwn(change as object, name);

  it('has the three parts, and the condensed repository', async () => {
    const payload = await payloadOf({ files: { 'a.txt': '1\n' } });
    assert.deepEqual(Object.keys(payload as object), ['push', 'repository', 'actor']);
    const repository = at(payload, 'repository') as object;
    for (const absent of ['mainbranch', 'slug', 'clone']) assert.ok(!has(repository, absent));
    assert.equal(at(repository, 'full_name'), 'acme/site');
    assert.equal(at(payload, 'actor.nickname'), 'ada');
    assert.ok(!has(at(payload, 'actor'), 'username'));
  });

  it('update: commits since, diff link from new to old', async () => {
    const payload = await payloadOf({ files: { 'a.txt': '2\n' }, message: 'Change a' });
    const change = at(payload, 'push.changes.0');
    assert.deepEqual(flags(change), [false, false, false]);
    assert.deepEqual(linkNames(change), ['commits', 'diff', 'html']);
    const [from, to] = [textAt(change, 'old.target.hash'), textAt(change, 'new.target.hash')];
    const api = `${bench.url}/2.0/repositories/acme/site`;
    assert.equal(at(change, 'links.commits.href'), `${api}/commits?include=${to}&exclude=${from}`);
    assert.equal(at(change, 'links.diff.href'), `${api}/diff/${to}..${from}`);
    assert.equal(listAt(change, 'commits').length, 1);
    assert.equal(at(change, 'commits.0.message'), 'Change a\n');
    assert.equal(at(change, 'commits.0.author.raw'), 'Ada Example <ada@example.com>');
    assert.equal(at(change, 'commits.0.author.user.nickname'), 'ada');
    assert.match(textAt(change, 'new.target.date'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
  });

  it('create: the newest of the whole history, five at most, truncated', async () => {
    for (let i = 0; i < 5; i += 1) await bench.commit();
    const payload = await payloadOf({ branch: 'feature/new', at: 'main' });
    const change = at(payload, 'push.changes.0');
    assert.deepEqual(flags(change), [true, false, false]);
    assert.equal(at(change, 'old'), null);
    assert.equal(listAt(change, 'commits').length, 5);
    assert.equal(at(change, 'truncated'), true);
    assert.deepEqual(linkNames(change), ['commits', 'html']);
    assert.equal(at(change, 'new.links.html.href'), `${bench.url}/acme/site/branch/feature/new`);
  });

  it('exactly five new commits are not truncated', async () => {
    const shas: string[] = [];
    for (let i = 0; i < 5; i += 1) shas.unshift(await bench.commit({ branch: 'feature/five' }));
    // Moved back, then forward over all five in one push.
    await bench.push({ branch: 'feature/five', at: `main`, force: true });
    const payload = await payloadOf({ branch: 'feature/five', at: shas[0] });
    const change = at(payload, 'push.changes.0');
    assert.deepEqual(
      listAt(change, 'commits').map((c) => at(c, 'hash')),
      shas,
    );
    assert.equal(at(change, 'truncated'), false);
  });

  it('force: no diff link, commits are new without old', async () => {
    const base = await bench.commit({ branch: 'rewritten' });
    await bench.commit({ branch: 'rewritten' });
    const payload = await payloadOf({
      branch: 'rewritten',
      parent: base,
      force: true,
      files: { 'b.txt': 'b\n' },
    });
    const change = at(payload, 'push.changes.0');
    assert.deepEqual(flags(change), [false, false, true]);
    assert.deepEqual(linkNames(change), ['commits', 'html']);
    assert.equal(listAt(change, 'commits').length, 1);
  });

  it('delete: neither commits nor links', async () => {
    const payload = await payloadOf({ branch: 'rewritten', delete: true });
    const change = at(payload, 'push.changes.0');
    assert.deepEqual(flags(change), [false, true, false]);
    assert.equal(at(change, 'new'), null);
    assert.ok(!has(change, 'commits') && !has(change, 'links'));
  });

  it('tags: lightweight, annotated, moved, deleted', async () => {
    const light = at(await payloadOf({ tag: 'v1', at: 'main' }), 'push.changes.0');
    assert.deepEqual(linkNames(light), ['commits']);
    assert.ok(!has(light, 'commits'));
    assert.deepEqual(
      ['message', 'date', 'tagger'].map((name) => at(light, `new.${name}`)),
      [null, null, null],
    );
    const heavy = at(
      await payloadOf({ tag: 'v2', at: 'main', annotation: 'Two' }),
      'push.changes.0',
    );
    assert.equal(at(heavy, 'new.message'), 'Two\n');
    assert.equal(at(heavy, 'new.target.type'), 'commit');
    await bench.commit();
    const moved = at(await payloadOf({ tag: 'v1', at: 'main', force: true }), 'push.changes.0');
    assert.deepEqual(flags(moved), [false, false, true]);
    assert.deepEqual(linkNames(moved), ['commits']);
    const gone = at(await payloadOf({ tag: 'v2', delete: true }), 'push.changes.0');
    assert.deepEqual(flags(gone), [false, true, false]);
    assert.equal(at(gone, 'old.message'), 'Two\n');
  });

  it('several changes keep the order in which they were named', async () => {
    const payload = await payloadOf({
      changes: [
        { tag: 'z', at: 'main' },
        { branch: 'b-second', files: { x: '1\n' } },
        { branch: 'a-third', files: { y: '1\n' } },
      ],
    });
    assert.deepEqual(
      listAt(payload, 'push.changes').map((c) => at(c, 'new.name')),
      ['z', 'b-second', 'a-third'],
    );
  });

  it('authors without an account, and no actor', async () => {
    const payload = await payloadOf({
      user: null,
      author: 'Eve <eve@elsewhere.example>',
      files: { 'été/日本.txt': '🚀\n' },
      message: 'Grüße <b>',
    });
    assert.equal(at(payload, 'actor'), null);
    const author = at(payload, 'push.changes.0.commits.0.author');
    assert.deepEqual(author, { type: 'author', raw: 'Eve <eve@elsewhere.example>' });
    assert.equal(at(payload, 'push.changes.0.commits.0.summary.html'), '<p>Grüße &lt;b&gt;</p>');
  });

  const compared: [string, () => Promise<unknown>][] = [
    ['constructed-push-first-push-empty-repo', firstPush],
    [
      'constructed-push-renovate-branch',
      () => payloadOf({ branch: 'renovate/x', files: { x: '1' } }),
    ],
  ];
  for (const [name, make] of compared) {
    it(`has every name of ${name}.json at every level`, async function () {
      const file = resolve(recorded, `${name}.json`);
      if (!existsSync(file)) {
        console.log(`      skipped: ${name}.json is not on this machine`);
        return this.skip();
      }
      const wanted: unknown = JSON.parse(await readFile(file, 'utf8'));
      assertCovers(shapeOf(await make()), shapeOf(wanted), '');
    });
  }

  async function firstPush(): Promise<unknown> {
    app.received.length = 0;
    await bench.control('POST', 'repositories', {
      workspace: 'acme',
      slug: 'brand-new',
      user: 'ada',
      files: { a: 'a\n' },
    });
    await bench.idle();
    return at(app.events()[0]?.json, 'data');
  }
});

/** Every recorded name is there, and nothing is an object here and a text there. */
function assertCovers(ours: unknown, theirs: unknown, path: string): void {
  // Optional parts of a commit's author, and empty lists, say nothing about shape.
  if (theirs === '[]' || ours === '[]' || theirs === 'null' || ours === 'null') return;
  if (typeof theirs !== 'object' || theirs === null) {
    assert.equal(ours, theirs, path);
    return;
  }
  assert.equal(typeof ours, 'object', `${path} is no object`);
  for (const [name, inner] of Object.entries(theirs)) {
    const below = at(ours, name);
    const where = `${path}.${name}`;
    assert.notEqual(below, undefined, `${where} is missing`);
    assertCovers(below, inner, where);
  }
  const known = Object.keys(theirs);
  const extra = Object.keys(ours as object).filter((name) => !known.includes(name));
  assert.deepEqual(
    extra.filter((name) => name !== 'user'),
    [],
    `${path} has more than Bitbucket sends`,
  );
}
