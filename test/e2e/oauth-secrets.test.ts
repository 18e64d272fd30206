import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sealedColumns } from '../../src/actions/sealed-columns.js';
import { startDigitalOcean } from '../../src/sandbox/digitalocean/index.js';
import { createKeyRing, masterKey } from '../../src/vault/key-ring.js';
import { createVault } from '../../src/vault/vault.js';
import { runCli } from '../support/e2e/cli.js';
import { OwnPages } from '../support/e2e/own-pages.js';
import { ProcessWatch } from '../support/e2e/process-watch.js';
import { SecretSearch } from '../support/e2e/secret-search.js';
import { Stage } from '../support/e2e/stage.js';

const slipway = { key: 'k'.repeat(32), secret: randomBytes(40).toString('base64url') };
const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
const text = (key: Buffer): string => key.toString('base64');

/** Everything that is sealed and comes by the OAuth door: looked for byte by byte, then put under another master key. */
describe('secrets of the OAuth door', function () {
  this.timeout(60_000);
  const search = new SecretSearch();
  const pages: [string, string][] = [];
  let stage: Stage;
  let own: OwnPages;
  let watch: ProcessWatch;
  let chat: Server;
  let vendor: Awaited<ReturnType<typeof startDigitalOcean>>;
  let settings: Record<string, string>;

  before(async () => {
    chat = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
    await once(chat, 'listening');
    vendor = await startDigitalOcean({
      source: { head: () => Promise.resolve(null), build: () => Promise.reject(new Error('none')) },
    });
    settings = {
      SLIPWAY_OAUTH_CLIENT_ID: slipway.key,
      SLIPWAY_OAUTH_CLIENT_SECRET: slipway.secret,
      SLIPWAY_DIGITALOCEAN_API_URL: vendor.url,
      SLIPWAY_LOG_LEVEL: 'trace',
    };
    stage = await Stage.open(settings, { env: { SLIPWAY_MASTER_KEY: text(oldKey) } });
    watch = new ProcessWatch(stage.server.pid);
    await stage.bench.control('POST', 'consumers', {
      ...{ workspace: 'acme', name: 'Slipway', scopes: 'account repository webhook' },
      ...{ ...slipway, callback_url: `${stage.server.url}/oauth/callback` },
    });
    own = await OwnPages.signIn(stage.bench.url, stage.server.url);
    await own.panel.hook('enable');
    // A second time: the former secret is kept for a while, too.
    await own.panel.hook('enable');
    await fillWorkspace();
    await own.panel.saveTarget({
      ...{ name: 'Production', backend: 'local', branchPattern: 'main' },
      'settings.secretEnvironment': `API_TOKEN=${noted("a target's variable")}`,
    });
    const commit = await stage.bench.commit({ branch: 'main' });
    const row = await stage.outcome(commit, own.panel);
    assert.equal(row.state, 'live', row.reason ?? '');
    await stage.finalStatuses(commit);
    // Installed as well, so that there is a shared secret.
    await stage.install();
    await watch.end();
    for (const path of ['', '/panel/fragments/hook', '/panel/fragments/deployments']) {
      await keepPage(`${own.repositoryUrl}${path}`);
    }
    for (const path of ['', '/panel/workspace/sections/credentials?kind=consumer']) {
      await keepPage(`${own.settingsUrl}${path}`);
    }
    await keepPage(new URL(row.page, stage.server.url).href);
    await keepPage(`${stage.server.url}/oauth/callback?code=${noted('a code')}&state=x`, 401);
    const bitbucket = await stage.bitbucketSecrets();
    for (const token of bitbucket.tokens) search.add('an access token', token);
    for (const { secret } of bitbucket.installations) search.add('the shared secret', secret);
    search.add("the consumer's secret", slipway.secret);
    for (const key of [oldKey, newKey]) search.add('a master key', key);
    for (const { name, value } of await opened(oldKey)) search.add(`what is in ${name}`, value);
  });

  after(async () => {
    await watch?.end();
    await stage?.close();
    await vendor?.close();
    chat?.close();
  });

  /** A secret that is used once, and looked for. */
  function noted(name: string): string {
    const value = randomBytes(24).toString('hex');
    search.add(name, value);
    return value;
  }

  async function fillWorkspace(): Promise<void> {
    const consumer = await stage.bench.control<{ key: string; secret: string }>(
      'POST',
      'consumers',
      { workspace: 'acme', name: 'Acme deploys', is_private: true, scopes: 'repository' },
    );
    search.add("the workspace's consumer", consumer.secret);
    await own.settle('credentials/save', {
      ...{ kind: 'consumer', clientId: consumer.key, secret: consumer.secret },
    });
    const token = `dop_v1_${noted('a token of a connection')}`;
    vendor.account.tokens.push({ token, scopes: ['app:read', 'app:update'] });
    await own.settle('connections/save', {
      ...{ connectionId: '', expectedVersion: '0', backend: 'digitalocean', name: 'Team' },
      'settings.token': token,
    });
    const { port } = chat.address() as AddressInfo;
    await own.settle('notices/add', {
      ...{ kind: 'chat', name: 'Team' },
      address: `http://127.0.0.1:${port}/${noted("a chat's address")}`,
    });
  }

  async function keepPage(url: string, status = 200): Promise<void> {
    const page = await own.browser.open(url);
    assert.equal(page.status, status, url);
    pages.push([new URL(url).pathname, page.html]);
  }

  /** Every sealed value there is, in clear. */
  async function opened(key: Buffer): Promise<{ name: string; value: string }[]> {
    const vault = createVault(createKeyRing([key]));
    const all: { name: string; value: string }[] = [];
    for (const sealedColumn of sealedColumns) {
      const { table, column, idColumn } = sealedColumn;
      const rows = await stage.rows(
        `SELECT ${idColumn} AS id, ${column} AS sealed FROM ${table} WHERE ${column} IS NOT NULL`,
      );
      for (const { id, sealed } of rows) {
        const value = vault.open(String(sealed), sealedColumn.identity(String(id)));
        all.push({ name: `${table}.${column}`, value });
      }
    }
    return all;
  }

  function assertNone(found: string[]): void {
    assert.deepEqual([...new Set(found)], []);
  }

  it('are all there, sealed: nothing that is looked for was forgotten', async () => {
    const filled = new Set((await opened(oldKey)).map(({ name }) => name));
    const all = sealedColumns.map(({ table, column }) => `${table}.${column}`);
    const columns = await stage.rows(
      `SELECT m.name || '.' || c.name AS name FROM sqlite_master m JOIN pragma_table_info(m.name) c
       WHERE m.type = 'table' AND c.name LIKE '%sealed'`,
    );
    assert.deepEqual(columns.map(({ name }) => name).sort(), [...all].sort(), 'in the schema');
    assert.deepEqual(
      all.filter((name) => !filled.has(name)),
      // Forge's own door has its tests.
      ['forge_installations.token_sealed'],
    );
  });

  it('are in no file of the data folder', () => {
    assertNone(search.findInFolder(stage.dataDir));
  });

  it('are not in the log', () => {
    assert.ok(stage.server.log.length > 10);
    assertNone(search.findIn(stage.server.stderr + stage.server.stdout));
  });

  it('are in no command line', function () {
    if (process.platform !== 'linux') {
      console.log('    skipped: command lines are read from /proc, which only Linux has');
      return this.skip();
    }
    assert.ok([...watch.commandLines].some((line) => /git fetch/.test(line)));
    assertNone([...watch.commandLines].flatMap((line) => search.findIn(line)));
  });

  it('are on no page', () => {
    assert.ok(pages.length >= 7);
    for (const [name, html] of pages) assert.deepEqual(search.findIn(html), [], name);
  });

  it('go under another master key while the server runs, and a start with that one alone opens them all', async () => {
    const before = await opened(oldKey);
    const rotated = await runCli(['keys', 'rotate', '--json', '--data-dir', stage.dataDir], {
      env: { SLIPWAY_MASTER_KEY: `${text(newKey)},${text(oldKey)}` },
    });
    assert.equal(rotated.code, 0, rotated.stderr);
    const counts = JSON.parse(rotated.stdout) as { rewrapped: number };
    const keyId = masterKey(newKey).id;
    assert.deepEqual(counts, { keyId, rewrapped: before.length, unopened: 0 });
    assertNone(search.findIn(rotated.stdout + rotated.stderr));
    assert.deepEqual(await opened(newKey), before);

    await stage.server.stop();
    await stage.start({ env: { SLIPWAY_MASTER_KEY: text(newKey) } });
    const commit = await stage.bench.commit({ branch: 'main' });
    const row = await stage.outcome(commit, own.panel);
    assert.equal(row.state, 'live', row.reason ?? '');
    assert.match(
      await own.settle('credentials/save', { kind: 'consumer', clientId: await clientId() }),
      /Bitbucket accepted it/,
    );
    assertNone(search.findIn(stage.server.stderr));
  });

  async function clientId(): Promise<string> {
    const [row] = await stage.rows(
      "SELECT client_id FROM workspace_credentials WHERE kind = 'consumer'",
    );
    return String(row?.['client_id']);
  }
});
