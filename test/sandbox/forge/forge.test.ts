import assert from 'node:assert/strict';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose';

import { at, Bench, call, listAt, textAt, type Seed } from '../support.js';
import { appFolder, startRemote } from './support.js';

const appId = 'ari:cloud:ecosystem::app/11111111-2222-4333-8444-555555555555';

describe('sandbox: Forge', () => {
  let bench: Bench;
  let seed: Seed;
  let remote: Awaited<ReturnType<typeof startRemote>>;
  let installation: unknown;
  let folder: ReturnType<typeof appFolder>;

  beforeEach(async () => {
    bench = await Bench.start();
    seed = await bench.seed();
    remote = await startRemote();
    folder = appFolder();
    await bench.control('POST', 'settings', { forge_latency_ms: 0, forge_retry_delay_ms: 1 });
    installation = await install();
    await bench.idle();
  });

  afterEach(async () => {
    await bench.sandbox.stop();
    await remote.stop();
    folder.remove();
  });

  function install(): Promise<unknown> {
    return bench.control('POST', 'forge/install', {
      workspace: 'acme',
      user: 'ada',
      app_dir: folder.path,
      variables: { BASE: remote.url },
    });
  }

  function callsTo(path: string) {
    return remote.calls.filter(({ url }) => url === path);
  }

  async function verified(authorization: string | undefined): Promise<JWTPayload> {
    const { json } = await call(`${bench.url}/_forge/jwks.json`);
    const keys = createLocalJWKSet(json as JSONWebKeySet);
    const token = (authorization ?? '').replace(/^Bearer /, '');
    const options = { issuer: 'forge/invocation-token', audience: appId, algorithms: ['RS256'] };
    return (await jwtVerify(token, keys, options)).payload;
  }

  it('tells the app of its install, with a token that its keys prove', async () => {
    const [told] = callsTo('/life');
    const claims = await verified(told?.headers.authorization);
    const id = textAt(installation, 'installation_id');
    assert.equal(at(claims, 'app.installationId'), `ari:cloud:ecosystem::installation/${id}`);
    assert.equal(claims.exp, (claims.iat ?? 0) + 25);
    const body: unknown = JSON.parse(told?.body ?? '');
    assert.equal(at(body, 'eventType'), 'avi:forge:installed:app');
    assert.equal(at(body, 'id'), id);
  });

  it('brings a system token that the API and git take, until the app is gone', async () => {
    const token = callsTo('/life')[0]?.headers['x-forge-oauth-system'] as string;
    assert.equal((await bench.rest('repositories/acme/site', token)).status, 200);
    assert.equal((await bench.rest('workspaces/acme', token)).status, 200);
    const member = await bench.rest('workspaces/acme/members/ada', token);
    assert.equal(at(member.json, 'user.display_name'), 'Ada Example');
    assert.equal((await bench.rest('user', token)).status, 403, 'closed to Forge');
    const basic = Buffer.from(`x-token-auth:${token}`).toString('base64');
    const git = await call(`${bench.url}/acme/site.git/info/refs?service=git-upload-pack`, {
      headers: { Authorization: `Basic ${basic}` },
    });
    assert.equal(git.status, 200);
    await bench.control('POST', 'forge/uninstall', { workspace: 'acme' });
    assert.equal(callsTo('/bye').length, 1);
    assert.equal((await bench.rest('repositories/acme/site', token)).status, 401);
  });

  it('makes one event of every ref of a push, without names', async () => {
    await bench.control('POST', 'push', {
      repository: 'acme/site',
      user: 'ada',
      changes: [
        { branch: 'main', files: { 'index.html': 'two\n' }, message: 'Second' },
        { tag: 'v1', at: seed.first, annotation: 'One' },
        { branch: 'other', at: seed.first },
      ],
    });
    await bench.idle();
    const pushes = callsTo('/push').map(({ body }) => JSON.parse(body) as unknown);
    assert.deepEqual(pushes.map((push) => at(push, 'push.ref')).sort(), ['main', 'other', 'v1']);
    const main = pushes.find((push) => at(push, 'push.ref') === 'main');
    assert.equal(at(main, 'push.before'), seed.first);
    assert.equal(at(main, 'push.mainbranch'), true);
    assert.equal(at(main, 'push.commits.0.message.value'), 'Second\n');
    assert.equal(at(main, 'repository.full_name'), undefined);
    const { accountId, ...actor } = at(main, 'actor') as Record<string, unknown>;
    assert.deepEqual(actor, { type: 'user', uuid: seed.ada.uuid });
    assert.ok(accountId);
    const tag = pushes.find((push) => at(push, 'push.ref') === 'v1');
    assert.equal(at(tag, 'push.mainbranch'), undefined);
    assert.equal(at(tag, 'push.created'), true);
  });

  it('sends again what was not answered well, and says why', async () => {
    remote.answers.push({ status: 503 }, { status: 401 });
    await bench.commit();
    await bench.idle();
    const bodies = callsTo('/push').map(({ body }) => JSON.parse(body) as unknown);
    assert.deepEqual(
      bodies.map((body) => at(body, 'retryContext.retryReason')),
      [undefined, 'INVALID_REMOTE_INVOCATION_ERROR', 'INVALID_FORGE_INVOCATION_TOKEN'],
    );
  });

  it('gives up after four repetitions', async () => {
    remote.answers.push(...Array.from({ length: 9 }, () => ({ status: 500 })));
    await bench.commit();
    await bench.idle();
    assert.equal(callsTo('/push').length, 5);
  });

  it('doubles and drops events where a fault says so', async () => {
    const fault = { on: 'delivery', event: 'avi:bitbucket:push:repository', times: 1 };
    await bench.control('POST', 'faults', { ...fault, duplicate: true });
    await bench.commit();
    await bench.idle();
    assert.equal(callsTo('/push').length, 2);
    await bench.control('POST', 'faults', { ...fault, drop: true });
    await bench.commit();
    await bench.idle();
    assert.equal(callsTo('/push').length, 2);
  });

  it('calls the schedule when asked, and signs with a new key after a rotation', async () => {
    const before = textAt(await keySet(), 'keys.0.kid');
    await bench.control('POST', 'forge/keys/rotate', {});
    await bench.control('POST', 'forge/schedule', { workspace: 'acme' });
    const [tick] = callsTo('/cron');
    await verified(tick?.headers.authorization);
    assert.notEqual(textAt(await keySet(), 'keys.0.kid'), before);
    assert.equal(tick?.headers['x-forge-oauth-user'], undefined);
  });

  async function keySet(): Promise<unknown> {
    return (await call(`${bench.url}/_forge/jwks.json`)).json;
  }

  it('forwards invokeRemote in the name of who looks, with their token', async () => {
    remote.answers.push({ status: 422, body: '{"no":1}' });
    const answer = await bench.control('POST', 'forge/invoke', {
      repository: 'acme/site',
      user: 'bob',
      path: '/forge/ui/x',
      method: 'POST',
      body: { a: 1 },
    });
    assert.deepEqual(at(answer, 'payload.body'), { no: 1 });
    const [asked] = callsTo('/forge/ui/x');
    const claims = await verified(asked?.headers.authorization);
    assert.equal(claims['principal'], seed.bob.account_id);
    assert.equal(at(claims, 'context.extension.repository.uuid'), seed.repository.uuid);
    const token = asked?.headers['x-forge-oauth-user'] as string;
    const own = await bench.rest('user/workspaces/acme/permissions/repositories', token);
    assert.equal(at(own.json, 'values.0.permission'), 'read');
  });

  it('rejects an invokeRemote that is answered 401 or without JSON', async () => {
    const asked = { repository: 'acme/site', user: 'ada', path: '/x' };
    remote.answers.push({ status: 401, body: '{}' }, { status: 200, body: '<p>' });
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await bench.control('POST', 'forge/invoke', asked);
      assert.equal(at(answer, 'success'), false);
    }
  });

  it('shows the page in a frame of another origin, under the policy of Forge', async () => {
    const [page] = listAt(installation, 'pages');
    const address = `${bench.url}/acme/site/admin/${textAt(page, 'path')}`;
    const hosted = await call(`${address}?as=ada`);
    assert.equal(hosted.status, 200);
    const source = /<iframe[^>]* src="([^"]+)"/.exec(hosted.text)?.[1] ?? '';
    assert.notEqual(new URL(source).origin, new URL(bench.url).origin);
    const inner = await call(source);
    assert.match(inner.text, /<head><script src="\/_forge\/bridge.js"/);
    const policy = inner.headers.get('content-security-policy') ?? '';
    assert.match(policy, /script-src 'self'; style-src 'self'/);
    assert.equal((await call(`${address}?as=bob`)).status, 403, 'settings are for admins');
    const outside = source.replace('index.html', '..%2f..%2fmanifest.yml');
    assert.equal((await call(outside)).status, 404);
  });
});
