import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { acceptEvents } from '../../src/actions/accept-events.js';
import { noteUnreadable } from '../../src/actions/note-unreadable.js';
import type { Source } from '../../src/core/model/index.js';
import type { Storage } from '../../src/core/ports.js';
import { createIntake } from '../../src/doors/intake.js';
import type { EventDoor } from '../../src/doors/event-door.js';
import { digest } from '../../src/lib/digest.js';
import { createIds } from '../../src/lib/ids.js';
import { SqliteConnection } from '../../src/storage/sqlite/connection.js';
import { SqliteWriterConnection } from '../../src/storage/sqlite/writer-connection.js';
import { GroupCommitWriter } from '../../src/storage/group-commit-writer.js';
import { sqliteDialect } from '../../src/storage/sqlite/dialect.js';
import { transactionOver } from '../../src/storage/stores/transaction.js';
import { migrateDataFolder } from '../../src/storage/migrate-folder.js';
import { change, commit, repositoryUuid, workspaceUuid } from '../support/engine.js';
import { silentLogger } from '../support/silent-logger.js';
import { tempFolder } from '../support/temp-folder.js';

const ids = createIds();
const source: Source = { id: 's', door: 'connect', key: 'k', installationId: null, createdAt: 0 };
/** A commit message of several pages of the database, so that a full disk is met at once. */
const bulk = 'x'.repeat(20_000);

/** Every delivery is genuine; its header says which one it is. */
const door: EventDoor = {
  door: 'connect',
  path: '/connect/events',
  verify: () => Promise.resolve({ ok: true, source, workspaceUuid }),
  parse: ({ headers, body }) => ({
    deliveryId: String(headers['x-request-uuid']),
    eventKey: 'repo:push',
    attemptNumber: 1,
    event: {
      kind: 'push',
      actor: null,
      changes: [
        change({ from: null, to: commit('a'), kind: 'create', message: body.toString('utf8') }),
      ],
      repository: {
        uuid: repositoryUuid,
        workspaceUuid,
        workspaceSlug: 'acme',
        workspaceName: null,
        fullName: 'acme/site',
        name: 'site',
        isPrivate: true,
      },
    },
  }),
};

/**
 * The way of a push from the socket to the disk, with the writer's own connection in the test's hands: what a full or
 * read-only disk does to SQLite is what `max_page_count` and `query_only` do to it (SQLITE_FULL, SQLITE_READONLY).
 */
describe('a database in trouble', () => {
  const folder = tempFolder('trouble');
  let connection: SqliteConnection;
  let server: Server;
  let url: string;
  const acknowledged = new Set<string>();
  const refused = new Set<string>();
  let deliveries = 0;

  before(async () => {
    await migrateDataFolder(folder.path);
    connection = await SqliteConnection.open(join(folder.path, 'slipway.sqlite'));
    const writing = await SqliteWriterConnection.over(connection);
    const writer = new GroupCommitWriter(writing, {
      maxWaiting: 10_000,
      dialect: sqliteDialect,
    });
    const tx = transactionOver(writing, () => ids.next());
    const storage: Storage = {
      write: (work) => writer.write(() => work(tx)),
      batched: (work) => writer.batched((items) => work(tx, items)),
      read: tx,
    };
    const clock = Date.now;
    const matches = (): boolean => true;
    const rules = { clock, ids, digest, matches, backendFacts: () => null };
    const intake = createIntake({
      doors: [door],
      accept: storage.batched(acceptEvents(rules)),
      noteUnreadable: noteUnreadable({ storage, ids, clock }),
      clock,
      logger: silentLogger(),
    });
    server = createServer((request, response) => void intake(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/connect/events`;
  });

  after(async () => {
    server.closeAllConnections();
    server.close();
    await connection.close();
    folder.remove();
  });

  async function send(delivery = `delivery-${(deliveries += 1)}`) {
    const startedAt = performance.now();
    const headers = { 'x-request-uuid': delivery };
    const response = await fetch(url, { method: 'POST', body: bulk, headers });
    (response.status === 204 ? acknowledged : refused).add(delivery);
    const retryAfter = response.headers.get('retry-after');
    return { status: response.status, retryAfter, ms: performance.now() - startedAt };
  }

  async function sendMany(): Promise<void> {
    const answers = await Promise.all(Array.from({ length: 20 }, () => send()));
    for (const { status, retryAfter, ms } of answers) {
      assert.equal(status, 503);
      assert.ok(Number(retryAfter) > 0, 'it says when to come again');
      assert.ok(ms < 1_000, `answered after ${Math.round(ms)} ms`);
    }
  }

  /** Exactly what was acknowledged is stored: no more, no less. */
  async function assertKept(): Promise<void> {
    const rows = await connection.all<{ delivery_id: string }>('SELECT delivery_id FROM events');
    assert.deepEqual(rows.map((row) => row.delivery_id).sort(), [...acknowledged].sort());
    const [check] = await connection.all<{ quick_check: string }>('PRAGMA quick_check(1)');
    assert.equal(check?.quick_check, 'ok');
  }

  async function setLimit(pages: number): Promise<void> {
    await connection.exec(`PRAGMA max_page_count = ${pages}`);
  }

  const troubles: { what: string; begin: () => Promise<void>; end: () => Promise<void> }[] = [
    {
      what: 'full disk',
      begin: async () => {
        const [row] = await connection.all<{ page_count: number }>('PRAGMA page_count');
        await setLimit(row?.page_count ?? 0);
      },
      end: () => setLimit(1_000_000),
    },
    {
      what: 'read-only database',
      begin: () => connection.exec('PRAGMA query_only = 1'),
      end: () => connection.exec('PRAGMA query_only = 0'),
    },
  ];

  for (const { what, begin, end } of troubles) {
    it(`${what}: 503 within a second, and back without a restart`, async () => {
      assert.equal((await send()).status, 204);
      await begin();
      await sendMany();
      await sendMany();
      await assertKept();
      await end();
      assert.equal((await send()).status, 204);
      await assertKept();
    });

    it(`${what}: a delivery that was refused is taken when Bitbucket sends it again`, async () => {
      await begin();
      await send('again');
      assert.ok(refused.has('again'));
      await end();
      assert.equal((await send('again')).status, 204);
      assert.equal((await send('again')).status, 204);
      await assertKept();
      await connection.run('DELETE FROM events WHERE delivery_id = ?', ['again']);
      acknowledged.delete('again');
      refused.delete('again');
    });

    it(`${what}: what is on its way when it begins is either kept or refused`, async () => {
      const sent = Array.from({ length: 40 }, () => send());
      await begin();
      const answers = await Promise.all(sent);
      await end();
      assert.ok(answers.every(({ status }) => status === 204 || status === 503));
      await assertKept();
    });
  }
});
