import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { Fixture, page } from './support/fixture.js';

/** Sends an address as it is; `fetch` would tidy it up first. */
function raw(url: string | undefined, address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(url ?? '').port), '127.0.0.1');
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
    socket.write(`GET ${address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  });
}

describe('local backend: static site', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.open();
  });
  afterEach(() => fixture.close());

  it('serves exactly the commit it was told, also when the branch has moved on', async () => {
    const first = fixture.git.commit({ 'index.html': 'one' });
    fixture.git.commit({ 'index.html': 'two' });
    const end = await fixture.deploy(first);
    assert.deepEqual([end.state, end.commit, end.reason], ['live', first, undefined]);
    assert.equal(await page(end.url), 'one');
  });

  it('answers like a web server', async () => {
    const end = await fixture.deployTree({
      'index.html': '<h1>home</h1>',
      'docs/index.html': 'docs',
      'empty/file.txt': 'text',
      'app.js': 'let a',
      'a b.css': 'x{}',
      '404.html': 'lost',
    });
    const home = await fetch(end.url ?? '');
    assert.equal(home.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(home.headers.get('x-content-type-options'), 'nosniff');
    const etag = home.headers.get('etag') ?? '';
    const modified = home.headers.get('last-modified') ?? '';
    for (const header of [{ 'if-none-match': etag }, { 'if-modified-since': modified }]) {
      assert.equal((await fetch(end.url ?? '', { headers: header })).status, 304);
    }
    assert.equal((await fetch(end.url ?? '', { headers: { 'if-none-match': '"x"' } })).status, 200);

    const head = await fetch(`${end.url}app.js`, { method: 'HEAD' });
    assert.equal(head.headers.get('content-length'), '5');
    assert.equal(head.headers.get('content-type'), 'text/javascript; charset=utf-8');
    assert.equal(await head.text(), '');
    assert.equal(await page(`${end.url}a%20b.css`), 'x{}');

    const folder = await fetch(`${end.url}docs?x=1`, { redirect: 'manual' });
    assert.deepEqual([folder.status, folder.headers.get('location')], [301, '/docs/?x=1']);
    assert.equal(await page(`${end.url}docs`), 'docs');

    const noListing = await fetch(`${end.url}empty/`);
    assert.deepEqual([noListing.status, await noListing.text()], [404, 'lost']);
    assert.equal((await fetch(end.url ?? '', { method: 'POST' })).status, 405);
  });

  it('gives out nothing outside the release and no hidden file', async () => {
    const end = await fixture.deployTree({
      'index.html': 'home',
      '.env': 'hidden',
      'sub/.git-like': 'hidden',
      '.well-known/ok': 'shown',
      passwd: { link: '/etc/passwd' },
      etc: { link: '/etc' },
      up: { link: '../../../../..' },
      'to-env': { link: '.env' },
      alias: { link: 'index.html' },
    });
    assert.equal(end.state, 'live');
    const refused = [
      '/.env',
      '/%2eenv',
      '/sub/.git-like',
      '/to-env',
      '/passwd',
      '/etc/passwd',
      '/up/',
      '/../release.json',
      '/%2e%2e/release.json',
      '/..%2frelease.json',
      '/..%5crelease.json',
      '/sub/../../release.json',
      '/index.html%00.png',
      '/%ff',
      '//etc/passwd',
      '*',
    ];
    for (const address of refused) {
      const answer = await raw(end.url, address);
      assert.match(answer, /^HTTP\/1\.1 40[04] /, address);
      assert.doesNotMatch(answer, /hidden|root:|deploymentId/, address);
    }
    assert.match(await raw(end.url, '/.well-known/ok'), /shown$/);
    assert.match(await raw(end.url, '/alias'), /home$/);
    assert.match(await raw(end.url, '//sub'), /^HTTP\/1\.1 404 /);
  });

  it('never sends a visitor to another host', async () => {
    const end = await fixture.deployTree({ 'index.html': 'home', 'evil.com/index.html': 'x' });
    assert.match(await raw(end.url, '//evil.com'), /\r\nLocation: \/evil\.com\/\r\n/);
  });

  it('shows index.html for unknown pages when the target says so, but not for files', async () => {
    fixture.settings = { spaFallback: true };
    const end = await fixture.deployTree({ 'index.html': 'app' });
    const deep = await fetch(`${end.url}users/1`);
    assert.deepEqual([deep.status, await deep.text()], [200, 'app']);
    assert.equal((await fetch(`${end.url}gone.png`)).status, 404);
  });

  it('lets no browser keep the old page after a switch', async () => {
    const one = await fixture.deployTree({ 'index.html': 'one' });
    const etag = (await fetch(one.url ?? '')).headers.get('etag') ?? '';
    const two = await fixture.deployTree({ 'index.html': 'two' });
    const answer = await fetch(two.url ?? '', { headers: { 'if-none-match': etag } });
    assert.deepEqual([answer.status, await answer.text()], [200, 'two']);
    assert.equal(two.url, one.url);
  });

  it('refuses a site without an index page and keeps the old one', async () => {
    const one = await fixture.deployTree({ 'index.html': 'one' });
    fixture.settings = { outputFolder: 'web' };
    const two = await fixture.deployTree({ 'web/other.html': 'x' });
    assert.equal(two.state, 'failed');
    assert.match(two.reason ?? '', /no index\.html in web/);
    assert.equal(await page(one.url), 'one');
  });
});
