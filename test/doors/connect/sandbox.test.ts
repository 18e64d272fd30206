import assert from 'node:assert/strict';
import { findActiveConnectInstallation } from '../../../src/actions/installation-secret.js';
import { createTokens } from '../../../src/bitbucket/tokens.js';
import { createBitbucket } from '../../../src/bitbucket/client.js';
import { createConnectGrant } from '../../../src/bitbucket/connect-grant.js';
import type { Repository } from '../../../src/core/model/index.js';
import type { Bitbucket } from '../../../src/core/ports.js';
import { createOutboundHttp, type OutboundHttp } from '../../../src/lib/outbound-http.js';
import { seedSample, startSandbox, type Sandbox } from '../../../src/sandbox/index.js';
import { fakeVault } from './fakes.js';
import { Harness } from './harness.js';

type Json = Record<string, unknown>;

/** The door and the client against the sandbox, which knows nothing of this code and may disagree with it. */
describe('Connect, against the sandbox', () => {
  let sandbox: Sandbox;
  let harness: Harness;
  let bitbucket: Bitbucket;
  let http: OutboundHttp;

  beforeEach(async () => {
    sandbox = await startSandbox();
    await seedSample(sandbox);
    http = createOutboundHttp({ userAgent: 'Slipway/test', allowPlainHttpHosts: ['127.0.0.1'] });
    harness = new Harness({ url: sandbox.url, bitbucket: (given) => (bitbucket = client(given)) });
    await harness.start();
  });
  afterEach(async () => {
    http.close();
    harness.stop();
    await sandbox.stop();
  });

  function client(given: Harness): Bitbucket {
    const shared = { siteUrl: sandbox.url, http, clock: Date.now };
    const { storage } = given.memory;
    const connect = createConnectGrant({
      ...shared,
      appKey: 'slipway',
      findActiveInstallation: (workspace) =>
        findActiveConnectInstallation(workspace, { storage, vault: fakeVault }),
    });
    const tokens = createTokens({ sources: [connect], clock: Date.now });
    const { logger } = given;
    const apiUrl = sandbox.url;
    return createBitbucket({ ...shared, apiUrl, tokens, connect, logger, patienceMs: 0 });
  }

  async function control(path: string, body?: Json): Promise<Json> {
    const response = await fetch(`${sandbox.url}/_control/${path}`, {
      method: body ? 'POST' : 'GET',
      ...(body ? { body: JSON.stringify(body) } : {}),
      headers: { 'content-type': 'application/json' },
    });
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Json;
  }
  const install = () =>
    control('apps/install', {
      workspace: 'acme',
      user: 'ada',
      descriptor_url: `${harness.origin}/atlassian-connect.json`,
    });

  async function site(): Promise<Repository> {
    const [one] = [...harness.memory.installations.values()];
    const { uuid } = await control('repositories?repository=acme/site');
    const remote = await bitbucket.repository(one?.workspaceUuid ?? '', String(uuid));
    assert.ok(remote);
    return {
      ...remote,
      id: 'r1',
      state: 'active',
      baselineAt: null,
      reconcileDueAt: null,
      createdAt: 0,
      updatedAt: 0,
    };
  }

  for (const settings of [
    { jwt_aud: 'string', client_key_format: 'ari', event_wrapper: true },
    { jwt_aud: 'list', client_key_format: 'connection', event_wrapper: false, token_long: true },
    { jwt_aud: 'none', token_scope_key: 'scope', jwt_iat_skew_s: 20, jwt_sub: 'none' },
  ]) {
    it(`installs, is pushed to, shows its panel and leaves: ${JSON.stringify(settings)}`, async () => {
      await control('settings', settings);
      assert.equal((await install())['client_key'], [...harness.memory.installations.keys()][0]);

      await control('push', { repository: 'acme/site', user: 'ada', files: { 'a.txt': 'a' } });
      await control('idle?timeout_ms=5000');
      const [taken] = harness.taken;
      assert.equal(taken?.event.kind, 'push');

      const view = 'apps/panel-url?workspace=acme&repository=acme/site&user=ada';
      const page = await fetch(String((await control(view))['url']));
      assert.equal(page.status, 200);
      const facts = (await page.json()) as Json;
      assert.equal(facts['repoUuid'], (await site()).uuid);

      await control('apps/reinstall', { workspace: 'acme' });
      await site();
      await control('apps/uninstall', { workspace: 'acme' });
      assert.equal([...harness.memory.installations.values()][0]?.state, 'removed');
      assert.equal((await install())['callback'] !== undefined, true);
      assert.equal([...harness.memory.installations.values()][0]?.state, 'active');
    });
  }

  it('turns a forged first install down, and the real one is not locked out', async () => {
    const principal = (await control('state'))['workspaces'] as { uuid: string }[];
    const workspaceUuid = principal[0]?.uuid ?? '';
    const forged = {
      key: 'slipway',
      eventType: 'installed',
      clientKey: `ari:cloud:bitbucket::app/${workspaceUuid}/slipway`,
      sharedSecret: 'made-up',
      principal: { uuid: workspaceUuid },
    };
    const answer = await harness.call('POST', '/connect/installed', { json: forged });
    assert.equal(answer.status, 401);
    await install();
  });

  it('reads and writes through the API', async () => {
    await install();
    const repository = await site();
    assert.equal(repository.fullName, 'acme/site');
    assert.equal(repository.mainBranch, 'main');
    await control('push', { repository: 'acme/site', branch: 'feature/été-#1', files: { b: 'b' } });
    await control('push', { repository: 'acme/site', tag: 'v1' });
    for (const [type, name] of [
      ['branch', 'main'],
      ['branch', 'feature/été-#1'],
      ['tag', 'v1'],
    ] as const) {
      const head = await bitbucket.head(repository, type, name);
      assert.match(head?.hash ?? '', /^[0-9a-f]{40}$/, name);
    }
    assert.equal(await bitbucket.head(repository, 'branch', 'nowhere'), null);
    assert.equal(await bitbucket.head(repository, 'tag', 'main'), null);
    const branches = await bitbucket.branches(repository, 10);
    assert.deepEqual(branches.sort(), ['feature/été-#1', 'main']);

    const commit = (await bitbucket.head(repository, 'branch', 'main'))?.hash ?? '';
    await bitbucket.setBuildStatus(repository, commit, {
      key: 'slipway-1',
      state: 'SUCCESSFUL',
      name: 'Slipway',
      description: 'Live',
      url: 'https://slipway.example/d/1',
      refName: 'main',
    });
    const { statuses = [] } = await control(`statuses?repository=acme/site&commit=${commit}`);
    assert.equal((statuses as Json[])[0]?.['state'], 'SUCCESSFUL');
  });

  it('knows who administers, and when it may not ask', async () => {
    await install();
    const repository = await site();
    const people = (await control('state'))['users'] as { nickname: string; uuid: string }[];
    const uuid = (name: string) => people.find((one) => one.nickname === name)?.uuid ?? '';
    assert.equal(await bitbucket.permission(repository, uuid('ada')), 'admin');
    assert.equal(await bitbucket.permission(repository, uuid('bob')), 'read');
    const stranger = '{2f1e9a10-2222-4bbb-8ccc-abcdefabcdef}';
    assert.equal(await bitbucket.permission(repository, stranger), 'none');
    await control('settings', { app_may_read_permissions: false });
    assert.equal(await bitbucket.permission(repository, uuid('ada')), 'unknown');
  });

  it('gets a new token when the old one was revoked, and one to clone with', async () => {
    await install();
    const repository = await site();
    await control('tokens/revoke', {});
    assert.equal((await site()).uuid, repository.uuid);
    const { username, password } = await bitbucket.cloneCredential(repository);
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    const refs = await fetch(
      `${bitbucket.cloneUrl(repository)}/info/refs?service=git-upload-pack`,
      {
        headers: { authorization: `Basic ${basic}` },
      },
    );
    assert.equal(refs.status, 200);
    await refs.arrayBuffer();
  });
});
