import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { InfrastructureError } from '../../../src/core/errors.js';
import { change, commit, createEngine, type Engine } from '../../support/engine.js';
import {
  askPostgres,
  databaseOrSkip,
  startPostgres,
  type TestDatabase,
  type TestPostgres,
} from '../../support/postgres.js';
import { waitFor } from '../../support/e2e/wait-for.js';

/** With a server of its own, which is stopped and started again. */
describe('a PostgreSQL in trouble', function () {
  this.timeout(60_000);
  let server: TestPostgres;
  let database: TestDatabase;
  let engine: Engine;
  let deliveries = 0;
  const acknowledged = new Set<string>();

  before(async function () {
    // Says why, where it cannot be had.
    await (await databaseOrSkip(this)).drop();
    server = await startPostgres();
    database = await server.createDatabase();
    engine = await createEngine({ databaseUrl: database.url });
    await engine.target();
  });

  after(async () => {
    await engine?.close();
    await server?.close();
  });

  /** How it ended: stored, or refused with what a door answers 503 for. Anything else is a failure of the test. */
  async function push(name = 'main'): Promise<'stored' | 'refused'> {
    const deliveryId = `delivery-${(deliveries += 1)}`;
    try {
      await engine.push([change({ name, from: commit('0') })], { deliveryId });
      acknowledged.add(deliveryId);
      return 'stored';
    } catch (error) {
      assert.ok(error instanceof InfrastructureError, String(error));
      assert.equal(error.code, 'storage_unavailable');
      return 'refused';
    }
  }

  async function assertKept(): Promise<void> {
    const rows = await askPostgres(database.url, 'SELECT delivery_id FROM events');
    const stored = new Set(rows.map((row) => row['delivery_id']));
    const lost = [...acknowledged].filter((id) => !stored.has(id));
    assert.deepEqual(lost, []);
  }

  it('refuses at once while it is away, and goes on by itself when it is back', async () => {
    assert.equal(await push(), 'stored');
    await server.control?.stop();
    for (let time = 0; time < 3; time += 1) {
      const startedAt = performance.now();
      assert.equal(await push(), 'refused');
      assert.ok(performance.now() - startedAt < 1_000);
    }
    await assert.rejects(engine.storage.read.lanes.nextDue(), { code: 'storage_unavailable' });
    await server.control?.start();
    await waitFor('a push to be stored again', async () => (await push()) === 'stored');
    await engine.storage.read.lanes.nextDue();
    await assertKept();
  });

  it('keeps everything it acknowledged through stops at any moment', async () => {
    let isOver = false;
    let refused = 0;
    const pushing = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        if ((await push()) === 'refused') {
          refused += 1;
          await delay(5);
        }
      }
    });
    for (let stop = 0; stop < 4; stop += 1) {
      await delay(150 + stop * 37);
      await server.control?.stop();
      await delay(60);
      await server.control?.start();
    }
    await waitFor('a push to be stored again', async () => (await push()) === 'stored');
    isOver = true;
    await Promise.all(pushing);
    assert.ok(refused > 0, 'it was away');
    await assertKept();
  });

  it('loses nothing but its transaction when its session is ended in the middle', async () => {
    const failing = engine.storage.write(async (tx) => {
      await tx.lanes.nextDue();
      await askPostgres(
        database.url,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE state = 'idle in transaction' AND datname = current_database()`,
      );
      await tx.lanes.nextDue();
    });
    await assert.rejects(failing, { code: 'storage_unavailable' });
    assert.equal(await push(), 'stored');
  });

  it('does not let a node that was stopped in a transaction hold up the others for long', async () => {
    const other = await createEngine({ databaseUrl: database.url, before: engine });
    let goOn = (): void => undefined;
    const stopped = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let begun = (): void => undefined;
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const paused = engine.storage.write(async (tx) => {
      await tx.lanes.nextDue();
      begun();
      await stopped;
      await tx.lanes.nextDue();
    });
    const rejected = assert.rejects(paused, { code: 'storage_unavailable' });
    await isBegun;
    const startedAt = performance.now();
    await other.storage.write((tx) => tx.lanes.nextDue());
    const waitedMs = performance.now() - startedAt;
    assert.ok(waitedMs > 1_000 && waitedMs < 6_000, `${Math.round(waitedMs)} ms`);
    goOn();
    await rejected;
    assert.equal(await push(), 'stored');
    await other.close();
  });

  it('does not wait for ever for a lock that somebody else holds', async () => {
    const held = askPostgres(
      database.url,
      'BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(8)',
    ).catch(() => undefined);
    await delay(200);
    const startedAt = performance.now();
    assert.equal(await push(), 'refused');
    assert.ok(performance.now() - startedAt < 8_000, 'Bitbucket waits for ten seconds');
    await held;
    assert.equal(await push(), 'stored');
  });

  it('takes texts that PostgreSQL has no way to keep, and long names', async () => {
    const long = Array.from({ length: 60 }, (_, index) => `part-${(index * 7919) % 1_000}`);
    for (const name of ['a\0b', 'half \ud800 of a pair', '\u202e💥', long.join('/')]) {
      assert.equal(await push(name), 'stored');
    }
    const { id } = await engine.repository();
    const names = (await engine.storage.read.refs.ofRepository(id)).map((ref) => ref.name);
    assert.ok(names.includes('a\uFFFDb'));
  });
});
