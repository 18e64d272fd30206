import assert from 'node:assert/strict';

import { at, Bench, call, FakeApp, installIn, textAt, type Answer, type Seed } from './support.js';

describe('sandbox: the token endpoint', () => {
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

  const ask = (
    headers: Record<string, string>,
    form: Record<string, string> | string,
  ): Promise<Answer> =>
    call(`${bench.url}/site/oauth2/access_token`, {
      method: 'POST',
      headers,
      body: typeof form === 'string' ? form : new URLSearchParams(form),
    });
  const grant = { grant_type: 'urn:bitbucket:oauth2:jwt' };
  const withJwt = (claims: Record<string, unknown> = {}, secret?: string) =>
    ask({ Authorization: `JWT ${app.jwt(claims, secret)}` }, grant);

  it('answers with the documented keys', async () => {
    const { json, status } = await app.token(bench);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(json as object).sort(), [
      'access_token',
      'expires_in',
      'scopes',
      'token_type',
    ]);
    assert.equal(at(json, 'scopes'), 'account repository');
    assert.equal(at(json, 'token_type'), 'bearer');
    assert.equal(at(json, 'expires_in'), 3600);
  });

  it('takes the clientKey as issuer and does not look at qsh', async () => {
    assert.equal((await withJwt({ iss: app.clientKey, qsh: 'anything' })).status, 200);
  });

  it('refuses what is not signed by the installation', async () => {
    const wrong = [
      await withJwt({}, 'another secret'),
      await withJwt({ iss: 'otherapp' }),
      await withJwt({ sub: 'ari:cloud:bitbucket::app/{x}/testapp' }),
      await withJwt({ exp: Math.floor(Date.now() / 1000) - 61 }),
      await ask({ Authorization: `jwt ${app.jwt()}` }, grant),
      await ask({}, grant),
    ];
    for (const answer of wrong) {
      assert.equal(answer.status, 401);
      assert.deepEqual(answer.json, {
        error_description: 'Requests must be authenticated using OAuth client credentials',
        error: 'unauthorized_client',
      });
    }
  });

  it('says None when the body is not form-encoded, and names unknown grants', async () => {
    const headers = { Authorization: `JWT ${app.jwt()}` };
    const json = await ask(
      { ...headers, 'Content-Type': 'application/json' },
      JSON.stringify(grant),
    );
    assert.equal(json.status, 400);
    assert.deepEqual(json.json, {
      error_description: 'Unsupported grant type: None',
      error: 'invalid_grant',
    });
    const password = await ask(headers, { grant_type: 'password' });
    assert.equal(at(password.json, 'error_description'), 'Unsupported grant type: password');
  });

  it('narrows to scopes and to one repository', async () => {
    await bench.control('POST', 'repositories', { workspace: 'acme', slug: 'other' });
    const narrow = await app.token(bench, {
      scope: 'repository',
      bitbucket_repository: seed.repository.uuid,
    });
    assert.equal(at(narrow.json, 'scopes'), 'repository');
    const token = textAt(narrow.json, 'access_token');
    assert.equal((await bench.rest('repositories/acme/site', token)).status, 200);
    assert.equal((await bench.rest('repositories/acme/other', token)).status, 404);
    assert.equal((await bench.rest('workspaces/acme', token)).status, 403);
    assert.equal((await app.token(bench, { scope: 'pullrequest' })).status, 400);
    assert.equal((await app.token(bench, { bitbucket_repository: '{nope}' })).status, 400);
  });

  it('lets tokens expire by its own clock, and forgets revoked ones', async () => {
    const token = textAt((await app.token(bench)).json, 'access_token');
    await bench.control('POST', 'clock', { offset_ms: 3_601_000 });
    const late = await bench.rest('workspaces/acme', token);
    assert.equal(late.status, 401);
    assert.match(textAt(late.json, 'error.message'), /^Access token expired\. Use your refresh/);
    await bench.control('POST', 'clock', { offset_ms: 0 });
    assert.equal((await bench.rest('workspaces/acme', token)).status, 200);
    await bench.control('POST', 'tokens/revoke', { workspace: 'acme' });
    const revoked = await bench.rest('workspaces/acme', token);
    assert.equal(revoked.status, 401);
    assert.equal(
      at(revoked.json, 'error.message'),
      'Token is invalid, expired, or not supported for this endpoint.',
    );
  });

  it('follows the switches of the new token backend', async () => {
    await bench.control('POST', 'settings', {
      token_long: true,
      token_scope_key: 'scope',
      token_lifetime_s: 7200,
      token_error_status: 400,
    });
    const { json } = await app.token(bench);
    assert.equal(textAt(json, 'access_token').length, 3000);
    assert.equal(at(json, 'scope'), 'account repository');
    assert.equal(at(json, 'scopes'), undefined);
    assert.equal(at(json, 'expires_in'), 7200);
    const token = textAt(json, 'access_token');
    assert.equal((await bench.rest('workspaces/acme', token)).status, 200);
    assert.equal((await withJwt({}, 'another secret')).status, 400);
  });

  it('keeps credentials out of the list of calls', async () => {
    await call(`${bench.url}/2.0/user?access_token=sekret-in-query`);
    const { text } = await bench.tryControl('GET', 'calls');
    assert.ok(!text.includes('sekret-in-query'));
    assert.ok(!text.includes(app.secret));
    assert.match(text, /"auth":"jwt"/);
    assert.match(text, /"auth":"bearer"/);
  });
});
