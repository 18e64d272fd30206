import assert from 'node:assert/strict';
import { Limiters } from '../../src/bitbucket/limiter.js';
import type { BitbucketError } from '../../src/core/errors.js';
import { createIds } from '../../src/lib/ids.js';
import { openStorage } from '../../src/storage/open-storage.js';
import { ClusterMember } from '../../src/wiring/cluster-member.js';
import { runCli } from '../support/e2e/cli.js';
import { waitFor } from '../support/e2e/wait-for.js';
import {
  askPostgres,
  databaseOrSkip,
  sharedPostgres,
  type TestDatabase,
} from '../support/postgres.js';
import { silentLogger } from '../support/silent-logger.js';
import { tempFolder } from '../support/temp-folder.js';

describe('members of a cluster', function () {
  this.timeout(30_000);
  let database: TestDatabase;
  const open: { stop(): Promise<void> }[] = [];

  before(async function () {
    database = await databaseOrSkip(this);
  });
  after(async () => {
    for (const one of open.reverse()) await one.stop();
    await database?.drop();
  });

  async function member(id: string) {
    const folder = tempFolder('member');
    const ids = createIds();
    const logger = silentLogger();
    const storage = await openStorage({
      ...{ dataDir: folder.path, databaseUrl: database.url, now: Date.now, logger },
      newId: () => ids.next(),
    });
    const limiters = new Limiters(Date.now);
    const company = { any: true };
    const facts = { name: id, roles: 'web,worker', masterKeyId: 'k', baseUrl: 'http://x' };
    const node = { id, ...facts, startedAt: Date.now(), seenAt: Date.now() };
    const one = new ClusterMember(node, { storage, limiters, company, clock: Date.now, logger });
    one.start();
    open.push({
      async stop() {
        await one.stop();
        await storage.close();
        folder.remove();
      },
    });
    return { limiters, company };
  }

  it('know whether they are alone, count together, and wait together when Bitbucket told one of them to', async () => {
    const one = await member('one');
    await waitFor('it to know that it is alone', () => !one.company.any);
    const two = await member('two');
    await waitFor('both to know of each other', () => one.company.any && two.company.any);
    const credential = 'connect {w}';
    for (let call = 0; call < 10; call += 1) {
      await one.limiters.of(credential).run(() => Promise.resolve());
    }
    // As the answer 429 does it.
    one.limiters.of(credential).pause(60_000);
    const toldAt = performance.now();
    await waitFor('the other one to hear of it', () => two.limiters.of(credential).pausedNow);
    assert.ok(performance.now() - toldAt < 4_000);
    await assert.rejects(
      two.limiters.of(credential).run(() => Promise.resolve()),
      (error: BitbucketError) => error.code === 'bitbucket_rate_limited',
    );
    assert.equal(two.limiters.of(credential).left(), 990);
  });
});

describe('joining a cluster', function () {
  this.timeout(30_000);

  it('says what is missing where the user may not make the schema of the wake-ups', async function () {
    const database = await databaseOrSkip(this);
    const folder = tempFolder('joining');
    const role = `narrow_${Date.now()}`;
    const url = new URL(database.url);
    Object.assign(url, { username: role, password: 'not-a-secret' });
    try {
      await askPostgres(database.url, `CREATE ROLE ${role} LOGIN PASSWORD 'not-a-secret'`);
      await askPostgres(database.url, `GRANT ALL ON SCHEMA public TO ${role}`);
      const result = await runCli(['start'], {
        env: {
          ...{ PORT: '0', SLIPWAY_DATA_DIR: folder.path, DATABASE_URL: url.href },
          SLIPWAY_BITBUCKET_URL: 'http://127.0.0.1:9',
          SLIPWAY_BITBUCKET_API_URL: 'http://127.0.0.1:9',
        },
      });
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stderr, /may not create the schema slipway_worker/);
      assert.doesNotMatch(result.stderr, /not-a-secret/);
    } finally {
      await database.drop();
      await askPostgres((await sharedPostgres()).url, `DROP ROLE IF EXISTS ${role}`);
      folder.remove();
    }
  });
});
