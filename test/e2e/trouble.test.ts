import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sqlite3 from 'sqlite3';
import type { PushAnswer, RepositoryAnswer } from '../sandbox/support.js';
import { connectToken, type Signer } from '../support/e2e/connect-request.js';
import { sendRaw, type RawAnswer, type RawRequest } from '../support/e2e/raw-http.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

const eventsPath = '/connect/events';
const megabyte = 1024 * 1024;

describe('bad input and trouble, over HTTP', function () {
  this.timeout(30_000);
  let stage: Stage;
  let acme: Signer & { workspaceUuid: string };
  let other: Signer & { workspaceUuid: string };

  before(async () => {
    stage = await Stage.open();
    await stage.bench.control('POST', 'workspaces', { slug: 'other', name: 'Other', owner: 'bob' });
    await stage.addTarget();
    await stage.install('other', 'bob');
    const { workspaces } = await stage.bench.control<{
      workspaces: { slug: string; uuid: string }[];
    }>('GET', 'state');
    const { installations } = await stage.bitbucketSecrets(2);
    const signer = (slug: string) => {
      const uuid = workspaces.find((workspace) => workspace.slug === slug)?.uuid;
      return installations.find((one) => one.workspaceUuid === uuid) ?? assert.fail(slug);
    };
    acme = signer('acme');
    other = signer('other');
  });

  after(() => stage?.close());

  /** A push to acme/site as Bitbucket would tell it, of a commit that it does not have. */
  function pushBody(changes: unknown[], more: Record<string, unknown> = {}): string {
    const { uuid, full_name } = stage.seed.repository;
    const workspace = { uuid: acme.workspaceUuid, slug: 'acme', type: 'workspace' };
    const repository = { uuid, full_name, name: 'site', workspace };
    const actor = { display_name: 'Ada Example', type: 'user' };
    return JSON.stringify({
      event: 'repo:push',
      data: { push: { changes }, repository, actor, ...more },
    });
  }

  /** A change that no target of acme/site deploys. */
  function harmlessChange(name = 'elsewhere'): object {
    const target = { hash: 'b'.repeat(40), message: 'm' };
    return { old: null, new: { type: 'branch', name, target }, created: true, forced: false };
  }

  interface Delivery extends RawRequest {
    /** Null: none at all. Default: acme's, as Bitbucket signs it. */
    token?: string | null;
    path?: string;
    event?: string;
  }

  function deliver(body: string | Buffer, options: Delivery = {}): Promise<RawAnswer> {
    const { token, path = eventsPath, event = 'repo:push', headers, ...rest } = options;
    const signed = token === undefined ? connectToken(acme, 'POST', path) : token;
    return sendRaw(stage.server.url, path, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'x-event-key': event,
        'x-request-uuid': randomUUID(),
        'x-hook-uuid': randomUUID(),
        'x-attempt-number': '1',
        ...(signed === null ? {} : { authorization: `JWT ${signed}` }),
        ...headers,
      },
      ...rest,
    });
  }

  async function storedEvents(): Promise<number> {
    const [row] = await stage.rows('SELECT count(*) AS n FROM events');
    return Number(row?.['n']);
  }

  async function assertNothingStored(work: () => Promise<void>): Promise<void> {
    const before = await storedEvents();
    await work();
    assert.equal(await storedEvents(), before);
  }

  it('the deliveries made here are good ones: the plain one is stored', async () => {
    const before = await storedEvents();
    const { status, text } = await deliver(pushBody([harmlessChange()]));
    assert.equal(status, 204);
    assert.equal(text, '');
    assert.equal(await storedEvents(), before + 1);
  });

  describe('bodies', () => {
    it('over 1 MiB: 413, whether the size was announced or not', () =>
      assertNothingStored(async () => {
        const big = pushBody([harmlessChange('x'.repeat(3 * megabyte))]);
        for (const chunked of [false, true]) {
          for (let round = 0; round < 5; round += 1) {
            assert.equal((await deliver(big, { chunked })).status, 413);
          }
        }
        assert.equal((await deliver(big, { token: null })).status, 413);
      }));

    it('just under 1 MiB: taken', async () => {
      const body = pushBody([harmlessChange()], { padding: 'x'.repeat(megabyte - 5_000) });
      assert.ok(body.length < megabyte && body.length > megabyte - 5_000);
      assert.equal((await deliver(body)).status, 204);
    });

    it('not JSON, well signed: 400, and a digest is all that is kept of it', async () => {
      const before = await storedEvents();
      const marker = `unreadable-${randomUUID()}`;
      const body = `{"event":"repo:push","data":{"${marker}`;
      const { status, text } = await deliver(body);
      assert.equal(status, 400);
      assert.equal(text, '');
      assert.equal(await storedEvents(), before + 1);
      const digest = createHash('sha256').update(body).digest('hex');
      const rows = await stage.rows(
        'SELECT state, body_digest, repository_id, actor FROM events ORDER BY id DESC LIMIT 1',
      );
      assert.deepEqual(rows, [
        { state: 'unreadable', body_digest: digest, repository_id: null, actor: null },
      ]);
      for (const name of readdirSync(stage.dataDir).filter((file) => file.includes('sqlite'))) {
        assert.ok(!readFileSync(join(stage.dataDir, name)).includes(marker), name);
      }
      assert.ok(!stage.server.stderr.includes(marker));
    });

    for (const [what, body] of [
      ['empty', ''],
      ['a list', '[]'],
      ['null', 'null'],
      ['changes that are no list', '{"event":"repo:push","data":{"push":{"changes":{}}}}'],
      ['a push without a repository', '{"push":{"changes":[{"new":{"name":"x"}}]}}'],
    ] as const) {
      it(`${what}, well signed: 400`, async () => {
        assert.equal((await deliver(body)).status, 400);
      });
    }

    it('a header that names another event than the body: 400', async () => {
      const { status } = await deliver(pushBody([harmlessChange()]), { event: 'repo:deleted' });
      assert.equal(status, 400);
    });

    it('gzip: taken as it was meant', async () => {
      const before = await storedEvents();
      const body = gzipSync(pushBody([harmlessChange('zipped')]));
      const { status } = await deliver(body, { headers: { 'content-encoding': 'gzip' } });
      assert.equal(status, 204);
      assert.equal(await storedEvents(), before + 1);
      const [row] = await stage.rows('SELECT name FROM ref_changes ORDER BY id DESC LIMIT 1');
      assert.equal(row?.['name'], 'zipped');
    });

    it('a gzip bomb: 413', () =>
      assertNothingStored(async () => {
        const bomb = gzipSync(Buffer.alloc(100 * megabyte, ' '));
        assert.ok(bomb.length < megabyte / 5);
        const { status } = await deliver(bomb, { headers: { 'content-encoding': 'gzip' } });
        assert.equal(status, 413);
      }));

    it('gzip that is none, or cut, or an encoding we do not know: 400', () =>
      assertNothingStored(async () => {
        const good = gzipSync(pushBody([harmlessChange()]));
        for (const [body, encoding] of [
          [pushBody([]), 'gzip'],
          [good.subarray(0, -20), 'gzip'],
          [good, 'br'],
          [good, 'gzip, gzip'],
        ] as const) {
          const headers = { 'content-encoding': encoding };
          assert.equal((await deliver(body, { headers })).status, 400, encoding);
        }
      }));
  });

  describe('who sends', () => {
    const token = (signer: Signer, changed: Record<string, string | number | string[]> = {}) =>
      connectToken(signer, 'POST', eventsPath, changed);
    const now = () => Math.floor(Date.now() / 1000);
    const unsigned = (claims: string) =>
      `${Buffer.from('{"typ":"JWT","alg":"none"}').toString('base64url')}.${claims.split('.')[1]}.`;

    const refused: [string, () => Delivery][] = [
      ['no token', () => ({ token: null })],
      ['no token, but a session or bearer', () => ({ headers: { authorization: 'Bearer x.y.z' } })],
      ['words in place of a token', () => ({ token: 'let-me-in' })],
      ['another secret', () => ({ token: token({ ...acme, secret: `${acme.secret}x` }) })],
      ["another workspace's secret", () => ({ token: token({ ...acme, secret: other.secret }) })],
      ['an installation that is none', () => ({ token: token({ ...acme, clientKey: 'ari:x' }) })],
      ['expired', () => ({ token: token(acme, { iat: now() - 400, exp: now() - 100 }) })],
      ['from the future', () => ({ token: token(acme, { iat: now() + 200, exp: now() + 400 }) })],
      ['no signature at all', () => ({ token: unsigned(token(acme)) })],
      ['for another address', () => ({ token: connectToken(acme, 'POST', '/connect/installed') })],
      ['for another method', () => ({ token: connectToken(acme, 'GET', eventsPath) })],
      ['for somebody else', () => ({ token: token(acme, { aud: other.clientKey }) })],
      ['two tokens', () => ({ path: `${eventsPath}?jwt=${token(acme)}`, token: token(acme) })],
      ["the other workspace's own", () => ({ token: token(other) })],
    ];
    for (const [what, delivery] of refused) {
      it(`${what}: 401, and nothing is stored`, () =>
        assertNothingStored(async () => {
          const { status, text } = await deliver(pushBody([harmlessChange()]), delivery());
          assert.equal(status, 401);
          assert.equal(text, '');
        }));
    }

    it('whose token was good but whose app has been removed: 401', async () => {
      await stage.bench.control('POST', 'apps/uninstall', { workspace: 'other' });
      await assertNothingStored(async () => {
        const body = pushBody([harmlessChange()]).replaceAll(
          acme.workspaceUuid,
          other.workspaceUuid,
        );
        assert.equal((await deliver(body, { token: token(other) })).status, 401);
      });
    });

    it('says why in the log, and never with the token', () => {
      const refusals = stage.server.logged('event.refused').filter(({ status }) => status === 401);
      const whys = new Set(refusals.map(({ why, noop }) => why ?? noop));
      for (const why of ['no_token', 'expired', 'qsh_mismatch', 'another_workspace']) {
        assert.ok(whys.has(why), `${why} is not in ${[...whys].join(', ')}`);
      }
      assert.doesNotMatch(stage.server.stderr, /eyJ[\w-]+\.eyJ/);
    });
  });

  describe('events without work', () => {
    it('an event that is none of ours: 204, and nothing is stored', () =>
      assertNothingStored(async () => {
        const body = JSON.stringify({ event: 'repo:fork', data: { fork: {} } });
        assert.equal((await deliver(body, { event: 'repo:fork' })).status, 204);
      }));

    it('a push of no changes: 204, and nothing is stored', () =>
      assertNothingStored(async () => {
        assert.equal((await deliver(pushBody([]))).status, 204);
      }));

    it('a deleted branch: 204, recorded, decided on as a skip, nothing deployed', async () => {
      await stage.addTarget({ name: 'Branches', branchPattern: 'feature/*' });
      await stage.bench.commit({ branch: 'feature/gone' });
      await stage.bench.idle();
      const [before] = await stage.rows('SELECT count(*) AS n FROM deployments');
      const { deliveries } = await stage.bench.control<PushAnswer>('POST', 'push', {
        repository: 'acme/site',
        branch: 'feature/gone',
        delete: true,
      });
      await stage.bench.idle();
      const delivery = (await stage.bench.deliveries()).find(({ id }) => id === deliveries[0]);
      assert.equal(delivery?.attempts.at(-1)?.status, 204);
      const decided = await stage.rows(
        `SELECT ref_changes.kind, ref_changes."to", decisions.outcome, decisions.reason_code, decisions.deployment_id
         FROM ref_changes JOIN decisions ON decisions.ref_change_id = ref_changes.id
         WHERE ref_changes.name = 'feature/gone' AND ref_changes.kind = 'delete'`,
      );
      const skip = { kind: 'delete', to: null, outcome: 'skip', deployment_id: null };
      assert.deepEqual(decided, [
        { ...skip, reason_code: 'ref_deleted' },
        { ...skip, reason_code: 'ref_deleted' },
      ]);
      const [after] = await stage.rows('SELECT count(*) AS n FROM deployments');
      assert.deepEqual(after, before);
    });
  });

  describe('what Bitbucket may do', () => {
    it('send gzip: deployed as usual', async () => {
      await stage.bench.control('POST', 'settings', { delivery_gzip: true });
      try {
        const commit = await stage.bench.commit({ files: { 'index.html': 'zipped\n' } });
        assert.equal((await stage.outcome(commit)).state, 'live');
      } finally {
        await stage.bench.control('POST', 'settings', { delivery_gzip: false });
      }
    });

    it('send everything twice, at once and again later: deployed once', async () => {
      await stage.fault({ on: 'delivery', event: 'repo:push', duplicate: 'same_id', times: 1 });
      const before = await storedEvents();
      const { changes, deliveries } = await stage.bench.push({
        files: { 'index.html': 'twice\n' },
      });
      const commit = changes[0]?.to ?? '';
      assert.equal(deliveries.length, 2);
      assert.equal((await stage.outcome(commit)).state, 'live');
      await stage.bench.control('POST', `deliveries/${deliveries[0]}/resend`);
      await stage.bench.idle();
      const ofPush = (await stage.bench.deliveries()).slice(-3);
      assert.deepEqual(
        ofPush.map(({ attempts }) => attempts.map(({ status }) => status)),
        [[204], [204], [204]],
      );
      assert.equal(await storedEvents(), before + 1);
      const deployed = await stage.rows(
        'SELECT state FROM deployments WHERE "commit" = ? AND ref_name = ?',
        ...[commit, 'main'],
      );
      assert.deepEqual(deployed, [{ state: 'live' }]);
      const ends = (await stage.finalStatuses(commit)).filter(
        ({ state }) => state !== 'INPROGRESS',
      );
      assert.equal(ends.length, 1);
    });

    it('have a repository without any branch: the panel opens, a target is saved, the first push deploys', async () => {
      await stage.bench.control<RepositoryAnswer>('POST', 'repositories', {
        workspace: 'acme',
        slug: 'empty',
        user: 'ada',
        permissions: { ada: 'admin' },
      });
      const panel = await stage.openPanel('acme/empty');
      const target = { name: 'Production', backend: 'local', branchPattern: 'main' };
      await panel.saveTarget(target);
      assert.deepEqual(await panel.deployments(), []);
      await assert.rejects(panel.deploy(await panel.saveTarget({ ...target, name: 'B' }), 'main'), {
        message: /refused deploy with 422.*no such branch/i,
      });
      const commit = await stage.bench.commit({
        repository: 'acme/empty',
        files: { 'index.html': 'first\n' },
      });
      const { state, url } = await stage.outcome(commit, panel);
      assert.equal(state, 'live');
      assert.equal(await (await fetch(url ?? '')).text(), 'first\n');
      const last = (await stage.finalStatuses(commit, 'acme/empty')).at(-1);
      assert.equal(last?.state, 'SUCCESSFUL');
    });
  });

  describe('other paths', () => {
    /** Nothing of our inside, whatever is asked for. */
    function assertNoInside({ text, headers }: RawAnswer): void {
      assert.doesNotMatch(text, /node_modules|\bat [\w.<>]+ \(|file:\/\/|\.[jt]s:\d+|Error:/);
      assert.ok(!text.includes(stage.dataDir));
      assert.equal(headers['x-powered-by'], undefined);
    }

    for (const [method, path] of [
      ['GET', '/nothing'],
      ['GET', '/panel/nothing'],
      ['GET', '/panel/fragments/nothing'],
      ['GET', '/panel/fragments/constructor'],
      ['POST', '/panel/actions/nothing'],
      ['GET', '/connect/events'],
      ['POST', '/connect/events/'],
      ['POST', '/connect/nothing'],
      ['GET', '/d/nothing'],
      ['GET', `/d/${'x'.repeat(40)}`],
      ['GET', '/public/'],
      ['GET', '/public/nothing.js'],
      ['GET', '/public/../package.json'],
      ['GET', '/public/..%2f..%2fpackage.json'],
      ['GET', '/public/%2e%2e/package.json'],
      ['GET', '/data/slipway.sqlite'],
      ['GET', '/.git/config'],
      ['DELETE', '/panel/repository'],
      ['GET', '//evil.example/%2f..'],
      ['GET', '/<script>alert(1)</script>'],
      ['GET', '/%E0%A4%A'],
      ['GET', '/public/%00'],
    ] as const) {
      it(`${method} ${path.slice(0, 40)}: 404 without anything of our inside`, async () => {
        const answer = await sendRaw(stage.server.url, path, { method });
        assert.equal(answer.status, 404);
        assertNoInside(answer);
        assert.doesNotMatch(answer.text, /<script>alert|evil\.example/);
      });
    }

    for (const [method, path, status] of [
      // Says what this is, and that nobody can sign in here.
      ['GET', '/', 200],
      ['GET', '/panel/repository', 401],
      ['GET', '/panel/repository?jwt=x', 401],
      ['GET', '/panel/fragments/deployments', 401],
      ['POST', '/panel/actions/target/save', 401],
      ['POST', '/connect/installed', 400],
      ['POST', '/connect/uninstalled', 400],
    ] as const) {
      it(`${method} ${path}: ${status} without anything of our inside`, async () => {
        const answer = await sendRaw(stage.server.url, path, { method });
        assert.equal(answer.status, status);
        assertNoInside(answer);
      });
    }

    it('/healthz and /readyz answer 200 without being asked who', async () => {
      for (const path of ['/healthz', '/readyz']) {
        const { status, text } = await sendRaw(stage.server.url, path);
        assert.equal(status, 200);
        assert.match(text, /^\w+\n$/);
      }
    });
  });

  describe('connections that break', () => {
    it('a body that stops half-way harms nobody else', async () => {
      const sending = sendRaw(stage.server.url, eventsPath, {
        method: 'POST',
        body: '{"half":',
        headers: {
          'content-length': 5_000,
          authorization: `JWT ${connectToken(acme, 'POST', eventsPath)}`,
        },
      });
      await assertNothingStored(async () => {
        const outcome = await Promise.race([
          sending.catch(() => 'cut' as const),
          sendRaw(stage.server.url, '/healthz').then(() => 'healthy' as const),
        ]);
        assert.equal(outcome, 'healthy');
      });
      sending.catch(() => undefined);
    });
  });

  describe('a database that takes no writes', () => {
    it('503 with Retry-After, nothing acknowledged; taken when it is sent again', async () => {
      const release = await holdWriteLock(join(stage.dataDir, 'slipway.sqlite'));
      const id = randomUUID();
      const send = () =>
        deliver(pushBody([harmlessChange('patient')]), { headers: { 'x-request-uuid': id } });
      const stored = () => stage.rows("SELECT 1 AS n FROM ref_changes WHERE name = 'patient'");
      try {
        const { status, headers } = await send();
        assert.equal(status, 503);
        assert.match(String(headers['retry-after']), /^\d+$/);
        assert.deepEqual(await stored(), []);
      } finally {
        await release();
      }
      const again = await waitFor('Slipway to take it', async () => {
        const { status } = await send();
        return status === 503 ? null : status;
      });
      assert.equal(again, 204);
      assert.equal((await stored()).length, 1);
    });
  });

  it('through all of this, the server never had an error of its own', () => {
    const errors = stage.server.log.filter(({ level }) => level === 'error' || level === 'fatal');
    const expected = ['worker.trouble', 'worker.reporting_failed', 'worker.heartbeat_failed'];
    const others = errors.filter(({ msg }) => !expected.includes(String(msg)));
    assert.deepEqual(others, []);
    assert.ok(stage.server.isRunning);
  });
});

/** As a backup tool on the same machine might. */
function holdWriteLock(file: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(file, sqlite3.OPEN_READWRITE);
    database.configure('busyTimeout', 5_000);
    database.exec('BEGIN IMMEDIATE', (error) => {
      if (error) reject(error);
      else
        resolve(
          () =>
            new Promise((done) => database.exec('ROLLBACK', () => database.close(() => done()))),
        );
    });
  });
}
