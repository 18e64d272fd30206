import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runDoctorCommand } from '../../src/commands/doctor.js';
import { parseConfig } from '../../src/config/config.js';
import type { Env } from '../../src/config/env.js';
import type { Finding } from '../../src/core/diagnosis.js';
import { startServer } from '../../src/main.js';
import { masterKey } from '../../src/vault/key-ring.js';
import { createKeyRing } from '../../src/vault/key-ring.js';
import { createVault } from '../../src/vault/vault.js';
import { createIds } from '../../src/lib/ids.js';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.js';
import { Bench } from '../sandbox/support.js';
import { silentLogger } from '../support/silent-logger.js';
import { tempFolder } from '../support/temp-folder.js';
import { run } from './capture.js';

const day = 24 * 3_600_000;

describe('slipway doctor', () => {
  const folder = tempFolder('doctor');
  const key = randomBytes(32);
  let bench: Bench;

  before(async () => {
    bench = await Bench.start();
  });

  after(async () => {
    await bench.stop();
    folder.remove();
  });

  const environment = (more: Env = {}): Env => ({
    PORT: '0',
    SLIPWAY_LOG_LEVEL: 'silent',
    SLIPWAY_MASTER_KEY: key.toString('base64'),
    SLIPWAY_BITBUCKET_URL: bench.url,
    SLIPWAY_BITBUCKET_API_URL: bench.url,
    ...more,
  });
  const look = async (dataDir: string, env: Env = environment(), now = Date.now) => {
    const ran = await run(
      (argv, io) => runDoctorCommand(argv, io, { env, problems: [] }),
      ['--json'],
      { dataDir, now },
    );
    const answer = JSON.parse(ran.out) as { ok: boolean; server: string; findings: Finding[] };
    assert.equal(ran.code, answer.ok ? 0 : 1);
    const of = (check: string): Finding[] => answer.findings.filter((f) => f.check === check);
    return { ...answer, code: ran.code, of };
  };

  /** A folder with a database in which something is sealed. */
  async function dataFolder(name: string): Promise<{
    dataDir: string;
    storage: Awaited<ReturnType<typeof openSqliteStorage>>;
    vault: ReturnType<typeof createVault>;
    id: () => string;
  }> {
    const dataDir = join(folder.path, name);
    const ids = createIds();
    const logger = silentLogger();
    const id = () => ids.next();
    const storage = await openSqliteStorage({ dataDir, newId: id, now: Date.now, logger });
    const vault = createVault(createKeyRing([key]));
    return { dataDir, storage, vault, id };
  }

  async function withGrant(
    name: string,
    more: { state?: 'active' | 'broken'; lapsesAt?: number; brokenReason?: string } = {},
  ): Promise<string> {
    const { dataDir, storage, vault, id } = await dataFolder(name);
    const grant = id();
    const sealed = vault.seal('token', `oauth_grants:${grant}:access`);
    await storage.write((tx) =>
      tx.grants.save({
        ...{ id: grant, clientId: 'key', userUuid: '{ada}', userName: 'Ada Example' },
        ...{ state: more.state ?? 'active', brokenReason: more.brokenReason ?? null },
        ...{ accessSealed: sealed, accessExpiresAt: 0, refreshSealed: sealed },
        ...{ lapsesAt: more.lapsesAt ?? Date.now() + 80 * day, scopes: 'account', version: 1 },
        ...{ renewingUntil: null, renewingBy: null, createdAt: 0, updatedAt: 0 },
      }),
    );
    await storage.close();
    return dataDir;
  }

  it('finds nothing wrong where nothing is, without a server', async () => {
    const found = await look(await withGrant('sound'));
    assert.equal(found.code, 0);
    assert.equal(found.server, 'stopped');
    assert.equal(found.of('keys')[0]?.says, `Key ${masterKey(key).id} opens all 2 stored secrets.`);
    for (const check of [
      ...['configuration', 'keys', 'database', 'migrations', 'hooks', 'grants'],
      ...['bitbucket-api', 'bitbucket-site', 'clock', 'disk'],
    ]) {
      assert.deepEqual(
        found.of(check).map(({ state }) => state),
        ['fine'],
        check,
      );
    }
  });

  it('speaks to people as well, and shows no secret', async () => {
    const dataDir = await withGrant('spoken');
    const command = (argv: string[], io: Parameters<typeof runDoctorCommand>[1]) =>
      runDoctorCommand(argv, io, { env: environment(), problems: [] });
    const { code, out } = await run(command, [], { dataDir });
    assert.equal(code, 0);
    assert.match(out, /^ok {7}database +It is sound, and its journal is wal\.$/m);
    assert.match(out, /Everything works as it should\.\n$/);
    assert.ok(!out.includes(key.toString('base64')));
    assert.equal((await run(command, ['now'], { dataDir })).code, 2);
  });

  it('knows a wrong master key by its fingerprint', async () => {
    const other = randomBytes(32).toString('base64');
    const dataDir = await withGrant('wrong-key');
    const found = await look(dataDir, environment({ SLIPWAY_MASTER_KEY: other }));
    assert.equal(found.code, 1);
    const [finding] = found.of('keys');
    assert.equal(finding?.state, 'problem');
    assert.match(
      finding.says,
      new RegExp(`^2 stored secrets are sealed with key ${masterKey(key).id}`),
    );
  });

  it('names every problem of the configuration, and looks at the rest all the same', async () => {
    const found = await look(await withGrant('badly-configured'), { PORT: 'abc' });
    assert.equal(found.code, 1);
    assert.ok(found.of('configuration').some(({ says }) => says.includes('PORT is "abc"')));
    assert.equal(found.of('database')[0]?.state, 'fine');
  });

  it('sees a clock that is wrong', async () => {
    const dataDir = await withGrant('late');
    const at = async (ms: number) => {
      await bench.control('POST', 'clock', { offset_ms: ms });
      const [finding] = (await look(dataDir)).of('clock');
      return finding;
    };
    const late = await at(120_000);
    assert.equal(late?.state, 'problem');
    assert.match(late.says, /^This machine is 1(19|20|21) s behind Bitbucket\.$/);
    assert.equal((await at(-12_000))?.state, 'note');
    assert.equal((await at(0))?.state, 'fine');
  });

  it('says when Bitbucket cannot be reached, or is ill', async () => {
    const dataDir = await withGrant('alone');
    const nowhere = 'http://127.0.0.1:9';
    const found = await look(
      dataDir,
      environment({ SLIPWAY_BITBUCKET_URL: nowhere, SLIPWAY_BITBUCKET_API_URL: nowhere }),
    );
    assert.equal(found.of('bitbucket-api')[0]?.state, 'problem');
    assert.equal(found.of('bitbucket-site')[0]?.state, 'problem');
    assert.equal(found.of('clock')[0]?.state, 'note');
    await bench.control('POST', 'faults', { path: '^/site/', status: 503, times: 1 });
    assert.match((await look(dataDir)).of('bitbucket-site')[0]?.says ?? '', /answers 503/);
  });

  it('tells of grants that are over or near their end', async () => {
    const broken = await look(
      await withGrant('broken', { state: 'broken', brokenReason: 'Bitbucket refused it.' }),
    );
    assert.equal(broken.code, 1);
    assert.match(
      broken.of('grants')[0]?.says ?? '',
      /^What Ada Example allowed is over: Bitbucket/,
    );
    const ending = await look(await withGrant('ending', { lapsesAt: Date.now() + 6.5 * day }));
    assert.equal(ending.code, 0);
    assert.match(ending.of('grants')[0]?.says ?? '', /lapses in 6 days/);
  });

  it('tells of workspaces’ own credentials that are refused, over or near their end', async () => {
    const { dataDir, storage, vault, id } = await dataFolder('credentials');
    const keep = (serves: string, more: object): Promise<void> =>
      storage.write(async (tx) => {
        await tx.workspaceCredentials.save({
          ...{ id: id(), workspaceUuid: '{acme}', kind: 'access_token', serves, clientId: null },
          ...{ secretSealed: vault.seal('t', 'x'), scopes: 'repository', endsAt: null },
          ...{ state: 'active', brokenReason: null, checkDueAt: null, createdBy: 'Ada' },
          ...{ createdAt: 0, updatedAt: 0 },
          ...more,
        });
      });
    await keep('workspace', { endsAt: Date.now() + 20.5 * day });
    await keep('{one}', { endsAt: Date.now() - day });
    await keep('{two}', { state: 'broken', brokenReason: 'Bitbucket refuses it.' });
    await keep('{three}', { endsAt: Date.now() + 300 * day });
    await storage.close();
    const found = await look(dataDir);
    assert.equal(found.code, 1);
    assert.deepEqual(
      found.of('credentials').map(({ state, says }) => [state, says]),
      [
        ['note', 'Access token of {acme} expires in 20 days.'],
        ['problem', 'Access token of {acme} has expired.'],
        ['problem', 'Access token of {acme} is refused: Bitbucket refuses it.'],
      ],
    );
  });

  it('tells of webhooks that are not as they should be, and of silent ones', async () => {
    const { dataDir, storage, vault, id } = await dataFolder('hooks');
    const hook = async (uuid: string, more: object): Promise<void> => {
      await storage.write(async (tx) => {
        const facts = {
          ...{ uuid, workspaceUuid: '{acme}', fullName: `acme/${uuid.slice(1, -1)}` },
          ...{ workspaceSlug: 'acme', workspaceName: 'Acme', name: 'site' },
          ...{ mainBranch: 'main', isPrivate: true },
        };
        const { id: repositoryId } = await tx.repositories.saveFacts(facts, '{acme}', 0);
        await tx.hooks.save({
          ...{ id: id(), repositoryId, sourceId: id(), remoteUuid: '{1}', events: ['repo:push'] },
          ...{ secretSealed: vault.seal('s', 'hooks:1:secret'), previousSecretSealed: null },
          ...{ previousUntil: null, state: 'active', enabledBy: 'Ada', enabledByUuid: null },
          ...{ health: null, alarm: null, lastDeliveryAt: null, checkDueAt: null },
          ...{ createdAt: Date.now(), updatedAt: 0 },
          ...more,
        });
      });
    };
    const health = {
      checkedAt: Date.now(),
      problem: 'events_missing' as const,
      detail: 'repo:updated',
    };
    await hook('{one}', { health });
    await hook('{two}', { alarm: { since: 0, refName: 'main' } });
    await hook('{three}', {});
    await storage.close();
    const found = await look(dataDir);
    assert.deepEqual(
      found.of('hooks').map(({ says }) => says),
      [
        'acme/one: The webhook does not send repo:updated.',
        'acme/two: A push to main came to light without the webhook telling of it.',
      ],
    );
  });

  it('says what is wrong with a database that cannot be read, or is not there', async () => {
    const dataDir = join(folder.path, 'garbage');
    mkdirSync(dataDir);
    const empty = await look(dataDir);
    assert.equal(empty.code, 0);
    assert.match(empty.of('database')[0]?.says ?? '', /^There is no database in/);
    writeFileSync(join(dataDir, 'slipway.sqlite'), 'garbage'.repeat(1000));
    const damaged = await look(dataDir);
    assert.equal(damaged.code, 1);
    assert.equal(damaged.of('database')[0]?.state, 'problem');
  });

  it('asks the running server, which looks with its own settings', async () => {
    const dataDir = await withGrant('running');
    const { config, secrets } = parseConfig({ ...environment(), SLIPWAY_DATA_DIR: dataDir });
    const server = await startServer(config, secrets);
    try {
      const found = await look(dataDir, {});
      assert.equal(found.server, 'running');
      assert.equal(found.code, 0, JSON.stringify(found.findings));
      assert.equal(found.of('keys')[0]?.state, 'fine');
      assert.equal(found.of('address')[0]?.says, `${server.url} leads here.`);
      assert.deepEqual(found.of('configuration'), []);
    } finally {
      await server.stop();
    }
  });
});
