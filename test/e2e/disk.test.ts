import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { badDisk, type BadDisk, type DiskTrouble } from '../support/e2e/bad-disk.js';
import { connectToken, type Signer } from '../support/e2e/connect-request.js';
import { sendRaw } from '../support/e2e/raw-http.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';
import { tempFolder } from '../support/temp-folder.js';

const eventsPath = '/connect/events';

/** Real process, real HTTP, and a disk that really says ENOSPC and EROFS to SQLite. */
describe('a disk in trouble under a running server', function () {
  this.timeout(60_000);
  const folder = tempFolder('bad-disk');
  let disk: BadDisk;
  let stage: Stage;
  let signer: Signer & { workspaceUuid: string };
  const acknowledged = new Set<string>();
  const refused = new Set<string>();

  before(async function () {
    const built = badDisk(folder.path);
    if (typeof built === 'string') {
      console.log(`\n*** THE DISK IN TROUBLE IS SKIPPED: ${built}. ***\n`);
      return this.skip();
    }
    disk = built;
    stage = await Stage.open(disk.environment);
    await stage.addTarget();
    const [installed] = (await stage.bitbucketSecrets()).installations;
    signer = installed ?? assert.fail('nothing is installed');
  });

  after(async () => {
    await stage?.close();
    folder.remove();
  });

  afterEach(() => disk.end());

  /** A push of a branch that nobody deploys, with so much text that it needs room. */
  async function send(delivery: string = randomUUID()) {
    const startedAt = performance.now();
    const target = { hash: 'b'.repeat(40), message: 'x'.repeat(30_000) };
    const change = { old: null, new: { type: 'branch', name: delivery, target }, created: true };
    const { uuid, full_name } = stage.seed.repository;
    const workspace = { uuid: signer.workspaceUuid, slug: 'acme', type: 'workspace' };
    const { status, headers } = await sendRaw(stage.server.url, eventsPath, {
      method: 'POST',
      body: JSON.stringify({
        event: 'repo:push',
        data: {
          push: { changes: [change] },
          repository: { uuid, full_name, name: 'site', workspace },
          actor: { display_name: 'Ada Example', type: 'user' },
        },
      }),
      headers: {
        'content-type': 'application/json',
        'x-event-key': 'repo:push',
        'x-request-uuid': delivery,
        'x-hook-uuid': randomUUID(),
        'x-attempt-number': '1',
        authorization: `JWT ${connectToken(signer, 'POST', eventsPath)}`,
      },
    });
    (status === 204 ? acknowledged : refused).add(delivery);
    return { status, retryAfter: headers['retry-after'], ms: performance.now() - startedAt };
  }

  async function stored(): Promise<Set<string>> {
    const rows = await stage.rows('SELECT delivery_id AS id FROM events');
    return new Set(rows.map(({ id }) => String(id)));
  }

  for (const trouble of ['full', 'read-only'] satisfies DiskTrouble[]) {
    it(`${trouble}: 503 within a second, nothing acknowledged is lost, and it goes on without a restart`, async () => {
      assert.equal((await send()).status, 204);
      const { pid } = stage.server;
      disk.begin(trouble);
      // There may be room for a few in what the files already have.
      await waitFor('the disk to be met', async () => (await send()).status === 503);
      const answers = await Promise.all(Array.from({ length: 30 }, () => send()));
      for (const { status, retryAfter, ms } of answers) {
        assert.equal(status, 503);
        assert.match(String(retryAfter), /^\d+$/);
        assert.ok(ms < 1_000, `answered after ${Math.round(ms)} ms`);
      }
      const pushed = await stage.bench.commit({ message: `Pushed while ${trouble}` });
      assert.equal((await sendRaw(stage.server.url, '/healthz', {})).status, 200);

      disk.end();
      await waitFor('it to take events again', async () => (await send()).status === 204);
      assert.equal(stage.server.pid, pid);
      const kept = await stored();
      for (const one of acknowledged) assert.ok(kept.has(one), `${one} was acknowledged`);
      for (const one of refused) assert.ok(!kept.has(one), `${one} was refused`);
      for (const one of [...refused].slice(0, 5)) {
        refused.delete(one);
        assert.equal((await send(one)).status, 204, 'it is taken when it is sent again');
      }
      const [told] = (await stage.bench.deliveries()).filter(({ body }) => body.includes(pushed));
      await stage.bench.control('POST', `deliveries/${told?.id ?? ''}/resend`);
      assert.equal((await stage.outcome(pushed)).state, 'live');
      assert.ok(stage.server.isRunning);
    });
  }
});
