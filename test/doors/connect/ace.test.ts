import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { ConfigError } from '../../../src/core/errors.js';
import { createAceLogger } from '../../../src/doors/connect/ace-logger.js';
import { createAceStore } from '../../../src/doors/connect/ace-store.js';
import { createAce } from '../../../src/doors/connect/ace.js';
import { readDescriptor } from '../../../src/doors/connect/descriptor.js';
import { createConnectTenants } from '../../../src/doors/connect/tenants.js';
import { clientKey, fakeVault, MemoryStorage, RecordingLogger, secret } from './fakes.js';
import { bitbucketUrl, Harness, tokenFor } from './harness.js';

interface Layer {
  route?: { path: string; methods: Record<string, boolean> };
  handle: { stack?: Layer[]; _router?: { stack: Layer[] } };
}

function routesOf(stack: Layer[]): string[] {
  return stack.flatMap(({ route, handle }) => {
    const inner = handle.stack ?? handle._router?.stack ?? [];
    const own = route ? Object.keys(route.methods).map((m) => `${m} ${route.path}`) : [];
    return [...own, ...(route ? [] : routesOf(inner))];
  });
}

describe('what ACE may do here', () => {
  let harness: Harness;
  const listeners = () => process.listeners('unhandledRejection');

  beforeEach(() => {
    harness = new Harness();
  });
  afterEach(() => {
    harness.stop();
    for (const name of ['AC_OPTS', 'AC_PRODUCT', 'AC_HOST_WHITELIST']) delete process.env[name];
  });

  it('adds the descriptor, and nothing that answers events', async () => {
    await harness.start();
    const { stack } = harness.app._router as { stack: Layer[] };
    assert.deepEqual(routesOf(stack).sort(), [
      'get /atlassian-connect.json',
      'get /panel/overview',
      'get /panel/repository',
      'get /panel/workspace',
      // The harness's own stand-in for the intake; there must be no second one.
      'post /connect/events',
      'post /connect/installed',
      'post /connect/uninstalled',
    ]);
    assert.equal((await harness.call('POST', '/installed', { json: {} })).status, 404);
  });

  it('serves the whole descriptor, with our address, our key and our events', async () => {
    await harness.start();
    const { status, headers, text } = await harness.call('GET', '/atlassian-connect.json');
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^application\/json/);
    assert.doesNotMatch(text, /\{\{/);
    assert.deepEqual(JSON.parse(text), {
      key: 'slipway',
      name: 'Slipway',
      description: 'Push to deploy: every push goes live where you want it, and gets an answer.',
      vendor: { name: 'Slipway', url: harness.origin },
      baseUrl: harness.origin,
      authentication: { type: 'jwt' },
      lifecycle: { installed: '/connect/installed', uninstalled: '/connect/uninstalled' },
      scopes: ['account', 'repository'],
      contexts: ['account'],
      modules: {
        adminPages: [
          {
            key: 'slipway-repository',
            name: { value: 'Slipway' },
            location: 'org.bitbucket.repository.admin',
            url: '/panel/repository?workspaceUuid={workspace.uuid}&repoUuid={repository.uuid}&userUuid={user.uuid}',
          },
        ],
        repoPages: [
          {
            key: 'slipway-overview',
            name: { value: 'Slipway' },
            location: 'org.bitbucket.repository.navigation',
            url: '/panel/overview?workspaceUuid={workspace.uuid}&repoUuid={repository.uuid}',
          },
        ],
        configurePage: {
          key: 'slipway-workspace',
          name: { value: 'Configure' },
          url: '/panel/workspace?workspaceUuid={workspace.uuid}&userUuid={user.uuid}',
        },
        webhooks: ['repo:push', 'repo:updated', 'repo:transfer', 'repo:deleted'].map((event) => ({
          event,
          url: '/connect/events',
        })),
      },
    });
  });

  it('leaves no process-wide listener behind, and takes none of others away', async () => {
    const ours = () => undefined;
    process.on('unhandledRejection', ours);
    try {
      const before = listeners();
      await harness.start();
      assert.deepEqual(listeners(), before);
      assert.ok(listeners().includes(ours));
    } finally {
      process.off('unhandledRejection', ours);
    }
  });

  for (const [name, value, what] of [
    ['AC_OPTS', 'no-auth', /AC_OPTS=no-auth/],
    ['AC_PRODUCT', 'jira', /AC_PRODUCT/],
    ['AC_HOST_WHITELIST', '*', /AC_HOST_WHITELIST/],
  ] as const) {
    it(`does not start with ${name}=${value}, and leaves nothing behind`, async () => {
      const before = listeners();
      process.env[name] = value;
      await assert.rejects(
        harness.start(),
        (error) => error instanceof ConfigError && what.test(error.message),
      );
      assert.deepEqual(listeners(), before);
    });
  }

  it('is not weakened by AC_OPTS=no-auth set while running', async () => {
    await harness.start();
    harness.memory.put();
    process.env['AC_OPTS'] = 'no-auth';
    const json = {
      key: 'slipway',
      eventType: 'installed',
      clientKey,
      sharedSecret: 'taken-over',
      principal: { uuid: harness.memory.installations.get(clientKey)?.workspaceUuid },
    };
    assert.equal((await harness.call('POST', '/connect/installed', { json })).status, 401);
    const token = tokenFor('POST', '/connect/installed');
    assert.equal((await harness.call('POST', '/connect/installed', { json, token })).status, 401);
    assert.equal(harness.memory.secretOf(clientKey), secret);
  });

  it('says nothing at start that an operator would see', async () => {
    await harness.start();
    const heard = harness.logger.lines.filter((line) => !line.startsWith('debug'));
    assert.deepEqual(heard, []);
  });
});

describe('createAceStore', () => {
  function store(memory: MemoryStorage) {
    const deps = { storage: memory.storage, vault: fakeVault, clock: () => 0 };
    const tenants = createConnectTenants(deps);
    return createAceStore({ tenants, appKey: 'slipway', bitbucketUrl });
  }

  it('shows active and removed installations, and no unconfirmed one', async () => {
    const memory = new MemoryStorage();
    assert.equal(await store(memory).get('clientInfo', clientKey), null);
    memory.put({ state: 'unconfirmed' });
    assert.equal(await store(memory).get('clientInfo', clientKey), null);
    for (const state of ['active', 'removed'] as const) {
      memory.put({ state });
      const info = await store(memory).get('clientInfo', clientKey);
      assert.equal(info?.sharedSecret, secret);
    }
    assert.equal(await store(memory).get('anything', clientKey), null);
  });

  it('lets ACE write nothing', async () => {
    const made = store(new MemoryStorage());
    await assert.rejects(made.saveInstallation());
    await assert.rejects(made.set());
    await assert.rejects(made.del());
  });
});

describe('createAceLogger', () => {
  it('prints no secret, whatever ACE says', () => {
    const logger = new RecordingLogger();
    const ace = createAceLogger(logger);
    const info = { clientKey, sharedSecret: secret };
    // Word for word what ACE 11.5.3 logs (lib/index.js, lib/middleware/authentication.js).
    ace.info(`Saved tenant details for ${clientKey} to database\n${inspect(info)}`);
    ace.warn({ ctx: info }, 'Authentication verification error (401):  Invalid JWT');
    ace.error('Unhandled error:', new Error(secret));
    const input = tokenFor('GET', '/x').split('.').slice(0, 2).join('.');
    ace.warn({}, `Signature verification failed for input: ${input} with method sha256`);
    ace.error(`body was {"sharedSecret":"${secret}"}`);
    assert.doesNotMatch(logger.text, /the-shared-secret|eyJ/);
    assert.match(logger.text, /Saved tenant details/);
    assert.match(logger.text, /Signature verification failed for input: \[token\]/);
    assert.equal(logger.lines.length, 5);
  });
});

describe('createAce on IPv6', () => {
  it('knows the host it is given', () => {
    const memory = new MemoryStorage();
    const tenants = createConnectTenants({
      storage: memory.storage,
      vault: fakeVault,
      clock: () => 0,
    });
    const url = 'http://[::1]:3000';
    const descriptor = readDescriptor({ baseUrl: url, appKey: 'slipway' });
    const store = createAceStore({ tenants, appKey: 'slipway', bitbucketUrl: url });
    assert.doesNotThrow(() =>
      createAce({
        descriptor,
        baseUrl: url,
        bitbucketUrl: url,
        store,
        logger: new RecordingLogger(),
      }),
    );
  });
});
