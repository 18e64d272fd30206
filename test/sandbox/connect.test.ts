import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';

import { at, Bench, call, claimsOf, FakeApp, installIn, listAt, textAt } from './support.js';

const qshOf = (canonical: string) => createHash('sha256').update(canonical).digest('hex');

/** The claims of the JWT in a header, with the signature checked here. */
function verified(header: string | undefined, secret: string): unknown {
  assert.match(header ?? '', /^JWT /);
  return verifiedToken((header ?? '').slice(4), secret);
}

function verifiedToken(token: string, secret: string): unknown {
  const [head = '', body = '', signature] = token.split('.');
  const wanted = createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url');
  assert.equal(signature, wanted, 'signed with another secret');
  return claimsOf(token);
}

describe('sandbox: Connect apps', () => {
  let bench: Bench;
  let app: FakeApp;

  beforeEach(async () => {
    bench = await Bench.start();
    app = await FakeApp.start();
    await bench.seed();
  });

  afterEach(async () => {
    await bench.stop();
    await app.stop();
  });

  const lifecycle = (path: string) => app.received.filter((r) => r.url === path);

  it('sends the first installed callback unsigned, with the documented body', async () => {
    const answer = await installIn(bench, app);
    const [callback] = lifecycle('/connect/installed');
    assert.equal(callback?.headers.authorization, undefined);
    const body = callback?.json;
    const workspace = textAt(body, 'principal.uuid');
    assert.equal(at(body, 'clientKey'), `ari:cloud:bitbucket::app/${workspace}/testapp`);
    assert.deepEqual(Object.keys(body as object).sort(), [
      'baseApiUrl',
      'baseUrl',
      'clientKey',
      'eventType',
      'key',
      'principal',
      'productType',
      'publicKey',
      'sharedSecret',
      'user',
    ]);
    assert.equal(at(body, 'productType'), 'bitbucket');
    assert.equal(at(body, 'eventType'), 'installed');
    assert.equal(at(body, 'baseUrl'), bench.url);
    assert.equal(at(body, 'principal.type'), 'team');
    assert.equal(at(body, 'user.nickname'), 'ada');
    assert.ok(textAt(body, 'sharedSecret').length <= 128);
    assert.equal(at(answer, 'callback.signed'), false);
    assert.equal(at(answer, 'sharedSecret'), undefined);
  });

  it('has the new secret exchangeable while the callback is still on its way', async () => {
    let status = 0;
    app.answers.set('/connect/installed', async () => {
      status = (await app.token(bench)).status;
      return 204;
    });
    await installIn(bench, app);
    assert.equal(status, 200);
  });

  it('signs a reinstall with the secret before, and rotates it', async () => {
    await installIn(bench, app);
    const first = app.secret;
    await bench.control('POST', 'apps/reinstall', { workspace: 'acme' });
    const callback = lifecycle('/connect/installed')[1];
    const claims = verified(callback?.headers.authorization, first);
    assert.equal(at(claims, 'iss'), app.clientKey);
    assert.equal(at(claims, 'aud'), app.clientKey);
    assert.equal(at(claims, 'qsh'), qshOf('POST&/connect/installed&'));
    assert.notEqual(app.secret, first);
    assert.equal((await app.token(bench)).status, 200);
    const old = await call(`${bench.url}/site/oauth2/access_token`, {
      method: 'POST',
      headers: { Authorization: `JWT ${app.jwt({}, first)}` },
      body: new URLSearchParams({ grant_type: 'urn:bitbucket:oauth2:jwt' }),
    });
    assert.equal(old.status, 401);
  });

  it('signs the uninstall, revokes tokens, and signs the next install with the tombstone', async () => {
    await installIn(bench, app);
    const secret = app.secret;
    const token = textAt((await app.token(bench)).json, 'access_token');
    await bench.control('POST', 'apps/uninstall', { workspace: 'acme' });
    const [goodbye] = lifecycle('/connect/uninstalled');
    const claims = verified(goodbye?.headers.authorization, secret);
    assert.equal(at(claims, 'qsh'), qshOf('POST&/connect/uninstalled&'));
    assert.equal(at(goodbye?.json, 'eventType'), 'uninstalled');
    assert.equal(at(goodbye?.json, 'sharedSecret'), undefined);
    assert.equal((await bench.rest('repositories/acme/site', token)).status, 401);
    assert.equal((await app.token(bench)).status, 401);
    await bench.commit();
    await bench.idle();
    assert.equal(app.events().length, 0);

    await installIn(bench, app);
    verified(lifecycle('/connect/installed')[1]?.headers.authorization, secret);
  });

  it('fails the install with status and body when the app refuses, and leaves nothing', async () => {
    app.answers.set('/connect/installed', 500);
    const body = { workspace: 'acme', user: 'ada', descriptor_url: app.descriptorUrl };
    const refused = await bench.tryControl('POST', 'apps/install', body);
    assert.equal(refused.status, 422);
    assert.equal(at(refused.json, 'error.status'), 500);
    assert.deepEqual(listAt(await bench.control('GET', 'apps'), 'apps'), []);
    // So the next try is a first install again.
    app.answers.clear();
    await installIn(bench, app);
    assert.equal(lifecycle('/connect/installed')[1]?.headers.authorization, undefined);
  });

  it('keeps the installation when a reinstall fails', async () => {
    await installIn(bench, app);
    const [secret, clientKey] = [app.secret, app.clientKey];
    app.answers.set('/connect/installed', 401);
    const refused = await bench.tryControl('POST', 'apps/reinstall', { workspace: 'acme' });
    assert.equal(refused.status, 422);
    const token = await call(`${bench.url}/site/oauth2/access_token`, {
      method: 'POST',
      headers: { Authorization: `JWT ${app.jwt({ sub: clientKey }, secret)}` },
      body: new URLSearchParams({ grant_type: 'urn:bitbucket:oauth2:jwt' }),
    });
    assert.equal(token.status, 200);
  });

  const broken: [string, Record<string, unknown>, RegExp][] = [
    ['no key', { key: undefined }, /key is missing/],
    ['plain http elsewhere', { baseUrl: 'http://example.com' }, /baseUrl must be https/],
    ['no jwt', { authentication: { type: 'none' } }, /authentication/],
    ['no lifecycle', { lifecycle: {} }, /lifecycle\.installed/],
    ['an unknown scope', { scopes: ['repository', 'everything'] }, /"everything" is unknown/],
    [
      'an unknown event',
      { modules: { webhooks: [{ event: 'repo:nope', url: '/x' }] } },
      /repo:nope/,
    ],
    ['a listed configurePage', { modules: { configurePage: [] } }, /configurePage/],
    [
      'a bad module key',
      { modules: { adminPages: [{ key: 'a b', name: { value: 'x' }, url: '/x' }] } },
      /adminPages: key/,
    ],
  ];
  it('refuses descriptors that Bitbucket would refuse', async () => {
    const good = app.descriptor;
    for (const [name, change, text] of broken) {
      app.descriptor = { ...good, ...change };
      const body = { workspace: 'acme', user: 'ada', descriptor_url: app.descriptorUrl };
      const refused = await bench.tryControl('POST', 'apps/install', body);
      assert.equal(refused.status, 422, name);
      assert.match(textAt(refused.json, 'error.message'), text, name);
    }
    assert.equal(app.received.length, 0);
  });

  it('asks for every scope when the descriptor names none', async () => {
    const { scopes: _, ...rest } = app.descriptor;
    app.descriptor = rest;
    const answer = await installIn(bench, app);
    assert.ok(listAt(answer, 'scopes').includes('pullrequest:write'));
  });

  const panel = async (query = '') =>
    textAt(
      await bench.control(
        'GET',
        `apps/panel-url?workspace=acme&repository=acme/site&user=ada&module=panel${query}`,
      ),
      'url',
    );

  it('signs panel addresses over everything but the jwt', async () => {
    await installIn(bench, app);
    const url = new URL(await panel());
    assert.equal(url.origin, app.url);
    const claims = verifiedToken(url.searchParams.get('jwt') ?? '', app.secret);
    assert.equal(at(claims, 'iss'), app.clientKey);
    assert.equal(Number(at(claims, 'exp')) - Number(at(claims, 'iat')), 180);
    assert.match(url.search, /workspaceUuid=%7B[0-9a-f-]{36}%7D&repoUuid=%7B/);
    assert.match(url.search, /repoName=acme%2Fsite&/);
    assert.equal(url.searchParams.get('xdm_e'), bench.url);
    assert.equal(url.searchParams.get('cp'), '');
    const names = [...new Set(url.searchParams.keys())].filter((name) => name !== 'jwt').sort();
    const pairs = names.map(
      (name) => `${name}=${encodeURIComponent(url.searchParams.get(name) ?? '')}`,
    );
    assert.equal(at(claims, 'qsh'), qshOf(`GET&/panel&${pairs.join('&')}`));
  });

  it('leaves placeholders whose scope is missing', async () => {
    app.descriptor = { ...app.descriptor, scopes: ['repository'] };
    await installIn(bench, app);
    const url = await panel();
    assert.match(url, /workspaceUuid=\{workspace\.uuid\}/);
    assert.match(url, /repoUuid=%7B/);
  });

  it('refuses panel addresses to people who are no admins', async () => {
    await installIn(bench, app);
    const path = 'apps/panel-url?repository=acme/site&user=bob&module=panel';
    assert.equal((await bench.tryControl('GET', path)).status, 403);
    assert.equal((await bench.tryControl('GET', `${path}&anyway=true`)).status, 200);
  });

  it('follows the switches of its JWTs', async () => {
    await installIn(bench, app);
    const settings = { jwt_aud: 'list', jwt_iat_skew_s: 30, jwt_sub: 'none', jwt_lifetime_s: 60 };
    await bench.control('POST', 'settings', settings);
    await bench.control('POST', 'clock', { offset_ms: 3_600_000 });
    const claims = claimsOf(new URL(await panel()).searchParams.get('jwt') ?? '');
    assert.deepEqual(at(claims, 'aud'), [app.clientKey]);
    assert.equal(at(claims, 'sub'), undefined);
    const ahead = Number(at(claims, 'iat')) - Date.now() / 1000;
    assert.ok(ahead > 3_620 && ahead < 3_640, `iat is ${ahead} s ahead`);
    assert.equal(Number(at(claims, 'exp')) - Number(at(claims, 'iat')), 30);
  });

  it('can hand out the clientKey of an unregistered app', async () => {
    await bench.control('POST', 'settings', { client_key_format: 'connection' });
    await installIn(bench, app);
    assert.match(app.clientKey, /^connection:\d+$/);
    assert.equal((await app.token(bench)).status, 200);
  });
});
