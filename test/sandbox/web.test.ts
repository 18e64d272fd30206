import assert from 'node:assert/strict';
import { Script } from 'node:vm';

import { at, Bench, call, FakeApp, installIn, type Seed } from './support.js';

describe('sandbox: pages', () => {
  let bench: Bench;
  let app: FakeApp;
  let seed: Seed;

  before(async () => {
    bench = await Bench.start();
    app = await FakeApp.start();
    seed = await bench.seed();
    await installIn(bench, app);
  });

  after(async () => {
    await bench.stop();
    await app.stop();
  });

  const page = (path: string, headers: Record<string, string> = {}) =>
    call(bench.url + path, { headers });

  it('says on every page what it is', async () => {
    const paths = [
      '/',
      '/acme/',
      '/acme/site',
      '/acme/site/commits',
      `/acme/site/commits/${seed.first}`,
    ];
    for (const path of paths) {
      const { status, text, headers } = await page(path);
      assert.equal(status, 200, path);
      assert.match(text, /<strong>Sandbox: Bitbucket Cloud on this machine\.<\/strong>/);
      assert.match(headers.get('content-security-policy') ?? '', /script-src 'self'/);
      assert.ok(!/<script>|<style|style="|onclick=/.test(text), `inline code on ${path}`);
    }
    assert.equal((await page('/acme/none')).status, 404);
    assert.equal((await page('/a/b/c/d')).status, 404);
  });

  it('shows clone address, commits and their builds', async () => {
    const token = await bench.userToken('ada');
    await bench.rest(`repositories/acme/site/commit/${seed.first}/statuses/build`, token, {
      method: 'POST',
      body: {
        key: 'k',
        state: 'FAILED',
        name: 'Slipway: production',
        description: 'exit code 1',
        url: 'http://127.0.0.1:1/d/{repository.full_name}/{commit}',
      },
    });
    const { text } = await page('/acme/site?as=ada');
    assert.match(text, /git clone http:\/\/ada@127\.0\.0\.1:\d+\/acme\/site\.git/);
    assert.match(text, /class="lozenge FAILED">FAILED</);
    assert.match(text, /exit code 1/);
    assert.ok(text.includes(`href="http://127.0.0.1:1/d/acme/site/${seed.first}"`));
  });

  it('escapes whatever people write', async () => {
    const evil = `<img src=x onerror=alert(1)>"'&`;
    await bench.control('POST', 'users', { nickname: 'eve', display_name: evil });
    await bench.push({
      branch: 'feature/"><b>',
      at: 'main',
    });
    await bench.push({
      files: { '<i>.txt': '1' },
      message: evil,
      author: `${evil} <e@example.com>`,
    });
    const commit = await bench.commit({ message: `${evil}\n\n${evil}` });
    for (const path of ['/', '/acme/site', `/acme/site/commits/${commit}`, '/acme/site/commits']) {
      const { text } = await page(path);
      assert.ok(!text.includes('<img src=x'), path);
      assert.ok(!text.includes('"><b>'), path);
      assert.ok(!text.includes('<i>'), path);
    }
    const avatar = await page(`/_avatar/${encodeURIComponent('<script> &')}`);
    assert.ok(!avatar.text.includes('<script>'));
  });

  it('frames the app’s panel for administrators only', async () => {
    const path = '/acme/site/admin/addon/admin/testapp/panel';
    const { status, text, headers } = await page(`${path}?as=ada`);
    assert.equal(status, 200);
    const [frame = ''] = /<iframe[^>]*>/.exec(text) ?? [];
    assert.match(frame, new RegExp(`src="${app.url}/panel\\?workspaceUuid=%7B`));
    assert.match(frame, /&amp;jwt=/);
    assert.ok(!/\bsandbox\b/.test(frame));
    assert.match(text, /aria-current="page"[^>]*>Test app</);
    assert.match(headers.get('set-cookie') ?? '', /HttpOnly/);

    const asBob = await page(`${path}?as=bob`);
    assert.equal(asBob.status, 403);
    assert.ok(!asBob.text.includes('jwt='));
    assert.equal((await page('/acme/site/admin/addon/admin/testapp/none?as=ada')).status, 404);
  });

  it('has the app’s page for all who can read the repository in its navigation', async () => {
    const path = '/acme/site/addon/testapp/overview';
    const { status, text } = await page(`${path}?as=bob`);
    assert.equal(status, 200);
    assert.match(text, new RegExp(`src="${app.url}/overview\\?repoUuid=%7B[^"]*&amp;jwt=`));
    assert.match(text, /aria-current="page"[^>]*>Test overview</);
    assert.match((await page('/acme/site?as=bob')).text, new RegExp(`href="${path}"`));
    assert.equal((await page('/acme/site/addon/testapp/panel?as=ada')).status, 404);
    const asked = 'apps/panel-url?repository=acme/site&user=bob&module=overview';
    assert.match((await bench.control<{ url: string }>('GET', asked)).url, /\/overview\?/);
  });

  it('remembers who looks', async () => {
    const chosen = await page('/acme/site?as=bob');
    const cookie = (chosen.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const next = await page('/acme/site', { Cookie: cookie });
    assert.match(next.text, /Viewing as bob/);
    assert.ok(!next.text.includes('Repository settings'));
    assert.equal((await page('/acme/site/admin', { Cookie: cookie })).status, 403);
  });

  it('hides private repositories from people without access', async () => {
    await bench.control('POST', 'repositories', { workspace: 'acme', slug: 'secret' });
    assert.equal((await page('/acme/secret?as=bob')).status, 404);
    assert.ok(!(await page('/?as=bob')).text.includes('acme/secret'));
    assert.equal((await page('/acme/secret?as=ada')).status, 200);
  });

  it('serves its script and style as files', async () => {
    for (const [path, type] of [
      ['/atlassian-connect/all.js', 'text/javascript'],
      ['/_assets/host.js', 'text/javascript'],
      ['/_assets/sandbox.css', 'text/css'],
    ] as const) {
      const { status, headers, text } = await page(path);
      assert.equal(status, 200);
      assert.ok(headers.get('content-type')?.startsWith(type));
      // Throws where a script would not even parse.
      if (type === 'text/javascript') new Script(text);
    }
  });

  it('answers the links of its own payloads', async () => {
    await bench.push({ tag: 'v1', at: 'main' });
    await bench.idle();
    const event = app.events().at(-1)?.json;
    const links = [
      'data.push.changes.0.new.links.html.href',
      'data.push.changes.0.new.target.links.html.href',
      'data.repository.links.html.href',
      'data.repository.links.avatar.href',
      'data.repository.workspace.links.html.href',
    ].map((path) => String(at(event, path)));
    for (const link of links) assert.ok((await call(link)).status < 400, link);
  });
});
