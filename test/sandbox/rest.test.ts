import assert from 'node:assert/strict';

import {
  at,
  Bench,
  call,
  FakeApp,
  installIn,
  listAt,
  textAt,
  type Answer,
  type Seed,
} from './support.js';

const site = 'repositories/acme/site';

describe('sandbox: REST API', () => {
  let bench: Bench;
  let app: FakeApp;
  let seed: Seed;
  let token: string;

  before(async () => {
    bench = await Bench.start();
    app = await FakeApp.start();
    seed = await bench.seed();
    await installIn(bench, app);
    token = textAt((await app.token(bench)).json, 'access_token');
  });

  after(async () => {
    await bench.stop();
    await app.stop();
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    bench.rest(path, token, { headers });
  const ok = async (path: string): Promise<unknown> => {
    const answer = await get(path);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    return answer.json;
  };
  const names = (page: unknown, field = 'name') =>
    listAt(page, 'values').map((value) => at(value, field));
  const message = (answer: Answer) => at(answer.json, 'error.message');

  describe('credentials', () => {
    it('takes the app’s JWT with its qsh, and refuses it for another request', async () => {
      const path = '/2.0/repositories/acme/site?fields=uuid';
      // Computed with the reference's vector tool, not with the sandbox: see qsh.test.ts.
      const { queryStringHash } = await import('../../src/sandbox/connect/qsh.js');
      const ask = (qsh: string) =>
        call(bench.url + path, { headers: { Authorization: `JWT ${app.jwt({ qsh })}` } });
      assert.equal((await ask(queryStringHash('GET', path))).status, 200);
      assert.equal((await ask(queryStringHash('GET', '/2.0/repositories/acme/site'))).status, 401);
      assert.equal((await ask(queryStringHash('POST', path))).status, 401);
    });

    it('says which scopes are missing, as an object', async () => {
      const narrow = await bench.userToken('ada', 'account');
      const answer = await bench.rest(site, narrow);
      assert.equal(answer.status, 403);
      assert.deepEqual(answer.json, {
        type: 'error',
        error: {
          message: 'Your credentials lack one or more required privilege scopes.',
          detail: { granted: ['account'], required: ['repository'] },
        },
      });
      assert.equal(answer.headers.get('x-oauth-scopes'), 'account');
      assert.equal(answer.headers.get('x-accepted-oauth-scopes'), 'repository');
    });

    it('takes tokens from the header only', async () => {
      assert.equal((await call(`${bench.url}/2.0/${site}?access_token=${token}`)).status, 404);
    });

    it('answers 404 for what the caller may not see', async () => {
      await bench.control('POST', 'workspaces', { slug: 'elsewhere', owner: 'bob' });
      await bench.control('POST', 'repositories', { workspace: 'elsewhere', slug: 'x' });
      const answer = await get('repositories/elsewhere/x');
      assert.equal(answer.status, 404);
      assert.equal(message(answer), 'Repository elsewhere/x not found');
      assert.equal((await get('workspaces/elsewhere')).status, 404);
    });
  });

  describe('errors', () => {
    it('uses the documented texts', async () => {
      assert.equal(message(await get('repositories/acme/nope')), 'Repository acme/nope not found');
      assert.equal(message(await get('workspaces/x')), "No workspace with identifier 'x'.");
      const missing = await get(`${site}/commit/${'0'.repeat(40)}`);
      assert.equal(missing.status, 404);
      assert.equal(message(missing), 'Commit not found');
      assert.deepEqual(at(missing.json, 'error.data'), { shas: ['0'.repeat(40)] });
      assert.deepEqual(at(missing.json, 'data'), { shas: ['0'.repeat(40)] });
      const file = await get(`${site}/src/main/nope.txt`);
      assert.equal(message(file), 'No such file or directory: nope.txt');
    });

    it('says goodbye to the removed listings with 410', async () => {
      const answer = await get('workspaces');
      assert.equal(answer.status, 410);
      assert.equal(message(answer), 'CHANGE-2770 - Functionality has been deprecated');
    });
  });

  describe('repositories and workspaces', () => {
    it('finds them by slug, by uuid and by the empty pair', async () => {
      const uuid = encodeURIComponent(seed.repository.uuid);
      for (const path of [site, `repositories/acme/${uuid}`, `repositories/%7B%7D/${uuid}`]) {
        assert.equal(at(await ok(path), 'full_name'), 'acme/site');
      }
      const workspace = await ok('workspaces/acme');
      const byUuid = await ok(`workspaces/${encodeURIComponent(textAt(workspace, 'uuid'))}`);
      assert.deepEqual(byUuid, workspace);
      assert.equal(at(await ok(`${site}/`), 'mainbranch.name'), 'main');
    });

    it('lists with q, sort, pages and fields', async () => {
      for (const slug of ['shop-10', 'shop-9', 'docs']) {
        await bench.control('POST', 'repositories', { workspace: 'acme', slug });
      }
      const query = new URLSearchParams({ q: 'name ~ "SHOP"', sort: 'name', pagelen: '1' });
      const first = await ok(`repositories/acme?${query.toString()}&fields=next,size,values.name`);
      assert.deepEqual(at(first, 'values'), [{ name: 'shop-9' }]);
      assert.equal(at(first, 'size'), 2);
      assert.equal(at(first, 'page'), undefined);
      const next = textAt(first, 'next');
      assert.ok(next.startsWith(`${bench.url}/2.0/repositories/acme?`));
      const second = await ok(next.slice(`${bench.url}/2.0/`.length));
      assert.deepEqual(names(second), ['shop-10']);
      assert.equal(at(second, 'next'), undefined);
      const exact = new URLSearchParams({ q: 'full_name="acme/docs" AND is_private = true' });
      assert.deepEqual(names(await ok(`repositories/acme?${exact.toString()}`)), ['docs']);
      const either = new URLSearchParams({
        q: '(name = "docs" OR name="site") AND name != "site"',
      });
      assert.deepEqual(names(await ok(`repositories/acme?${either.toString()}`)), ['docs']);
      assert.equal((await get('repositories/acme?q=name%20%3D')).status, 400);
      assert.equal((await get('repositories/acme?pagelen=101')).status, 400);
    });

    it('filters by the caller’s role', async () => {
      const bob = await bench.userToken('bob');
      assert.deepEqual(names((await bench.rest('repositories/acme', bob)).json), ['site']);
      assert.deepEqual(names((await bench.rest('repositories/acme?role=admin', bob)).json), []);
    });

    it('removes fields and takes wildcards', async () => {
      const without = (await ok(`${site}?fields=-links,-owner.links,-workspace.links`)) as object;
      assert.ok(!('links' in without) && 'uuid' in without);
      assert.equal(at(without, 'owner.links'), undefined);
      assert.equal(at(without, 'owner.type'), 'team');
      const star = await ok('repositories/acme?fields=values.*.name');
      assert.ok(at(star, 'values.0.project.name'));
      assert.equal(at(star, 'values.0.uuid'), undefined);
      // What + adds is there anyway; without plain entries nothing is left out.
      assert.equal(at(await ok(`${site}?fields=%2Bslug`), 'full_name'), 'acme/site');
    });

    it('answers 304 to a known ETag', async () => {
      const etag = (await get(site)).headers.get('etag') ?? '';
      assert.match(etag, /^"[0-9a-f]+"$/);
      const again = await get(site, { 'If-None-Match': etag });
      assert.equal(again.status, 304);
      assert.equal(again.text, '');
      await bench.commit();
      assert.equal((await get(site, { 'If-None-Match': etag })).status, 200);
    });

    it('moves former names by switch', async () => {
      await bench.control('POST', 'repositories', { workspace: 'acme', slug: 'before' });
      const rename = { repository: 'acme/before', name: 'after' };
      await bench.control('POST', 'repositories/rename', rename);
      assert.equal((await get('repositories/acme/before')).status, 404);
      await bench.control('POST', 'settings', { redirect_renamed: true });
      const moved = await get('repositories/acme/before/refs?pagelen=5');
      assert.equal(moved.status, 301);
      const wanted = `${bench.url}/2.0/repositories/acme/after/refs?pagelen=5`;
      assert.equal(moved.headers.get('location'), wanted);
      await bench.control('POST', 'settings', { redirect_renamed: false });
    });
  });

  describe('refs and commits', () => {
    it('lists and finds branches and tags, slashes and odd characters included', async () => {
      const odd = 'feature/a#b%c-日本';
      await bench.push({ branch: odd, at: 'main' });
      await bench.push({ branch: 'feature/2', at: 'main' });
      await bench.push({ branch: 'feature/10', at: 'main' });
      await bench.push({ tag: 'v1', at: 'main', annotation: 'One' });
      const query = new URLSearchParams({ q: 'name ~ "feature/1"' });
      assert.deepEqual(names(await ok(`${site}/refs/branches?${query.toString()}`)), [
        'feature/10',
      ]);
      const sorted = names(await ok(`${site}/refs/branches?sort=-name`));
      assert.deepEqual(
        sorted.filter((name) => /\d$/.test(String(name))),
        ['feature/10', 'feature/2'],
      );
      const path = odd.split('/').map(encodeURIComponent).join('/');
      const branch = await ok(`${site}/refs/branches/${path}`);
      assert.equal(at(branch, 'name'), odd);
      assert.equal(at(branch, 'default_merge_strategy'), 'merge_commit');
      assert.equal(at(branch, 'links.self.href'), `${bench.url}/2.0/${site}/refs/branches/${path}`);
      const tag = await ok(`${site}/refs/tags/v1`);
      assert.equal(at(tag, 'message'), 'One\n');
      assert.ok(names(await ok(`${site}/refs`)).includes('v1'));
      assert.equal((await get(`${site}/refs/branches/none`)).status, 404);
    });

    it('reads commits by hash, short hash and branch', async () => {
      const commit = await bench.commit({ message: 'Read me' });
      for (const revision of [commit, commit.slice(0, 9), 'main']) {
        assert.equal(at(await ok(`${site}/commit/${revision}`), 'hash'), commit);
      }
      assert.equal((await get(`${site}/commit/main~1`)).status, 404);
      assert.equal((await get(`${site}/commit/--all`)).status, 404);
    });

    it('lists commits with include, exclude, path and opaque pages', async () => {
      const start = await bench.commit();
      const shas: string[] = [];
      for (const name of ['a', 'b', 'c']) {
        shas.unshift(await bench.commit({ files: { [`${name}/x`]: '1\n' } }));
      }
      const since = await ok(`${site}/commits?include=main&exclude=${start}&pagelen=2`);
      assert.deepEqual(names(since, 'hash'), shas.slice(0, 2));
      assert.equal(at(since, 'size'), undefined);
      const rest = await ok(textAt(since, 'next').slice(`${bench.url}/2.0/`.length));
      assert.deepEqual(names(rest, 'hash'), shas.slice(2));
      assert.equal(at(rest, 'next'), undefined);
      assert.deepEqual(names(await ok(`${site}/commits/main?path=b`), 'hash'), [shas[1]]);
      const posted = await bench.rest(`${site}/commits`, token, {
        method: 'POST',
        body: new URLSearchParams({ include: 'main', exclude: start }),
      });
      assert.deepEqual(names(posted.json, 'hash'), shas);
    });
  });

  describe('diffstat and src', () => {
    it('compares new..old, with renames, counts and pages', async () => {
      const old = await bench.commit({
        files: { 'keep.txt': 'a\nb\nc\nd\ne\n', 'gone.txt': 'x\n' },
      });
      const now = await bench.commit({
        files: {
          'keep.txt': null,
          'moved/kept.txt': 'a\nb\nc\nd\ne\n',
          'gone.txt': null,
          'new.txt': '1\n2\n',
        },
      });
      const page = await ok(`${site}/diffstat/${now}..${old}?topic=false`);
      assert.equal(at(page, 'pagelen'), 500);
      const seen = listAt(page, 'values').map((v) => [
        at(v, 'status'),
        at(v, 'old.path') ?? null,
        at(v, 'new.path') ?? null,
        at(v, 'lines_added'),
        at(v, 'lines_removed'),
      ]);
      assert.deepEqual(seen.sort(), [
        ['added', null, 'new.txt', 2, 0],
        ['removed', 'gone.txt', null, 0, 1],
        ['renamed', 'keep.txt', 'moved/kept.txt', 0, 0],
      ]);
      const backwards = await ok(`${site}/diffstat/${old}..${now}`);
      assert.ok(names(backwards, 'status').includes('renamed'));
      assert.deepEqual(names(backwards, 'new.path').filter(Boolean).sort(), [
        'gone.txt',
        'keep.txt',
      ]);
      const one = await ok(`${site}/diffstat/${now}..${old}?pagelen=1&page=2`);
      assert.equal(listAt(one, 'values').length, 1);
      assert.deepEqual(names(await ok(`${site}/diffstat/${now}`), 'status').length, 3);
      assert.equal((await get(`${site}/diffstat/${now}..${'1'.repeat(40)}`)).status, 404);
    });

    it('uses the merge base for topic=true only', async () => {
      await bench.push({ branch: 'topic', files: { 'topic.txt': 't\n' } });
      await bench.commit({ files: { 'onmain.txt': 'm\n' } });
      const two = await ok(`${site}/diffstat/topic..main`);
      const three = await ok(`${site}/diffstat/topic..main?topic=true`);
      assert.deepEqual(names(two, 'status').sort(), ['added', 'removed']);
      assert.deepEqual(names(three, 'new.path'), ['topic.txt']);
    });

    it('serves files, directories and metadata', async () => {
      await bench.push({ files: { 'docs/deep/a.txt': 'deep\n', 'bin.dat': { base64: 'AP8=' } } });
      const file = await get(`${site}/src/main/docs/readme.md`);
      assert.equal(file.text, '# Docs\n');
      assert.equal(file.headers.get('content-type'), 'text/markdown');
      assert.match(file.headers.get('content-disposition') ?? '', /^attachment/);
      const etag = file.headers.get('etag') ?? '';
      const again = await get(`${site}/src/main/docs/readme.md`, { 'If-None-Match': etag });
      assert.equal(again.status, 304);
      const meta = await ok(`${site}/src/main/docs/readme.md?format=meta`);
      assert.equal(at(meta, 'type'), 'commit_file');
      assert.equal(at(meta, 'size'), 7);
      assert.deepEqual(at(meta, 'attributes'), []);
      const docs = await ok(`${site}/src/main/docs`);
      assert.deepEqual(names(docs, 'path'), ['docs/deep', 'docs/readme.md']);
      const deep = await ok(`${site}/src/main/?max_depth=3&pagelen=100`);
      assert.ok(names(deep, 'path').includes('docs/deep/a.txt'));
      const root = await ok(`${site}/src/main/?pagelen=100`);
      assert.ok(!names(root, 'path').includes('docs/deep'));
    });
  });

  describe('build statuses', () => {
    const path = () => `${site}/commit/${seed.first}/statuses/build`;
    const body = { key: 'k', state: 'INPROGRESS', url: 'http://127.0.0.1:1/x', name: 'N' };
    const post = (value: unknown) => bench.rest(path(), token, { method: 'POST', body: value });

    it('creates, overwrites and updates, and keeps every write', async () => {
      assert.equal((await post(body)).status, 201);
      const again = await post({ ...body, state: 'SUCCESSFUL', description: 'Done' });
      assert.equal(again.status, 201);
      assert.equal(at(again.json, 'type'), 'build');
      assert.equal(at(again.json, 'refname'), null);
      const put = await bench.rest(`${path()}/k`, token, {
        method: 'PUT',
        body: { key: 'ignored', state: 'FAILED', url: body.url },
      });
      assert.equal(put.status, 200);
      assert.equal(at(put.json, 'key'), 'k');
      assert.equal(at(put.json, 'description'), 'Done');
      const list = await ok(`${site}/commit/${seed.first}/statuses`);
      assert.deepEqual(names(list, 'state'), ['FAILED']);
      const query = `statuses?repository=acme/site&commit=${seed.first}`;
      const history = listAt(await bench.control('GET', query), 'statuses');
      assert.deepEqual(
        history.map((entry) => [at(entry, 'method'), at(entry, 'state')]),
        [
          ['POST', 'INPROGRESS'],
          ['POST', 'SUCCESSFUL'],
          ['PUT', 'FAILED'],
        ],
      );
      const missing = await bench.rest(`${path()}/none`, token, { method: 'PUT', body });
      assert.equal(missing.status, 404);
    });

    it('refuses long keys with the documented body, and what else is wrong', async () => {
      const long = await post({ ...body, key: 'k'.repeat(48) });
      assert.equal(long.status, 400);
      assert.deepEqual(long.json, {
        type: 'error',
        error: {
          message: 'key: Ensure this value has at most 40 characters (it has 48).',
          fields: { key: ['Ensure this value has at most 40 characters (it has 48).'] },
        },
      });
      assert.equal((await post({ ...body, key: 'k'.repeat(40) })).status, 201);
      const wrong = [
        { ...body, state: 'DONE' },
        { ...body, url: '/relative' },
        { ...body, url: undefined },
        { ...body, key: undefined },
        { ...body, description: 'd'.repeat(256) },
      ];
      for (const value of wrong) assert.equal((await post(value)).status, 400);
      assert.equal((await post('{')).status, 400);
    });

    it('takes a trailing slash and form bodies', async () => {
      const answer = await bench.rest(`${path()}/`, token, {
        method: 'POST',
        body: new URLSearchParams({ ...body, key: 'form' }),
      });
      assert.equal(answer.status, 201);
    });
  });

  describe('people', () => {
    it('knows who the token belongs to', async () => {
      const ada = await bench.rest('user', await bench.userToken('ada'));
      assert.equal(at(ada.json, 'nickname'), 'ada');
      assert.equal(at(ada.json, 'account_status'), 'active');
      assert.equal(at(await ok('user'), 'type'), 'team');
      const own = await bench.rest('user/workspaces', await bench.userToken('bob'));
      const acme = listAt(own.json, 'values').find((v) => at(v, 'workspace.slug') === 'acme');
      assert.equal(at(acme, 'administrator'), false);
      assert.equal(at(acme, 'workspace.name'), undefined);
    });

    it('answers the permission calls', async () => {
      const ask = (user: string) => {
        const q = new URLSearchParams({ q: `user.uuid="${user}"` });
        return get(`workspaces/acme/permissions/repositories/site?${q.toString()}`);
      };
      assert.deepEqual(names((await ask(seed.ada.uuid)).json, 'permission'), ['admin']);
      assert.deepEqual(names((await ask(seed.bob.uuid)).json, 'permission'), ['read']);
      const q = new URLSearchParams({ q: 'repository.full_name="acme/site"' });
      const own = await bench.rest(
        `user/workspaces/acme/permissions/repositories?${q.toString()}`,
        await bench.userToken('bob'),
      );
      assert.deepEqual(names(own.json, 'permission'), ['read']);
      const asBob = await bench.rest(
        'workspaces/acme/permissions/repositories/site',
        await bench.userToken('bob'),
      );
      assert.equal(asBob.status, 403);
      await bench.control('POST', 'settings', { app_may_read_permissions: false });
      assert.equal((await ask(seed.ada.uuid)).status, 403);
      assert.equal((await get(site)).status, 200);
      await bench.control('POST', 'settings', { app_may_read_permissions: true });
    });
  });
});
