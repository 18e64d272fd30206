import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runBackupCommand } from '../../src/commands/backup.js';
import { runDeliveriesCommand } from '../../src/commands/deliveries.js';
import { runDoctorCommand } from '../../src/commands/doctor.js';
import { runExportCommand } from '../../src/commands/export.js';
import { runMigrateCommand } from '../../src/commands/migrate.js';
import { runRestoreCommand } from '../../src/commands/restore.js';
import { runRetryCommand } from '../../src/commands/retry.js';
import type { Finding } from '../../src/core/diagnosis.js';
import type { Target } from '../../src/core/model/index.js';
import { keptMasterKeys } from '../../src/vault/key-file.js';
import { change, commit, createEngine, workspaceUuid, type Engine } from '../support/engine.js';
import { askPostgres, databaseOrSkip, type TestDatabase } from '../support/postgres.js';
import { tempFolder } from '../support/temp-folder.js';
import { run } from './capture.js';

type Command = Parameters<typeof run>[0];

/** The operator's commands with `DATABASE_URL`, beside a node that has it open. */
describe('commands on PostgreSQL', function () {
  this.timeout(30_000);
  const folder = tempFolder('postgres-commands');
  let database: TestDatabase;
  let engine: Engine;
  let target: Target;

  before(async function () {
    database = await databaseOrSkip(this);
    engine = await createEngine({ databaseUrl: database.url });
    target = await engine.target({ settings: { folder: 'web', token: 'target-secret-1' } });
    engine.backend.onObserve = [() => ({ state: 'failed', reason: 'tests failed' })];
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(5_000);
  });

  after(async () => {
    await engine?.close();
    await database?.drop();
    folder.remove();
  });

  const inFolder = (name: string): string => join(folder.path, name);
  const ask = (command: Command, argv: string[], more: { url?: string; dataDir?: string } = {}) =>
    run(command, argv, {
      dataDir: more.dataDir ?? inFolder('of-the-shell'),
      databaseUrl: more.url ?? database.url,
      now: engine.clock.now,
    });

  it('lists, exports and retries what is in the database', async () => {
    const listed = await ask(runDeliveriesCommand, []);
    assert.deepEqual([listed.code, listed.err], [0, '']);
    assert.match(listed.out, /failed {6}aaaaaaaaaaaa/);
    const exported = await ask(runExportCommand, [workspaceUuid]);
    assert.equal(exported.code, 0);
    assert.match(exported.out, /"acme\/site"/);
    assert.ok(!exported.out.includes('target-secret-1'));
    const retried = await ask(runRetryCommand, ['--failed']);
    assert.equal(retried.code, 0, retried.err);
    assert.match(retried.out, /wait in the database for the next node/);
    assert.equal((await engine.deployments(target.id)).length, 2);
  });

  it('migrates an empty one, and says before that it is empty', async () => {
    const empty = new URL(database.url);
    const name = `slipway_test_empty_${randomBytes(3).toString('hex')}`;
    await askPostgres(database.url, `CREATE DATABASE ${name}`);
    empty.pathname = `/${name}`;
    const url = empty.href;
    const before = await ask(runDeliveriesCommand, [], { url });
    assert.equal(before.code, 2);
    assert.match(before.err, /Nothing is in the database/);
    const first = await ask(runMigrateCommand, [], { url });
    assert.match(first.out, /^Applied 0001-initial\.\n/);
    const second = await ask(runMigrateCommand, [], { url });
    assert.deepEqual([second.code, second.out], [0, 'The database is up to date.\n']);
    await askPostgres(database.url, `DROP DATABASE ${name} WITH (FORCE)`);
  });

  it('backs up the key that is kept here, and says plainly that pg_dump saves the rest', async () => {
    const dataDir = inFolder('with-key');
    mkdirSync(dataDir);
    const [key] = keptMasterKeys(dataDir);
    const file = inFolder('keys.tar');
    const saved = await ask(runBackupCommand, [file], { dataDir });
    assert.equal(saved.code, 0, saved.err);
    assert.match(saved.err, /pg_dump --format=custom/);
    assert.ok(!saved.err.includes(new URL(database.url).password));
    assert.match(saved.err, /It holds the master key/);
    const elsewhere = inFolder('elsewhere');
    const restored = await ask(runRestoreCommand, [file], { dataDir: elsewhere });
    assert.equal(restored.code, 0, restored.err);
    assert.match(restored.err, /pg_restore/);
    assert.deepEqual(keptMasterKeys(elsewhere)[0], key);
    assert.ok(!existsSync(join(elsewhere, 'slipway.sqlite')));

    // The other place for a password in such an address.
    const byQuery = new URL(database.url);
    byQuery.searchParams.set('password', byQuery.password);
    byQuery.searchParams.set('sslpassword', 'key-of-the-key');
    byQuery.password = '';
    const hidden = await ask(runBackupCommand, [inFolder('more.tar')], {
      dataDir,
      url: byQuery.href,
    });
    assert.equal(hidden.code, 0, hidden.err);
    for (const secret of [new URL(database.url).password, 'key-of-the-key']) {
      assert.ok(!hidden.err.includes(secret) && !hidden.out.includes(secret));
    }

    const nothing = await ask(runBackupCommand, [inFolder('none.tar')]);
    assert.equal(nothing.code, 2);
    assert.match(nothing.err, /pg_dump[^]*No master key is kept/);
    assert.ok(!existsSync(inFolder('none.tar')));
  });

  it('doctor says which server it is, how many nodes use it, and never the password', async () => {
    const env = {
      DATABASE_URL: database.url,
      SLIPWAY_MASTER_KEY: engine.masterKey.toString('base64'),
      SLIPWAY_BITBUCKET_URL: 'http://127.0.0.1:9',
      SLIPWAY_BITBUCKET_API_URL: 'http://127.0.0.1:9',
    };
    const look = (argv: string[], io: Parameters<Command>[1]) =>
      runDoctorCommand(argv, io, { env, problems: [] });
    const { out } = await ask(look, ['--json']);
    assert.ok(!out.includes(new URL(database.url).password));
    const { findings } = JSON.parse(out) as { findings: Finding[] };
    const said = (check: string) => findings.find((finding) => finding.check === check);
    const [, port] = /:(\d+)\//.exec(database.url) ?? [];
    const server = said('database')?.says ?? '';
    assert.match(
      server,
      new RegExp(`^PostgreSQL at \\S+:${port}, database slipway_test_\\w+; version`),
    );
    assert.match(server, /Nodes that use it now: 1\./);
    // The engine's clock is of another year.
    assert.match(said('clock')?.says ?? '', /clock is \d+\.\d s \w+( of)? the database's\.$/);
    assert.equal(said('migrations')?.state, 'fine');
    assert.match(said('keys')?.says ?? '', /opens all \d+ stored secrets/);
  });

  it('say what is wrong with the address, and that nobody answers there', async () => {
    const wrong = await ask(runDeliveriesCommand, [], { url: 'postgres://u:letmein@h' });
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /names no database/);
    const away = await ask(runDeliveriesCommand, [], { url: 'postgres://u:letmein@127.0.0.1:9/d' });
    assert.equal(away.code, 1);
    assert.ok(!`${wrong.err}${away.err}`.includes('letmein'));
  });
});
