import assert from 'node:assert/strict';

import { makeConsumer, signIn } from './oauth-support.js';
import {
  at,
  Bench,
  call,
  git,
  listAt,
  textAt,
  withFolder,
  type Answer,
  type Seed,
} from './support.js';

const site = 'repositories/acme/site';

describe('sandbox: workspaces, people, changes and limits', () => {
  let bench: Bench;
  let seed: Seed;
  let ada: string;
  let bob: string;

  beforeEach(async () => {
    bench = await Bench.start();
    seed = await bench.seed();
    ada = await bench.userToken('ada', 'account repository webhook');
    bob = await bench.userToken('bob', 'account repository webhook');
  });

  afterEach(() => bench.stop());

  const slugs = (answer: Answer) =>
    listAt(answer.json, 'values').map((value) => at(value, 'workspace.slug'));
  const permissions = (answer: Answer) =>
    listAt(answer.json, 'values').map((value) => at(value, 'permission'));

  describe('workspaces', () => {
    it('are listed by the replacement of the removed calls, with filter, order and pages', async () => {
      await bench.control('POST', 'workspaces', { slug: 'zebra', owner: 'ada' });
      await bench.control('POST', 'workspaces', { slug: 'beta', owner: 'bob' });
      assert.deepEqual(slugs(await bench.rest('user/workspaces?sort=-slug', ada)), [
        'zebra',
        'acme',
      ]);
      const q = new URLSearchParams({ q: 'slug ~ "ze"' });
      const found = await bench.rest(`user/workspaces?${q.toString()}`, ada);
      assert.deepEqual(slugs(found), ['zebra']);
      assert.equal(at(found.json, 'values.0.slug'), undefined);
      assert.equal(at(found.json, 'pagelen'), 25);
      assert.deepEqual(slugs(await bench.rest('user/workspaces?administrator=true', bob)), [
        'beta',
      ]);
      const page = await bench.rest('user/workspaces?sort=slug&pagelen=1', ada);
      assert.deepEqual(slugs(page), ['acme']);
      const next = await call(textAt(page.json, 'next'), {
        headers: { Authorization: `Bearer ${ada}` },
      });
      assert.deepEqual(slugs(next), ['zebra']);
      const trailing = await bench.rest('user/workspaces/', ada);
      assert.equal(trailing.status, 200);
    });

    it('say what the caller is in them', async () => {
      const own = await bench.rest('user/workspaces/acme/permission', ada);
      assert.equal(at(own.json, 'permission'), 'owner');
      assert.equal(at(own.json, 'workspace.name'), 'Acme');
      const member = await bench.rest('user/workspaces/acme/permission', bob);
      assert.equal(at(member.json, 'permission'), 'member');
      await bench.control('POST', 'members', { workspace: 'acme', user: 'bob', role: 'none' });
      assert.equal((await bench.rest('user/workspaces/acme/permission', bob)).status, 403);
    });

    it('list their members', async () => {
      const members = await bench.rest('workspaces/acme/members', ada);
      assert.deepEqual(
        listAt(members.json, 'values').map((value) => at(value, 'user.nickname')),
        ['ada', 'bob'],
      );
    });

    it('tell of one member, and of nobody else', async () => {
      const bobs = `workspaces/acme/members/${encodeURIComponent(seed.bob.uuid)}`;
      const member = await bench.rest(bobs, ada);
      assert.equal(at(member.json, 'user.nickname'), 'bob');
      await bench.control('POST', 'members', { workspace: 'acme', user: 'bob', role: 'none' });
      assert.equal((await bench.rest(bobs, ada)).status, 404);
      assert.equal((await bench.rest('workspaces/acme/members/nobody', ada)).status, 404);
    });

    it('change their slug; uuids go on working', async () => {
      await bench.control('POST', 'workspaces/update', { workspace: 'acme', slug: 'apex' });
      assert.equal((await bench.rest('workspaces/acme', ada)).status, 404);
      assert.equal((await bench.rest(site, ada)).status, 404);
      const uuid = encodeURIComponent(seed.repository.uuid);
      const found = await bench.rest(`repositories/%7B%7D/${uuid}`, ada);
      assert.equal(at(found.json, 'full_name'), 'apex/site');
      await bench.control('POST', 'settings', { redirect_renamed: true });
      const moved = await bench.rest(site, ada);
      assert.equal(moved.status, 301);
      assert.match(moved.headers.get('location') ?? '', /\/2\.0\/repositories\/apex\/site$/);
    });
  });

  describe('permissions', () => {
    it('are filtered by rank and by list', async () => {
      await bench.control('POST', 'repositories', {
        workspace: 'acme',
        slug: 'second',
        permissions: { bob: 'write' },
      });
      const ask = async (q: string) => {
        const search = new URLSearchParams({ q, sort: 'repository.name' });
        const path = `user/workspaces/acme/permissions/repositories?${search.toString()}`;
        return permissions(await bench.rest(path, bob));
      };
      assert.deepEqual(await ask('permission>"read"'), ['write']);
      assert.deepEqual(await ask('permission>="read"'), ['write', 'read']);
      assert.deepEqual(await ask('repository.full_name IN ("acme/site", "x/y")'), ['read']);
      assert.deepEqual(await ask('repository.full_name NOT IN ("acme/site")'), ['write']);
      assert.deepEqual(await ask(`repository.uuid="${seed.repository.uuid}"`), ['read']);
    });

    it('given explicitly need repository:admin, which implies nothing else', async () => {
      const path = `${site}/permissions-config/users/${encodeURIComponent(seed.bob.uuid)}`;
      const admin = await bench.userToken('ada', 'repository:admin');
      assert.equal(at((await bench.rest(path, admin)).json, 'permission'), 'read');
      assert.equal((await bench.rest(path, ada)).status, 403);
      assert.equal((await bench.rest(site, admin)).status, 403);
    });

    it('end when somebody loses them or leaves; their token lives on and reads nothing', async () => {
      const consumer = await makeConsumer(bench);
      const { access } = await signIn(bench, consumer, 'bob');
      assert.equal((await bench.rest(site, access)).status, 200);
      await bench.control('POST', 'members', { workspace: 'acme', user: 'bob', role: 'none' });
      assert.equal((await bench.rest('user', access)).status, 200);
      assert.equal((await bench.rest(site, access)).status, 404);
      await bench.control('POST', 'settings', { hidden_status: 403 });
      assert.equal((await bench.rest(site, access)).status, 403);
      await bench.control('POST', 'members', { workspace: 'acme', user: 'ada', role: 'member' });
      assert.equal((await bench.rest(`${site}/hooks`, ada)).status, 200);
      await bench.control('POST', 'permissions', {
        repository: 'acme/site',
        user: 'ada',
        permission: 'read',
      });
      assert.equal((await bench.rest(`${site}/hooks`, ada)).status, 403);
    });
  });

  it('repositories become private and public', async () => {
    const anonymous = () => call(`${bench.url}/2.0/${site}`);
    const update = (is_private: boolean) =>
      bench.control('POST', 'repositories/update', { repository: 'acme/site', is_private });
    await update(false);
    assert.equal((await anonymous()).status, 200);
    await update(true);
    assert.equal((await anonymous()).status, 404);
  });

  it('lists describe the repositories of their page', async () => {
    for (const slug of ['a', 'b', 'c']) {
      await bench.control('POST', 'repositories', { workspace: 'acme', slug });
    }
    const query =
      'role=admin&sort=-name&pagelen=2&page=1&fields=next,values.name,values.mainbranch';
    const page = await bench.rest(`repositories/acme?${query}`, ada);
    assert.deepEqual(at(page.json, 'values'), [
      { name: 'site', mainbranch: { type: 'branch', name: 'main' } },
      { name: 'c', mainbranch: null },
    ]);
    const q = new URLSearchParams({ q: 'mainbranch.name="main"' });
    const filtered = await bench.rest(`repositories/acme?${q.toString()}`, ada);
    assert.deepEqual(
      listAt(filtered.json, 'values').map((value) => at(value, 'name')),
      ['site'],
    );
  });

  describe('rate limits', () => {
    const limit = (changes: object) =>
      bench.control('POST', 'settings', { rate_limits: true, rate_limit_api: 2, ...changes });
    const text = 'Rate limit for this resource has been exceeded';

    it('count for the person, whatever token they use, and by kind', async () => {
      await limit({ rate_limit_hooks: 1 });
      const other = await bench.userToken('ada', 'repository');
      assert.equal((await bench.rest(site, ada)).status, 200);
      assert.equal((await bench.rest(site, other)).status, 200);
      const over = await bench.rest(site, ada);
      assert.equal(over.status, 429);
      assert.deepEqual(over.json, { type: 'error', error: { message: text } });
      assert.equal(over.headers.get('retry-after'), null);
      assert.equal(over.headers.get('x-ratelimit-limit'), null);
      assert.equal((await bench.rest(`${site}/hooks`, ada)).status, 200);
      assert.equal((await bench.rest(`${site}/hooks`, ada)).status, 429);
      assert.equal((await bench.rest('user', ada)).status, 200);
      assert.equal((await bench.rest(site, bob)).status, 200);
    });

    it('are the documented figures unless changed', async () => {
      const settings = await bench.control('GET', 'settings');
      assert.equal(at(settings, 'rate_limit_api'), 1_000);
      assert.equal(at(settings, 'rate_limits'), false);
    });

    it('open again within the rolling hour', async () => {
      await limit({
        rate_limit_body: 'text',
        rate_limit_retry_after: true,
        token_lifetime_s: 7_200,
      });
      ada = await bench.userToken('ada');
      await bench.rest(site, ada);
      await bench.control('POST', 'clock', { offset_ms: 1_800_000 });
      await bench.rest(site, ada);
      const over = await bench.rest(site, ada);
      assert.equal(over.status, 429);
      assert.equal(over.text, text);
      const wait = Number(over.headers.get('retry-after'));
      assert.ok(wait > 1_700 && wait <= 1_800, String(wait));
      await bench.control('POST', 'clock', { offset_ms: 3_601_000 });
      assert.equal((await bench.rest(site, ada)).status, 200);
      assert.equal((await bench.rest(site, ada)).status, 429);
    });

    it('are told to access tokens, and to strangers in another way', async () => {
      await limit({ rate_limit_anonymous: 1 });
      const made = await bench.control('POST', 'access-tokens', { repository: 'acme/site' });
      const answer = await bench.rest(site, textAt(made, 'access_token'));
      assert.equal(answer.headers.get('x-ratelimit-limit'), '2');
      assert.equal(answer.headers.get('x-ratelimit-resource'), 'api');
      assert.equal(answer.headers.get('x-ratelimit-nearlimit'), 'false');
      await call(`${bench.url}/2.0/${site}`);
      const over = await call(`${bench.url}/2.0/${site}`);
      assert.equal(over.status, 429);
      assert.equal(over.headers.get('x-ratelimit-remaining'), '0');
      assert.ok(Number(over.headers.get('x-ratelimit-reset')) <= 3_600);
    });

    it('hold for git, too', async () => {
      await limit({ rate_limit_git: 1 });
      await withFolder(async (folder) => {
        const url = bench.cloneUrl('x-token-auth', ada);
        await git(folder, 'ls-remote', url).catch(() => undefined);
        await assert.rejects(git(folder, 'ls-remote', url), /429/);
      });
    });
  });
});
