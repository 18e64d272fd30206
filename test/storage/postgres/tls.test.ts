import assert from 'node:assert/strict';
import { chownSync, copyFileSync, chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../../src/core/errors.js';
import { openPostgresStorage } from '../../../src/storage/postgres/postgres-storage.js';
import {
  authority,
  hasOpenssl,
  type Authority,
  type Certificate,
} from '../../support/certificates.js';
import { waitFor } from '../../support/e2e/wait-for.js';
import {
  askPostgres,
  databaseOrSkip,
  startPostgres,
  type TestPostgres,
} from '../../support/postgres.js';
import { silentLogger } from '../../support/silent-logger.js';
import { tempFolder } from '../../support/temp-folder.js';

/** A server that takes nobody without TLS: whatever connects to it does so encrypted. */
describe('a PostgreSQL behind TLS', function () {
  this.timeout(60_000);
  const folder = tempFolder('tls');
  let server: TestPostgres;
  let ours: Authority;
  let strange: Authority;
  let named: Certificate;
  /** For tests: past all checks. */
  let admin: string;

  before(async function () {
    if (!hasOpenssl()) {
      if (process.env['CI']) throw new Error('openssl is missing');
      console.error('\n  *** NOT TESTED: TLS to PostgreSQL, because there is no openssl.\n');
      return this.skip();
    }
    await (await databaseOrSkip(this)).drop();
    ours = authority(folder.path, 'ours');
    strange = authority(folder.path, 'strange');
    named = ours.sign('named', 'DNS:localhost', 'IP:127.0.0.1');
    server = await startPostgres();
    admin = server.url;
    await show(named);
    const [row] = await askPostgres(admin, 'SHOW hba_file');
    writeFileSync(String(row?.['hba_file']), 'hostssl all all 127.0.0.1/32 password\n');
    await askPostgres(admin, 'SELECT pg_reload_conf()');
    admin = withQuery({ sslmode: 'require', uselibpqcompat: 'true' });
    await waitFor('it to refuse who comes without TLS', () =>
      askPostgres(server.url, 'SELECT 1').then(
        () => false,
        () => true,
      ),
    );
  });

  after(async () => {
    await server?.close();
    folder.remove();
  });

  /** From now on it shows this certificate to whoever connects. */
  async function show({ certificate, key }: Certificate): Promise<void> {
    const [row] = await askPostgres(admin, 'SHOW data_directory');
    const data = String(row?.['data_directory']);
    const { uid, gid } = statSync(data);
    for (const [file, name] of [
      [certificate, 'server.crt'],
      [key, 'server.key'],
    ] as const) {
      const copy = join(data, name);
      copyFileSync(file, copy);
      chownSync(copy, uid, gid);
      chmodSync(copy, 0o600);
    }
    await askPostgres(admin, 'ALTER SYSTEM SET ssl = on');
    await askPostgres(admin, 'SELECT pg_reload_conf()');
    await waitFor('TLS to be on', async () => {
      const [state] = await askPostgres(admin, 'SHOW ssl');
      return state?.['ssl'] === 'on';
    });
  }

  function withQuery(query: Record<string, string>, host = '127.0.0.1'): string {
    const url = new URL(server.url);
    url.hostname = host;
    url.search = new URLSearchParams(query).toString();
    return url.href;
  }

  /** Migrates, writes and reads; null when all of it went well. */
  async function problem(query: Record<string, string>, host?: string): Promise<string | null> {
    const open = openPostgresStorage({
      ...{ dataDir: folder.path, url: withQuery(query, host), newId: () => 'x', now: Date.now },
      logger: silentLogger(),
    });
    try {
      const storage = await open;
      await storage.write((tx) => tx.lanes.nextDue());
      await storage.read.lanes.nextDue();
      const [plain] = await askPostgres(
        admin,
        `SELECT count(*)::int AS plain FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_port > 0 AND NOT ssl`,
      );
      assert.equal(plain?.['plain'], 0);
      await storage.close();
      return null;
    } catch (error) {
      assert.ok(error instanceof ConfigError, `waits, or has no words: ${String(error)}`);
      assert.doesNotMatch(error.message, /not-a-secret/);
      return error.message;
    }
  }

  it('says to whoever comes without TLS what to add', async () => {
    assert.match((await problem({})) ?? '', /lets this user not in.*add sslmode=verify-full/s);
    assert.match((await problem({ sslmode: 'disable' })) ?? '', /add sslmode=verify-full/);
  });

  it('require: encrypted, whoever it is', async () => {
    assert.equal(await problem({ sslmode: 'require' }), null);
  });

  it('verify-full: by the authority that DATABASE_URL names, by name and by address', async () => {
    const known = { sslmode: 'verify-full', sslrootcert: ours.certificate };
    assert.equal(await problem(known), null);
    assert.equal(await problem(known, 'localhost'), null);
    assert.equal(await problem({ ...known, sslmode: 'verify-ca' }), null);
  });

  it('refuses at once who is signed by nobody it knows, and says what to name', async () => {
    const advice = /no authority known here has signed.*sslrootcert/s;
    assert.match((await problem({ sslmode: 'verify-full' })) ?? '', advice);
    assert.match((await problem({ sslmode: 'verify-full', sslrootcert: 'system' })) ?? '', advice);
    const sslrootcert = strange.certificate;
    for (const sslmode of ['verify-full', 'verify-ca', 'require']) {
      assert.match((await problem({ sslmode, sslrootcert })) ?? '', advice, sslmode);
    }
  });

  it('names the file of an authority that cannot be read, or is none', async () => {
    const missing = { sslmode: 'verify-full', sslrootcert: join(folder.path, 'missing.pem') };
    assert.match((await problem(missing)) ?? '', /sslrootcert .*missing\.pem.*\(ENOENT\)/);
    const noPem = join(folder.path, 'no.pem');
    writeFileSync(noPem, 'not a certificate\n');
    const said = (await problem({ sslmode: 'verify-full', sslrootcert: noPem })) ?? '';
    assert.match(said, /no authority known here|secure connection/);
  });

  it('refuses a certificate for another name, but where only the authority is asked for', async () => {
    await show(ours.sign('elsewhere', 'DNS:db.example.com'));
    const known = { sslrootcert: ours.certificate };
    const full = (await problem({ ...known, sslmode: 'verify-full' }, 'localhost')) ?? '';
    assert.match(full, /certificate for another name.*db\.example\.com/s);
    assert.match((await problem({ ...known, sslmode: 'verify-full' })) ?? '', /another name/);
    assert.equal(await problem({ ...known, sslmode: 'verify-ca' }), null);
    await show(named);
    assert.equal(await problem({ ...known, sslmode: 'verify-full' }), null);
  });
});
