import assert from 'node:assert/strict';
import { AccessError, BitbucketError } from '../../src/core/errors.js';
import type { Bitbucket, BuildStatus } from '../../src/core/ports.js';
import { Limiters } from '../../src/bitbucket/limiter.js';
import { clientKey, Peer, repository, repositoryPath, workspaceUuid, type Answer } from './peer.js';

const userUuid = '{2f1e9a10-2222-4bbb-8ccc-abcdefabcdef}';
const status: BuildStatus = {
  key: 'slipway-t1',
  state: 'SUCCESSFUL',
  name: 'Slipway: Production',
  description: 'Live',
  url: 'https://slipway.example/d/abc',
  refName: 'main',
};

const unavailable = 'bitbucket_unavailable';
const html = { 'content-type': 'text/html' };
const names = (...all: string[]) => all.map((name) => ({ name }));

describe('createBitbucket', () => {
  let peer: Peer;
  let bitbucket: Bitbucket;

  beforeEach(async () => {
    peer = new Peer();
    await peer.start();
    bitbucket = peer.client().bitbucket;
  });
  afterEach(() => {
    peer.stop();
  });

  /** Answers API calls only; tokens come as usual. Answers are given in turn, the last one for ever. */
  function apiAnswers(...answers: Answer[]): void {
    let turn = 0;
    peer.answer = (seen) => {
      if (!seen.url.startsWith('/2.0/')) return null;
      const answer = answers[Math.min(turn, answers.length - 1)];
      turn += 1;
      return answer ?? null;
    };
  }

  async function failure(call: Promise<unknown>): Promise<BitbucketError> {
    const error = await call.then(
      () => assert.fail('it worked'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof BitbucketError, String(error));
    return error;
  }

  const read = () => bitbucket.repository(workspaceUuid, repository.uuid);
  const found = {
    uuid: repository.uuid,
    full_name: 'acme-inc/site',
    name: 'Site',
    is_private: false,
    mainbranch: { name: 'main' },
    workspace: { uuid: workspaceUuid },
  };

  it('asks again under the ETag of the last answer, and takes a 304 for the same', async () => {
    const changed = { ...found, name: 'Renamed' };
    apiAnswers(
      { body: found, headers: { etag: '"one"' } },
      { status: 304, headers: { etag: '"one"' }, body: '' },
      { body: changed, headers: { etag: '"two"' } },
      { status: 304, body: '' },
    );
    const names = [await read(), await read(), await read(), await read()].map((one) => one?.name);
    assert.deepEqual(names, ['Site', 'Site', 'Renamed', 'Renamed']);
    const asked = peer.seen.filter(({ url }) => url.startsWith('/2.0/'));
    assert.deepEqual(
      asked.map(({ headers }) => headers['if-none-match']),
      [undefined, '"one"', '"one"', '"two"'],
    );
  });

  it('keeps no answer of a call that writes', async () => {
    apiAnswers({ body: {}, headers: { etag: '"one"' } });
    await bitbucket.setBuildStatus(repository, 'a'.repeat(40), status);
    await bitbucket.setBuildStatus(repository, 'a'.repeat(40), status);
    assert.ok(peer.seen.every(({ headers }) => headers['if-none-match'] === undefined));
  });

  describe('repository', () => {
    it('asks by encoded uuids, trimmed to what is read, with the app token in the header', async () => {
      apiAnswers({ body: found });
      assert.deepEqual(await read(), {
        uuid: repository.uuid,
        workspaceUuid,
        fullName: 'acme-inc/site',
        name: 'Site',
        mainBranch: 'main',
        isPrivate: false,
      });
      assert.ok(peer.api[0]?.url.startsWith(`${repositoryPath}?fields=uuid%2Cfull_name%2C`));
      assert.equal(peer.api[0]?.headers.authorization, 'Bearer token-1');
    });

    it('knows an empty repository, which has no main branch', async () => {
      apiAnswers({ body: { ...found, mainbranch: null } });
      assert.equal((await read())?.mainBranch, null);
    });

    it('is null where Bitbucket shows nothing', async () => {
      apiAnswers({ status: 404, body: { type: 'error', error: { message: 'not found' } } });
      assert.equal(await read(), null);
    });
  });

  describe('errors', () => {
    const cases: [string, Answer, string, RegExp?][] = [
      [
        'a scope that is missing, with an object in detail',
        {
          status: 403,
          body: { error: { message: 'lack scopes', detail: { required: ['webhook'] } } },
        },
        'bitbucket_refused',
        /403 lack scopes/,
      ],
      [
        'an API that is gone',
        { status: 410, body: { type: 'error', error: { message: 'CHANGE-2770 - gone' } } },
        'bitbucket_refused',
        /CHANGE-2770/,
      ],
      ['a page in HTML', { status: 502, headers: html, body: '<h1>secret</h1>' }, unavailable],
      ['a page in HTML that says 200', { headers: html, body: '<h1>Login</h1>' }, unavailable],
      ['a timeout of theirs', { status: 555, body: 'x' }, unavailable],
      ['a redirect', { status: 302, headers: { location: '/login' }, body: '' }, unavailable],
      ['JSON of another shape', { body: { values: [] } }, unavailable],
      ['a cut connection', {}, unavailable],
    ];
    for (const [what, answer, code, message] of cases) {
      it(`names ${what}`, async () => {
        apiAnswers(answer);
        const error = await failure(read());
        assert.equal(error.code, code);
        assert.doesNotMatch(error.message, /<h1>|secret|token-/);
        if (message) assert.match(error.message, message);
      });
    }

    it('passes on how long to wait, in seconds or as a date, from JSON and from plain text', async () => {
      apiAnswers({ status: 429, headers: { 'retry-after': '90' }, body: 'Rate limit' });
      const seconds = await failure(read());
      assert.equal(seconds.code, 'bitbucket_rate_limited');
      assert.equal(seconds.retryAfterMs, 90_000);

      bitbucket = peer.client().bitbucket;
      const until = new Date(peer.clockMs + 120_000).toUTCString();
      apiAnswers({ status: 429, headers: { 'retry-after': until }, body: { error: {} } });
      assert.equal((await failure(read())).retryAfterMs, 120_000);
    });
  });

  describe('a 401', () => {
    it('gets one more try with a fresh token', async () => {
      apiAnswers({ status: 401, body: {} }, { body: found });
      assert.equal((await read())?.name, 'Site');
      assert.deepEqual(
        peer.api.map((seen) => seen.headers.authorization),
        ['Bearer token-1', 'Bearer token-2'],
      );
    });

    it('is final the second time', async () => {
      apiAnswers({ status: 401, body: { error: { message: 'Token is invalid' } } });
      const error = await failure(read());
      assert.equal(error.code, 'bitbucket_refused');
      assert.equal(peer.api.length, 2);
    });

    it('costs one exchange when many calls meet it at once', async () => {
      apiAnswers({ body: found });
      await read();
      peer.answer = (seen) =>
        seen.headers.authorization === 'Bearer token-1'
          ? { status: 401, body: {} }
          : seen.url.startsWith('/2.0/')
            ? { body: found }
            : null;
      await Promise.all([read(), read(), read()]);
      assert.equal(peer.exchanges.length, 2);
    });
  });

  describe('trying again', () => {
    it('backs off with full jitter under a doubling step until the patience is used up', async () => {
      apiAnswers({ status: 503, body: '' });
      assert.equal((await failure(read())).code, unavailable);
      // Half of 1, 2 and 4 s; half of 8 s would outlast 5 s.
      assert.deepEqual(peer.slept, [500, 1000, 2000]);
    });

    it('stops growing at 60 s in the background', async () => {
      bitbucket = peer.client({ patienceMs: 600_000 }).bitbucket;
      apiAnswers({ status: 500, body: '' });
      await failure(read());
      assert.equal(Math.max(...peer.slept), 30_000);
      assert.ok(peer.slept.length > 15);
    });

    it('honours Retry-After', async () => {
      apiAnswers({ status: 429, headers: { 'retry-after': '3' }, body: 'wait' }, { body: found });
      assert.equal((await read())?.name, 'Site');
      assert.deepEqual(peer.slept, [3000]);
    });

    it('does not wait for what would outlast the patience', async () => {
      apiAnswers({ status: 429, headers: { 'retry-after': '6' }, body: 'wait' });
      await failure(read());
      assert.deepEqual(peer.slept, []);
      assert.equal(peer.api.length, 1);
    });

    it('does not repeat what would be refused again', async () => {
      apiAnswers({ status: 403, body: {} });
      await failure(read());
      assert.equal(peer.api.length, 1);
    });

    it('pauses every client of that credential, and no other, while a limit lasts', async () => {
      const limiters = new Limiters(() => peer.clockMs);
      const first = peer.client({ limiters }).bitbucket;
      const second = peer.client({ limiters }).bitbucket;
      apiAnswers({ status: 429, headers: { 'retry-after': '60' }, body: 'wait' }, { body: found });
      await failure(first.repository(workspaceUuid, repository.uuid));
      const held = await failure(second.repository(workspaceUuid, repository.uuid));
      assert.equal(held.code, 'bitbucket_rate_limited');
      assert.equal(held.retryAfterMs, 60_000);
      assert.equal(peer.api.length, 1);
      await second.repository('{another-workspace}', repository.uuid);
      peer.clockMs += 60_001;
      await second.repository(workspaceUuid, repository.uuid);
      assert.equal(peer.api.length, 3);
    });

    it('stops waiting when the process stops, with what was wrong', async () => {
      const controller = new AbortController();
      const sleep = (_ms: number, signal?: AbortSignal) => {
        controller.abort();
        return Promise.reject(new Error(String(signal?.aborted)));
      };
      bitbucket = peer.client({ signal: controller.signal, sleep }).bitbucket;
      apiAnswers({ status: 503, body: '' });
      assert.equal((await failure(read())).status, 503);
      assert.equal(peer.api.length, 1);
    });

    it('gives up when the process stops', async () => {
      bitbucket = peer.client({ signal: AbortSignal.abort() }).bitbucket;
      apiAnswers({ body: found });
      assert.equal((await failure(read())).code, unavailable);
      assert.equal(peer.api.length, 0);
    });
  });

  describe('head', () => {
    const target = {
      hash: 'a'.repeat(40),
      message: 'ship it\n',
      author: { raw: 'Sam <s@example.com>' },
    };

    it('reads branches with slashes and tags by their own path', async () => {
      apiAnswers({ body: { target } });
      assert.deepEqual(await bitbucket.head(repository, 'branch', 'feature/été'), {
        hash: target.hash,
        message: 'ship it\n',
        author: 'Sam',
      });
      await bitbucket.head(repository, 'tag', 'v1');
      const paths = peer.api.map((seen) => seen.url.split('?')[0]);
      assert.deepEqual(paths, [
        `${repositoryPath}/refs/branches/feature/%C3%A9t%C3%A9`,
        `${repositoryPath}/refs/tags/v1`,
      ]);
    });

    it('looks odd names up by query', async () => {
      apiAnswers({ body: { values: [{ target }] } });
      const head = await bitbucket.head(repository, 'branch', 'fix#12"x');
      assert.equal(head?.hash, target.hash);
      const url = new URL(peer.api[0]?.url ?? '', peer.baseUrl);
      assert.equal(url.searchParams.get('q'), 'name="fix#12\\"x"');
    });

    it('is null for a ref that is gone, but throws when the repository is', async () => {
      apiAnswers({ status: 404, body: {} }, { body: { values: [] } });
      assert.equal(await bitbucket.head(repository, 'branch', 'gone'), null);
      apiAnswers({ status: 404, body: {} });
      assert.equal(
        (await failure(bitbucket.head(repository, 'branch', 'main'))).code,
        'repository_gone',
      );
    });

    it('never climbs out of the folder of refs', async () => {
      apiAnswers({ body: { target } });
      for (const name of ['../../../x', '.hidden', 'a//b', '']) {
        assert.equal(await bitbucket.head(repository, 'branch', name), null);
      }
      assert.equal(peer.api.length, 0);
    });
  });

  describe('branches', () => {
    it('follows pages until it has enough', async () => {
      apiAnswers(
        {
          body: {
            next: `${peer.baseUrl}${repositoryPath}/refs/branches?page=2`,
            values: names('a', 'b'),
          },
        },
        { body: { next: `${peer.baseUrl}/2.0/x?page=3`, values: names('c', 'd') } },
      );
      assert.deepEqual(await bitbucket.branches(repository, 3), ['a', 'b', 'c']);
      assert.equal(peer.api.length, 2);
      assert.match(peer.api[0]?.url ?? '', /pagelen=3&/);
    });

    it('takes no token to another host', async () => {
      apiAnswers({ body: { next: 'https://evil.example/2.0/x', values: names('a') } });
      const error = await failure(bitbucket.branches(repository, 50));
      assert.match(error.message, /another host/);
    });
  });

  describe('permission', () => {
    it('asks for one user and takes the highest', async () => {
      apiAnswers({ body: { values: [{ permission: 'read' }, { permission: 'admin' }] } });
      assert.equal(await bitbucket.permission(repository, userUuid), 'admin');
      const url = new URL(peer.api[0]?.url ?? '', peer.baseUrl);
      assert.equal(url.searchParams.get('q'), `user.uuid="${userUuid}"`);
      assert.match(
        url.pathname,
        /^\/2\.0\/workspaces\/%7B7d3f.*\/permissions\/repositories\/%7B0a1b/,
      );
    });

    for (const [answer, expected] of [
      [{ body: { values: [] } }, 'none'],
      [{ body: { values: [{ permission: 'none' }] } }, 'none'],
      [{ status: 403, body: {} }, 'unknown'],
      [{ status: 404, body: {} }, 'unknown'],
    ] as const) {
      it(`says ${expected} for ${JSON.stringify(answer)}`, async () => {
        apiAnswers(answer);
        assert.equal(await bitbucket.permission(repository, userUuid), expected);
      });
    }

    it('sends nothing for what is no user uuid', async () => {
      assert.equal(await bitbucket.permission(repository, '" OR permission="admin'), 'none');
      assert.equal(peer.seen.length, 0);
    });
  });

  describe('memberName', () => {
    const name = () => bitbucket.memberName(workspaceUuid, userUuid);

    it('asks for one member by both uuids, and for nothing but the name', async () => {
      apiAnswers({ body: { user: { display_name: 'Sam Dev' } } });
      assert.equal(await name(), 'Sam Dev');
      const [workspace, person] = [workspaceUuid, userUuid].map(encodeURIComponent);
      const path = `/2.0/workspaces/${workspace}/members/${person}`;
      assert.equal(peer.api[0]?.url, `${path}?fields=user.display_name`);
    });

    for (const answer of [{ status: 403, body: {} }, { status: 404, body: {} }, { body: {} }]) {
      it(`is null for ${JSON.stringify(answer)}`, async () => {
        apiAnswers(answer);
        assert.equal(await name(), null);
      });
    }

    it('throws when nothing can be said now', async () => {
      apiAnswers({ status: 502, headers: html, body: '' });
      assert.equal((await failure(name())).code, unavailable);
    });

    it('sends nothing for what is no uuid', async () => {
      assert.equal(await bitbucket.memberName(workspaceUuid, '..'), null);
      assert.equal(peer.seen.length, 0);
    });
  });

  describe('setBuildStatus', () => {
    it('posts to the commit and cuts long texts', async () => {
      apiAnswers({ status: 201, body: {} });
      await bitbucket.setBuildStatus(repository, 'abc123', {
        ...status,
        description: `${'x'.repeat(253)}🚀🚀`,
      });
      const [sent] = peer.api;
      assert.equal(sent?.method, 'POST');
      assert.equal(sent?.url, `${repositoryPath}/commit/abc123/statuses/build`);
      const body = JSON.parse(sent?.body ?? '') as Record<string, string>;
      assert.equal(body['description'], `${'x'.repeat(253)}…`);
      assert.equal(body['refname'], 'main');
      assert.equal(body['key'], 'slipway-t1');
    });

    it('leaves refname out when there is no branch', async () => {
      apiAnswers({ status: 201, body: {} });
      await bitbucket.setBuildStatus(repository, 'abc123', { ...status, refName: null });
      assert.ok(!(peer.api[0]?.body ?? '').includes('refname'));
    });

    it('refuses a key that Bitbucket would refuse', async () => {
      const call = bitbucket.setBuildStatus(repository, 'a', { ...status, key: 'k'.repeat(41) });
      await assert.rejects(call, RangeError);
      assert.equal(peer.seen.length, 0);
    });
  });

  describe('clone', () => {
    it('has an address without credentials', () => {
      assert.equal(bitbucket.cloneUrl(repository), `${peer.baseUrl}/acme-inc/site.git`);
    });

    it('gives a token for this repository, from the cache until asked for a fresh one', async () => {
      const first = await bitbucket.cloneCredential(repository);
      assert.deepEqual(first, {
        username: 'x-token-auth',
        password: 'token-1',
        expiresAt: peer.clockMs + 7_200_000,
        kind: 'app',
        source: 'connect',
        name: 'the app of the workspace (Connect)',
      });
      assert.equal((await bitbucket.cloneCredential(repository)).password, 'token-1');
      const fresh = await bitbucket.cloneCredential(repository, { refused: [first] });
      assert.equal(fresh.password, 'token-2');
      await assert.rejects(
        bitbucket.cloneCredential(repository, { refused: [first, fresh] }),
        (error: BitbucketError) => error.code === 'bitbucket_refused',
      );
      const form = new URLSearchParams(peer.exchanges[0]?.body);
      assert.equal(form.get('bitbucket_repository'), repository.uuid);
    });

    it('waits for a token endpoint that stumbles', async () => {
      let turn = 0;
      peer.answer = () => ((turn += 1) === 1 ? { status: 503, body: '' } : null);
      assert.equal((await bitbucket.cloneCredential(repository)).password, 'token-1');
    });
  });

  describe('proveInstallation', () => {
    const proof = { clientKey, sharedSecret: 'fresh-secret', workspaceUuid };
    const unconfirmed = (error: unknown) =>
      error instanceof AccessError && error.code === 'installation_unconfirmed';

    it('exchanges the received secret and compares the workspace', async () => {
      apiAnswers({ body: { uuid: workspaceUuid.toUpperCase(), slug: 'acme-inc', name: 'Acme' } });
      assert.deepEqual(await bitbucket.proveInstallation(proof), {
        slug: 'acme-inc',
        name: 'Acme',
      });
      assert.match(peer.api[0]?.url ?? '', /^\/2\.0\/workspaces\/%7B7d3f0c52-/);
    });

    it('is not proved by a refused secret, another workspace or a hidden one', async () => {
      peer.answer = () => ({ status: 401, body: { error: 'unauthorized_client' } });
      await assert.rejects(bitbucket.proveInstallation(proof), unconfirmed);
      apiAnswers({ body: { uuid: '{other}', slug: 'x', name: 'x' } });
      await assert.rejects(bitbucket.proveInstallation(proof), unconfirmed);
      apiAnswers({ status: 404, body: {} });
      await assert.rejects(bitbucket.proveInstallation(proof), unconfirmed);
    });

    it('compares the workspace inside a registered client key without asking anybody', async () => {
      const foreign = { ...proof, workspaceUuid: '{ffffffff-1111-4a2b-9c3d-0123456789ab}' };
      await assert.rejects(bitbucket.proveInstallation(foreign), unconfirmed);
      assert.equal(peer.seen.length, 0);
    });

    it('tells network trouble apart', async () => {
      peer.answer = () => ({});
      assert.equal((await failure(bitbucket.proveInstallation(proof))).code, unavailable);
      peer.answer = () => ({ status: 502, headers: html, body: '<html>' });
      assert.equal((await failure(bitbucket.proveInstallation(proof))).code, unavailable);
      peer.answer = () => ({ status: 404, headers: html, body: '<html>' });
      assert.equal((await failure(bitbucket.proveInstallation(proof))).code, unavailable);
    });
  });
});
