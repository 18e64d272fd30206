import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import {
  Browser,
  callbackUrl,
  makeConsumer,
  refresh,
  signIn,
  tokenRequest,
  type Consumer,
} from './oauth-support.js';
import { at, Bench, git, textAt, withFolder, type Answer } from './support.js';

const day = 24 * 3_600_000;

describe('sandbox: OAuth consumers', () => {
  let bench: Bench;
  let consumer: Consumer;
  let browser: Browser;

  beforeEach(async () => {
    bench = await Bench.start();
    await bench.seed();
    consumer = await makeConsumer(bench);
    browser = await new Browser(bench).signIn('ada');
  });

  afterEach(() => bench.stop());

  const query = (changes: Record<string, string> = {}) => ({
    client_id: consumer.key,
    response_type: 'code',
    ...changes,
  });
  const exchange = (code: string, more: Record<string, string> = {}, who = consumer) =>
    tokenRequest(bench, who, { grant_type: 'authorization_code', code, ...more });
  const codeFor = async (changes: Record<string, string> = {}) =>
    (await browser.grant(query(changes))).get('code') ?? '';
  const error = (answer: Answer) => [
    at(answer.json, 'error'),
    at(answer.json, 'error_description'),
  ];

  describe('the authorize page', () => {
    it('says who asks for what and who is signed in', async () => {
      const page = await browser.open(query());
      assert.equal(page.status, 200);
      for (const text of ['Deployer', 'Acme', 'Ada Example', 'Grant access', 'Deny']) {
        assert.ok(page.text.includes(text), text);
      }
      assert.match(page.text, /Read and change your repositories’ webhooks/);
      assert.match(page.headers.get('content-security-policy') ?? '', /form-action 'self' http:/);
    });

    it('sends code and state to the registered address', async () => {
      const answer = await browser.send(await browser.open(query({ state: 'a b&c' })), 'grant');
      const target = new URL(answer.headers.get('location') ?? '');
      assert.equal(target.origin + target.pathname, callbackUrl);
      assert.equal(target.searchParams.get('state'), 'a b&c');
      assert.ok(target.searchParams.get('code'));
    });

    it('says access_denied when the person refuses', async () => {
      const answer = await browser.send(await browser.open(query({ state: 's' })), 'deny');
      const { searchParams } = new URL(answer.headers.get('location') ?? '');
      assert.equal(searchParams.get('error'), 'access_denied');
      assert.equal(searchParams.get('state'), 's');
      assert.equal(searchParams.get('code'), null);
      assert.deepEqual(at(await bench.control('GET', 'grants'), 'grants'), []);
    });

    it('takes addresses below the registered one, and no others', async () => {
      const below = `${callbackUrl}/more?x=1`;
      const allowed = await browser.send(
        await browser.open(query({ redirect_uri: below })),
        'grant',
      );
      assert.match(allowed.headers.get('location') ?? '', /callback\/more\?x=1&code=/);
      for (const redirect_uri of [
        'http://127.0.0.1:3001/oauth/callback',
        'http://127.0.0.1:3000/oauth',
        'https://127.0.0.1:3000/oauth/callback',
        'http://127.0.0.1:3000.example.com/oauth/callback',
        'http://me@127.0.0.1:3000/oauth/callback',
        'no address',
      ]) {
        const page = await browser.open(query({ redirect_uri }));
        assert.equal(page.status, 400, redirect_uri);
        assert.match(page.text, /Invalid redirect_uri/);
        assert.match(page.text, /This integration is misconfigured/);
      }
    });

    it('does not redirect for unknown consumers, and has no implicit grant', async () => {
      const unknown = await browser.open(query({ client_id: 'nobody' }));
      assert.equal(unknown.status, 400);
      const implicit = await browser.open(query({ response_type: 'token' }));
      assert.equal(implicit.status, 302);
      assert.match(implicit.headers.get('location') ?? '', /error=unsupported_response_type/);
    });

    it('takes an answer once, and only from the person it asked', async () => {
      const page = await browser.open(query());
      const bob = await new Browser(bench).signIn('bob');
      assert.equal((await bob.send(page, 'grant')).status, 400);
      assert.equal((await browser.send(page, 'grant')).status, 302);
      assert.equal((await browser.send(page, 'grant')).status, 400);
    });
  });

  describe('codes', () => {
    it('become tokens with the documented keys of the new backend', async () => {
      const { answer, access } = await signIn(bench, consumer);
      assert.deepEqual(Object.keys(answer.json as object).sort(), [
        'access_token',
        'expires_in',
        'refresh_token',
        'scope',
        'token_type',
      ]);
      assert.equal(at(answer.json, 'scope'), 'account repository webhook');
      assert.equal(at(answer.json, 'expires_in'), 3600);
      assert.ok(access.length > 2_500);
      assert.ok(textAt(answer.json, 'refresh_token').length > 2_500);
      const me = await bench.rest('user', access);
      assert.equal(at(me.json, 'nickname'), 'ada');
    });

    it('and of the old one', async () => {
      await bench.control('POST', 'settings', { token_lifetime_s: 7200 });
      const old = await makeConsumer(bench, { backend: '2025' });
      const { answer, access } = await signIn(bench, old);
      assert.equal(at(answer.json, 'scopes'), 'account repository webhook');
      assert.equal(at(answer.json, 'scope'), undefined);
      assert.equal(at(answer.json, 'state'), 'authorization_code');
      assert.equal(at(answer.json, 'expires_in'), 7200);
      assert.ok(access.length < 255);
    });

    it('work once', async () => {
      const code = await codeFor();
      assert.equal((await exchange(code)).status, 200);
      const again = await exchange(code);
      assert.equal(again.status, 400);
      assert.deepEqual(error(again), ['invalid_grant', 'The specified code is not valid.']);
    });

    it('expire, and belong to one consumer', async () => {
      const other = await makeConsumer(bench);
      assert.equal((await exchange(await codeFor(), {}, other)).status, 400);
      const code = await codeFor();
      await bench.control('POST', 'clock', { offset_ms: 600_000 });
      assert.equal((await exchange(code)).status, 400);
    });

    it('need the redirect_uri that was sent', async () => {
      const redirect_uri = `${callbackUrl}/x`;
      assert.equal((await exchange(await codeFor({ redirect_uri }))).status, 400);
      assert.equal((await exchange(await codeFor({ redirect_uri }), { redirect_uri })).status, 200);
    });

    it('need the verifier of the challenge, unless PKCE is switched off', async () => {
      const verifier = 'v'.repeat(43);
      const pkce = {
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
      };
      const right = await exchange(await codeFor(pkce), { code_verifier: verifier });
      assert.equal(right.status, 200);
      const wrong = await exchange(await codeFor(pkce), { code_verifier: 'w'.repeat(43) });
      assert.deepEqual(error(wrong)[0], 'invalid_grant');
      assert.equal((await exchange(await codeFor(pkce))).status, 400);
      await bench.control('POST', 'settings', { pkce_enforced: false });
      assert.equal((await exchange(await codeFor(pkce))).status, 200);
    });

    it('need the consumer’s key and secret as Basic', async () => {
      const text = 'Requests must be authenticated using OAuth client credentials';
      const wrong = [
        await exchange(await codeFor(), {}, { ...consumer, secret: 'nope' }),
        await exchange(await codeFor(), {}, { ...consumer, key: 'nope' }),
        await tokenRequest(bench, null, {
          grant_type: 'authorization_code',
          code: await codeFor(),
          client_id: consumer.key,
          client_secret: consumer.secret,
        }),
      ];
      for (const answer of wrong) {
        assert.equal(answer.status, 401);
        assert.deepEqual(error(answer), ['unauthorized_client', text]);
      }
    });

    it('a new secret makes the old one worthless at once', async () => {
      const { refresh: token } = await signIn(bench, consumer);
      const changed = await bench.control<Consumer>('POST', 'consumers/update', {
        key: consumer.key,
        reset_secret: true,
      });
      assert.equal((await refresh(bench, consumer, token)).status, 401);
      assert.equal((await refresh(bench, changed, token)).status, 200);
    });

    it('bring the consumer’s scopes, whatever was asked for', async () => {
      const narrow = await makeConsumer(bench, { scopes: 'account' });
      const { answer, access } = await signIn(bench, narrow);
      assert.equal(at(answer.json, 'scope'), 'account');
      assert.equal((await bench.rest('repositories/acme/site', access)).status, 403);
    });
  });

  describe('refresh tokens', () => {
    const later = (ms: number) => bench.control('POST', 'clock', { offset_ms: ms });

    it('rotate; a used one is taken for ten more minutes', async () => {
      const first = await signIn(bench, consumer);
      const second = await refresh(bench, consumer, first.refresh);
      assert.equal(second.status, 200);
      assert.notEqual(at(second.json, 'refresh_token'), first.refresh);
      await later(599_000);
      assert.equal((await refresh(bench, consumer, first.refresh)).status, 200);
      await later(601_000);
      const late = await refresh(bench, consumer, first.refresh);
      assert.equal(late.status, 400);
      assert.equal(at(late.json, 'error_description'), 'Invalid refresh_token');
      const kept = textAt(second.json, 'refresh_token');
      assert.equal((await refresh(bench, consumer, kept)).status, 200);
    });

    it('lapse after three months without use', async () => {
      const unused = await signIn(bench, consumer);
      const used = await signIn(bench, consumer);
      await later(60 * day);
      const next = textAt((await refresh(bench, consumer, used.refresh)).json, 'refresh_token');
      await later(91 * day);
      assert.equal((await refresh(bench, consumer, unused.refresh)).status, 400);
      assert.equal((await refresh(bench, consumer, next)).status, 200);
    });

    it('of the old backend neither change nor lapse', async () => {
      const old = await makeConsumer(bench, { backend: '2025' });
      const { refresh: token } = await signIn(bench, old);
      assert.equal(at((await refresh(bench, old, token)).json, 'refresh_token'), token);
      await later(400 * day);
      assert.equal((await refresh(bench, old, token)).status, 200);
      const wrong = await refresh(bench, old, 'nope');
      assert.equal(wrong.status, 401);
      assert.deepEqual(error(wrong), ['invalid_request', 'Invalid refresh_token']);
    });

    it('bring a working access token after the old one has expired', async () => {
      await bench.control('POST', 'settings', { token_lifetime_s: 2 });
      const { access, refresh: token } = await signIn(bench, consumer);
      await later(2_000);
      const late = await bench.rest('user', access);
      assert.equal(late.status, 401);
      assert.match(textAt(late.json, 'error.message'), /^Access token expired/);
      const fresh = textAt((await refresh(bench, consumer, token)).json, 'access_token');
      assert.equal((await bench.rest('user', fresh)).status, 200);
    });

    it('die with the grant, and with the consumer; revoked access tokens alone do not matter', async () => {
      const { access, refresh: token } = await signIn(bench, consumer);
      await bench.control('POST', 'tokens/revoke', { access_token: access });
      assert.equal((await bench.rest('user', access)).status, 401);
      const second = await refresh(bench, consumer, token);
      assert.equal(second.status, 200);
      await bench.control('POST', 'grants/revoke', { user: 'ada', consumer: consumer.key });
      assert.equal((await bench.rest('user', textAt(second.json, 'access_token'))).status, 401);
      assert.equal(
        (await refresh(bench, consumer, textAt(second.json, 'refresh_token'))).status,
        400,
      );
      const again = await signIn(bench, consumer);
      assert.equal((await bench.rest('user', again.access)).status, 200);
      await bench.control('POST', 'consumers/delete', { key: consumer.key });
      assert.equal((await bench.rest('user', again.access)).status, 401);
      assert.equal((await refresh(bench, consumer, again.refresh)).status, 401);
    });
  });

  describe('client credentials', () => {
    const ask = (who: Consumer) => tokenRequest(bench, who, { grant_type: 'client_credentials' });

    it('need a private consumer', async () => {
      const answer = await ask(consumer);
      assert.equal(answer.status, 400);
      assert.equal(at(answer.json, 'error'), 'unauthorized_client');
    });

    it('act as an app user of the workspace, without a refresh token', async () => {
      await bench.control('POST', 'workspaces', { slug: 'other', owner: 'ada' });
      await bench.control('POST', 'repositories', { workspace: 'other', slug: 'x' });
      const own = await makeConsumer(bench, { is_private: true });
      const answer = await ask(own);
      assert.equal(answer.status, 200);
      assert.equal(at(answer.json, 'refresh_token'), undefined);
      const token = textAt(answer.json, 'access_token');
      const me = await bench.rest('user', token);
      assert.equal(at(me.json, 'type'), 'app_user');
      assert.equal(at(me.json, 'nickname'), undefined);
      assert.equal((await bench.rest('repositories/acme/site', token)).status, 200);
      assert.equal((await bench.rest('repositories/other/x', token)).status, 404);
    });

    it('acted as the owner before', async () => {
      const own = await makeConsumer(bench, { is_private: true, backend: '2025' });
      const answer = await ask(own);
      assert.ok(textAt(answer.json, 'refresh_token'));
      const me = await bench.rest('user', textAt(answer.json, 'access_token'));
      assert.equal(at(me.json, 'nickname'), 'ada');
    });
  });

  describe('access tokens', () => {
    const make = async (body: object): Promise<string> =>
      textAt(await bench.control('POST', 'access-tokens', body), 'access_token');

    it('of a repository reach that repository only, and no permissions', async () => {
      await bench.control('POST', 'repositories', { workspace: 'acme', slug: 'second' });
      const token = await make({ repository: 'acme/site', scopes: 'repository webhook' });
      assert.equal((await bench.rest('repositories/acme/site', token)).status, 200);
      assert.equal((await bench.rest('repositories/acme/second', token)).status, 404);
      const user = await bench.rest('user', token);
      assert.equal(user.status, 403);
      assert.equal(user.headers.get('x-credential-type'), 'access_token');
    });

    it('of a workspace reach all of it, but may not read permissions', async () => {
      const token = await make({ workspace: 'acme', scopes: 'account repository' });
      assert.equal((await bench.rest('repositories/acme/site', token)).status, 200);
      assert.equal(at((await bench.rest('user', token)).json, 'type'), 'app_user');
      const permissions = 'workspaces/acme/permissions/repositories/site';
      assert.equal((await bench.rest(permissions, token)).status, 403);
    });

    it('expire after a year at most, and die when the repository moves away', async () => {
      await bench.control('POST', 'workspaces', { slug: 'other', owner: 'ada' });
      const token = await make({ repository: 'acme/site' });
      await bench.control('POST', 'clock', { offset_ms: 366 * day });
      assert.equal((await bench.rest('repositories/acme/site', token)).status, 401);
      await bench.control('POST', 'clock', { offset_ms: 0 });
      await bench.control('POST', 'repositories/transfer', {
        repository: 'acme/site',
        to: 'other',
      });
      assert.equal((await bench.rest('repositories/other/site', token)).status, 401);
    });

    it('have only the scopes that tokens can have', async () => {
      const wrong = { repository: 'acme/site', scopes: 'account' };
      assert.equal((await bench.tryControl('POST', 'access-tokens', wrong)).status, 400);
      assert.equal(
        (await bench.tryControl('POST', 'access-tokens', { workspace: 'acme', scopes: 'x' }))
          .status,
        400,
      );
    });
  });

  it('clones with every kind of token, and the journal says whose it was', async () => {
    const own = await makeConsumer(bench, { name: 'Own consumer', is_private: true });
    const person = (await signIn(bench, consumer)).access;
    const app = textAt(
      (await tokenRequest(bench, own, { grant_type: 'client_credentials' })).json,
      'access_token',
    );
    const access = await bench.control('POST', 'access-tokens', {
      repository: 'acme/site',
      name: 'Deploys',
    });
    await withFolder(async (folder) => {
      for (const token of [person, app, textAt(access, 'access_token')]) {
        await git(folder, 'ls-remote', bench.cloneUrl('x-token-auth', token));
      }
    });
    const { operations } = await bench.control<{
      operations: { kind: string; user_kind: string; user: string | null; status: number }[];
    }>('GET', 'git');
    const served = operations.filter((o) => o.status === 200 && o.kind === 'advertise');
    assert.deepEqual(
      served.map(({ user_kind, user }) => [user_kind, user]),
      [
        ['token', 'ada'],
        ['token', 'Own consumer'],
        ['token', 'Deploys'],
      ],
    );
  });

  it('a fault refuses a valid token once', async () => {
    const { access } = await signIn(bench, consumer);
    await bench.control('POST', 'faults', {
      path: '^/2\\.0/',
      status: 401,
      body: {
        type: 'error',
        error: { message: 'Token is invalid, expired, or not supported for this endpoint.' },
      },
      times: 1,
    });
    assert.equal((await bench.rest('user', access)).status, 401);
    assert.equal((await bench.rest('user', access)).status, 200);
  });

  it('the journal names the grant of token requests, and no secret', async () => {
    const { refresh: token } = await signIn(bench, consumer);
    await refresh(bench, consumer, token);
    const { calls } = await bench.control<{ calls: { path: string; grant: string | null }[] }>(
      'GET',
      'calls',
    );
    assert.deepEqual(
      calls.filter((c) => c.path.endsWith('access_token')).map((c) => c.grant),
      ['authorization_code', 'refresh_token'],
    );
    assert.ok(!JSON.stringify(calls).includes(token));
  });

  it('survives a restart with --data', async () => {
    await withFolder(async (folder) => {
      const kept = await Bench.start({ dataDir: folder });
      await kept.seed();
      const own = await makeConsumer(kept);
      const { refresh: token } = await signIn(kept, own);
      await kept.stop();
      const again = await Bench.start({ dataDir: folder });
      const answer = await refresh(again, own, token);
      await again.stop();
      assert.equal(answer.status, 200, answer.text);
    });
  });
});
