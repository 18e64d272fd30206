import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import {
  at,
  Bench,
  call,
  FakeApp,
  git,
  installIn,
  listAt,
  textAt,
  withFolder,
  type Seed,
} from './support.js';

const refusal = /You may not have access to this repository or it no longer exists/;

describe('sandbox: git over HTTP', () => {
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

  beforeEach(() => {
    app.received.length = 0;
  });

  const as = (user: 'ada' | 'bob') => bench.cloneUrl(user, seed[user].git_password);

  const commitFile = async (folder: string, name: string, content: string | Buffer) => {
    await writeFile(join(folder, name), content);
    await git(folder, 'add', '-A');
    await git(folder, 'commit', '-qm', `Add ${name}`);
  };

  it('refuses strangers with 401 and Bitbucket’s words', async () => {
    const url = `${bench.url}/acme/site.git/info/refs?service=git-upload-pack`;
    const anonymous = await call(url);
    assert.equal(anonymous.status, 401);
    assert.match(anonymous.headers.get('www-authenticate') ?? '', /^Basic realm=/);
    assert.match(anonymous.text, refusal);
    await withFolder(async (folder) => {
      const wrong = bench.cloneUrl('ada', 'wrong');
      await assert.rejects(git(folder, 'clone', wrong, 'x'), (error: Error) => {
        assert.match(error.message, /remote: You may not have access/);
        assert.match(error.message, /Authentication failed/);
        return true;
      });
      const missing = bench.cloneUrl('ada', seed.ada.git_password, 'acme/nothing');
      await assert.rejects(git(folder, 'clone', missing, 'x'), /Authentication failed/);
    });
    const token = await bench.userToken('ada');
    const bearer = await call(url, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(bearer.status, 401);
  });

  it('lets readers read and only writers push', async () => {
    await withFolder(async (folder) => {
      await git(folder, 'clone', '-q', as('bob'), 'site');
      const site = join(folder, 'site');
      await commitFile(site, 'bob.txt', 'bob\n');
      await assert.rejects(git(site, 'push', '-q', 'origin', 'main'), /403/);
    });
    await bench.idle();
    assert.equal(app.events().length, 0);
  });

  it('lets an app clone with its token, but not push with read scope', async () => {
    const token = textAt((await app.token(bench)).json, 'access_token');
    await withFolder(async (folder) => {
      await git(folder, 'clone', '-q', bench.cloneUrl('x-token-auth', token), 'site');
      const site = join(folder, 'site');
      await commitFile(site, 'app.txt', 'app\n');
      await assert.rejects(git(site, 'push', '-q', 'origin', 'main'), /403/);
    });
    const operations = listAt(await bench.control('GET', 'git'), 'operations');
    const fetched = operations.findLast((o) => at(o, 'kind') === 'fetch');
    assert.equal(at(fetched, 'user_kind'), 'token');
    assert.equal(at(fetched, 'user'), 'testapp');
    assert.ok(!JSON.stringify(operations).includes(token));
  });

  it('takes one push of several refs as one event', async () => {
    await withFolder(async (folder) => {
      await git(folder, 'clone', '-q', as('ada'), 'site');
      const site = join(folder, 'site');
      await commitFile(site, 'multi.txt', 'multi\n');
      await git(site, 'branch', 'feature/x');
      await git(site, 'tag', 'light');
      await git(site, 'tag', '-a', '-m', 'Heavy', 'heavy');
      await git(site, 'push', '-q', 'origin', 'main', 'feature/x', 'light', 'heavy');
      await bench.idle();
      assert.equal(app.events().length, 1);
      const changes = listAt(app.events()[0]?.json, 'data.push.changes');
      const head = (await git(site, 'rev-parse', 'HEAD')).trim();
      assert.deepEqual(
        changes.map((c) => [at(c, 'new.type'), at(c, 'new.name'), at(c, 'new.target.hash')]),
        [
          ['branch', 'feature/x', head],
          ['branch', 'main', head],
          ['tag', 'heavy', head],
          ['tag', 'light', head],
        ],
      );
      assert.equal(at(changes[2], 'new.message'), 'Heavy\n');
      assert.equal(at(changes[3], 'new.message'), null);
    });
  });

  it('sees forced updates and deletions, and no event for a push that changes nothing', async () => {
    await withFolder(async (folder) => {
      await git(folder, 'clone', '-q', as('ada'), 'site');
      const site = join(folder, 'site');
      await git(site, 'checkout', '-qb', 'topic');
      await commitFile(site, 'a.txt', 'a\n');
      await git(site, 'push', '-q', 'origin', 'topic');
      await git(site, 'commit', '-q', '--amend', '-m', 'Amended');
      await git(site, 'push', '-qf', 'origin', 'topic');
      await git(site, 'push', '-q', 'origin', 'topic');
      await git(site, 'push', '-q', 'origin', ':topic');
    });
    await bench.idle();
    const seen = app.events().map((e) => {
      const change = at(e.json, 'data.push.changes.0');
      return [at(change, 'created'), at(change, 'forced'), at(change, 'closed')];
    });
    assert.deepEqual(seen, [
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
  });

  it('hands out a commit that is no tip, unless told not to', async () => {
    const past = await bench.commit();
    await bench.commit();
    const fetch = (folder: string) => git(folder, 'fetch', '-q', '--depth=1', as('ada'), past);
    await withFolder(async (folder) => {
      await git(folder, 'init', '-q');
      await fetch(folder);
      assert.equal((await git(folder, 'rev-parse', 'FETCH_HEAD')).trim(), past);
    });
    await bench.control('POST', 'settings', { git_allow_any_sha: false });
    await withFolder(async (folder) => {
      await git(folder, 'init', '-q');
      await assert.rejects(fetch(folder), /unadvertised object|not our ref/);
      // Branches can still be fetched.
      await git(folder, 'fetch', '-q', '--depth=1', as('ada'), 'main');
    });
    await bench.control('POST', 'settings', { git_allow_any_sha: true });
  });

  it('takes large pushes in chunked encoding', async () => {
    await withFolder(async (folder) => {
      await git(folder, 'clone', '-q', as('ada'), 'site');
      const site = join(folder, 'site');
      // Above git's http.postBuffer of 1 MiB the body is sent in chunks.
      await commitFile(site, 'large.bin', randomBytes(3 * 1024 * 1024));
      await git(site, 'push', '-q', 'origin', 'main');
      const { changes } = await bench.push({ files: { 'small.txt': '1\n' } });
      assert.equal(changes[0]?.from, (await git(site, 'rev-parse', 'HEAD')).trim());
    });
  });

  it('inflates gzipped request bodies', async () => {
    const line = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text;
    const tip = await bench.commit();
    const body = gzipSync(`${line(`want ${tip} no-progress\n`)}0000${line('done\n')}`);
    const answer = await new Promise<string>((resolve, reject) => {
      const sent = request(
        `${bench.url}/acme/site.git/git-upload-pack`,
        {
          method: 'POST',
          headers: {
            'Content-Type': 'application/x-git-upload-pack-request',
            'Content-Encoding': 'gzip',
            Authorization: `Basic ${Buffer.from(`ada:${seed.ada.git_password}`).toString('base64')}`,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
    assert.match(answer, /^0008NAK\nPACK/);
  });

  it('takes pushes to different branches at the same time, one event each', async () => {
    await withFolder(async (folder) => {
      const names = ['one', 'two', 'three'];
      await Promise.all(
        names.map(async (name) => {
          await git(folder, 'clone', '-q', as('ada'), name);
          const site = join(folder, name);
          await git(site, 'checkout', '-qb', `parallel-${name}`);
          await commitFile(site, `${name}.txt`, name);
          await git(site, 'push', '-q', 'origin', `parallel-${name}`);
        }),
      );
      await bench.idle();
      const pushed = app.events().map((e) => {
        assert.equal(listAt(e.json, 'data.push.changes').length, 1);
        return at(e.json, 'data.push.changes.0.new.name');
      });
      assert.deepEqual(pushed.sort(), ['parallel-one', 'parallel-three', 'parallel-two']);
    });
  });

  it('ends git when it stops, also in the middle of a push', async () => {
    const own = await Bench.start();
    const { ada } = await own.seed();
    const hanging = request(`${own.url}/acme/site.git/git-receive-pack`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/x-git-receive-pack-request',
        Authorization: `Basic ${Buffer.from(`ada:${ada.git_password}`).toString('base64')}`,
      },
    });
    const cut = once(hanging, 'error');
    hanging.write('00');
    const pushing = async () =>
      listAt(await own.control('GET', 'git'), 'operations').some((o) => at(o, 'kind') === 'push');
    while (!(await pushing()));
    const started = Date.now();
    await own.stop();
    assert.ok(Date.now() - started < 2_000);
    await cut;
  });

  it('makes the first branch that arrives the main branch', async () => {
    await bench.control('POST', 'repositories', { workspace: 'acme', slug: 'fresh' });
    const token = await bench.userToken('ada');
    const empty = await bench.rest('repositories/acme/fresh', token);
    assert.equal(at(empty.json, 'mainbranch'), null);
    await withFolder(async (folder) => {
      await git(folder, 'init', '-q', '--initial-branch=trunk');
      await commitFile(folder, 'a.txt', 'a\n');
      const url = bench.cloneUrl('ada', seed.ada.git_password, 'acme/fresh');
      await git(folder, 'push', '-q', url, 'trunk');
    });
    const filled = await bench.rest('repositories/acme/fresh', token);
    assert.equal(at(filled.json, 'mainbranch.name'), 'trunk');
  });

  it('serves public repositories without credentials', async () => {
    await bench.control('POST', 'repositories', {
      workspace: 'acme',
      slug: 'open',
      is_private: false,
      files: { a: 'a\n' },
    });
    await withFolder(async (folder) => {
      await git(folder, 'clone', '-q', `${bench.url}/acme/open.git`, 'open');
      assert.equal(await git(join(folder, 'open'), 'show', 'HEAD:a'), 'a\n');
    });
  });
});
