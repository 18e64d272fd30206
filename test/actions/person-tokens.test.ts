import assert from 'node:assert/strict';
import { createPersonTokens } from '../../src/actions/person-tokens.js';
import { createGrantWatch } from '../../src/actions/watch-grants.js';
import { refreshLifeMs } from '../../src/actions/grant-secrets.js';
import { BitbucketError, InfrastructureError } from '../../src/core/errors.js';
import type { Storage } from '../../src/core/ports.js';
import { enableRepository, workspaceUuid } from '../support/enabled-repository.js';
import { ada } from '../support/oauth-peer.js';
import { createPeopleStage } from '../support/people.js';
import { databaseOrSkip } from '../support/postgres.js';
import { tempFolder } from '../support/temp-folder.js';
import { openStorage } from '../../src/storage/open-storage.js';

const hourMs = 60 * 60_000;
const dayMs = 24 * hourMs;

describe("a person's grant", () => {
  let stage: Awaited<ReturnType<typeof createPeopleStage>>;

  beforeEach(async () => {
    stage = await createPeopleStage();
    await stage.allow();
  });
  afterEach(() => stage.stop());

  /** A process of its own on the same database: nothing in memory is shared. */
  function process_(storage: Storage = stage.storage, name?: string) {
    return createPersonTokens({
      ...{ ...stage.deps, storage, pause: () => new Promise((done) => setTimeout(done, 5)) },
      ...(name === undefined ? {} : { owner: name }),
    });
  }
  const grant = async () => {
    const found = await stage.storage.read.grants.ofUser(ada.uuid, stage.peer.clientId);
    assert.ok(found);
    return found;
  };
  const notices = () => stage.storage.read.notices.open({});
  const renewals = () => stage.peer.count('refresh_token');

  it('is renewed five minutes before its token ends, and not before', async () => {
    const tokens = process_();
    const first = await tokens.token(ada.uuid);
    stage.clock.advance(2 * hourMs - 6 * 60_000);
    assert.equal((await tokens.token(ada.uuid)).value, first.value);
    stage.clock.advance(2 * 60_000);
    const second = await tokens.token(ada.uuid);
    assert.notEqual(second.value, first.value);
    assert.ok(stage.peer.isGood(second.value));
    assert.equal(renewals(), 1);
  });

  it('is renewed once, however many ask, in one process or in three', async () => {
    const processes = [process_(), process_(), process_()];
    for (let round = 1; round <= 3; round += 1) {
      stage.clock.advance(2 * hourMs);
      const asked = Array.from({ length: 99 }, (_, at) =>
        (processes[at % 3] ?? process_()).token(ada.uuid),
      );
      const values = new Set((await Promise.all(asked)).map((token) => token.value));
      assert.equal(values.size, 1);
      assert.ok(stage.peer.isGood([...values][0] ?? ''));
      assert.equal(renewals(), round);
    }
  });

  it('is kept before its token is used: the new refresh token is in the database first', async () => {
    let storedBefore = false;
    const before = await grant();
    const storage: Storage = {
      ...stage.storage,
      async write(work) {
        const result = await stage.storage.write(work);
        storedBefore ||= (await grant()).refreshSealed !== before.refreshSealed;
        return result;
      },
    };
    stage.clock.advance(2 * hourMs);
    const token = await process_(storage).token(ada.uuid);
    assert.ok(storedBefore && stage.peer.isGood(token.value));
  });

  it('survives a crash between the answer and our commit: the old refresh token is good for ten minutes', async () => {
    stage.clock.advance(2 * hourMs);
    const crash = new InfrastructureError('storage_unavailable', 'the process is killed here');
    let writes = 0;
    const dying: Storage = {
      ...stage.storage,
      // The first write claims; every later one comes too late.
      write: (work) => (++writes === 1 ? stage.storage.write(work) : Promise.reject(crash)),
    };
    await assert.rejects(process_(dying).token(ada.uuid), crash);
    assert.equal(renewals(), 1);
    // A new process waits for the dead one's claim to run out, then begins anew with what is stored.
    stage.clock.advance(31_000);
    const token = await process_().token(ada.uuid);
    assert.ok(stage.peer.isGood(token.value));
    assert.equal(renewals(), 2);
    assert.equal((await grant()).state, 'active');
  });

  it('does not ask a second time for what could not be stored', async () => {
    stage.clock.advance(2 * hourMs);
    let full = false;
    const storage: Storage = {
      ...stage.storage,
      write: (work) =>
        full && stage.peer.calls.at(-1)?.grant === 'refresh_token'
          ? Promise.reject(new InfrastructureError('storage_unavailable'))
          : stage.storage.write(work),
    };
    const tokens = process_(storage);
    full = true;
    await assert.rejects(tokens.token(ada.uuid), InfrastructureError);
    full = false;
    // Long after the grace: the answer in memory is all there is.
    stage.clock.advance(30 * 60_000);
    assert.ok(stage.peer.isGood((await tokens.token(ada.uuid)).value));
    assert.equal(renewals(), 1);
  });

  it('keeps its refresh token where the old backend gives no new one', async () => {
    stage.peer.rotates = false;
    const tokens = process_();
    for (let round = 1; round <= 3; round += 1) {
      stage.clock.advance(2 * hourMs);
      assert.ok(stage.peer.isGood((await tokens.token(ada.uuid)).value));
      assert.equal(renewals(), round);
    }
  });

  it('revoked between refresh and use: refused tokens lead to a renewal, its refusal to `broken`, told once', async () => {
    await enableRepository(stage.storage, ada);
    const tokens = process_();
    const refused = await tokens.token(ada.uuid);
    stage.peer.revokeAll();
    const again = tokens.token(ada.uuid, { unlike: refused.value });
    await assert.rejects(again, (error: BitbucketError) => error.code === 'oauth_grant_refused');
    await assert.rejects(process_().token(ada.uuid), BitbucketError);
    const stored = await grant();
    assert.equal(stored.state, 'broken');
    assert.match(stored.brokenReason ?? '', /revoked/);
    assert.equal(stage.peer.calls.filter((call) => call.grant === 'refresh_token').length, 1);
    const [notice, ...more] = await notices();
    assert.equal(more.length, 0);
    assert.equal(notice?.kind, 'grant_broken');
    assert.equal(notice.workspaceUuid, workspaceUuid);
    assert.match(
      `${notice.says} ${notice.advice}`,
      /Ada Example.*signs in with Bitbucket again.*acme\/site/,
    );
  });

  it('is mended by signing in again: notices go, and what waited is due', async () => {
    await enableRepository(stage.storage, ada);
    stage.peer.revokeAll();
    const { value } = await process_().token(ada.uuid);
    await assert.rejects(process_().token(ada.uuid, { unlike: value }));
    const { id } = await grant();
    await stage.allow();
    assert.equal((await grant()).id, id);
    assert.equal((await grant()).state, 'active');
    assert.deepEqual(await notices(), []);
    assert.ok(stage.peer.isGood((await process_().token(ada.uuid)).value));
  });

  it('granted with less than is needed: told once, with the permission and where to tick it, until it is there', async () => {
    await enableRepository(stage.storage, ada);
    stage.peer.scopes = 'account';
    await stage.allow();
    await stage.allow();
    const [notice, ...more] = await notices();
    assert.deepEqual(more, []);
    assert.equal(notice?.kind, 'scopes_missing');
    assert.equal(notice.workspaceUuid, workspaceUuid);
    assert.match(notice.says, /“Repositories: Read” \(repository\) and “Webhooks: Read and write”/);
    assert.match(notice.advice, /OAuth consumers → Slipway's consumer → Edit/);
    stage.peer.scopes = 'account repository webhook';
    stage.clock.advance(2 * hourMs);
    await process_().token(ada.uuid);
    assert.deepEqual(await notices(), []);
    stage.peer.scopes = 'account repository';
    stage.clock.advance(2 * hourMs);
    await process_().token(ada.uuid);
    assert.deepEqual(
      (await notices()).map(({ kind }) => kind),
      ['scopes_missing'],
    );
  });

  it('a passing refusal of a good token costs one renewal and nothing else', async () => {
    const tokens = process_();
    const { value } = await tokens.token(ada.uuid);
    const asked = Array.from({ length: 20 }, () => tokens.token(ada.uuid, { unlike: value }));
    const values = new Set((await Promise.all(asked)).map((token) => token.value));
    assert.equal(values.size, 1);
    assert.equal(renewals(), 1);
  });

  it("is not lost when the consumer's secret was changed, and goes on when it is put right", async () => {
    stage.clock.advance(2 * hourMs);
    const good = stage.peer.clientSecret;
    stage.peer.clientSecret = 'changed over there';
    await assert.rejects(process_().token(ada.uuid), (error: BitbucketError) => {
      return error.code === 'oauth_consumer_refused';
    });
    assert.equal((await grant()).state, 'active');
    assert.match(
      (await notices())[0]?.advice ?? '',
      /SLIPWAY_OAUTH_CLIENT_SECRET.*Nobody has to sign in/s,
    );
    stage.peer.clientSecret = good;
    assert.ok(stage.peer.isGood((await process_().token(ada.uuid)).value));
    assert.deepEqual(await notices(), []);
  });

  it('outlives a token endpoint that is down or busy, as long as its token is good', async () => {
    stage.clock.advance(2 * hourMs - 60_000);
    stage.peer.failNext.push({ status: 503, body: '<h1>Down</h1>', type: 'text/html' });
    const tokens = process_();
    assert.ok(stage.peer.isGood((await tokens.token(ada.uuid)).value));
    stage.peer.failNext.push({ status: 429, body: 'slow down', type: 'text/plain' });
    assert.ok(stage.peer.isGood((await tokens.token(ada.uuid)).value));
    stage.clock.advance(60_000);
    stage.peer.failNext.push({ status: 408, body: '' });
    await assert.rejects(tokens.token(ada.uuid), (error: BitbucketError) => {
      return error.code === 'bitbucket_unavailable';
    });
    assert.equal((await grant()).state, 'active');
    assert.ok(
      stage.peer.isGood((await tokens.token(ada.uuid)).value),
      'the next try is not held up',
    );
  });

  it('does not wait for the claim of a process that is gone, after a restart', async () => {
    stage.clock.advance(2 * hourMs);
    const { id, version } = await grant();
    const now = stage.clock.now();
    await stage.storage.write((tx) =>
      tx.grants.claimRenewal({ id, version }, 'dead', now, now + 1e9),
    );
    await stage.storage.write((tx) => tx.grants.endRenewals());
    assert.ok(stage.peer.isGood((await process_().token(ada.uuid)).value));
  });

  describe('that nobody uses', () => {
    function watch(keepAlive: boolean) {
      const tokens = process_();
      const job = createGrantWatch({
        ...stage.deps,
        steady: stage.clock.now,
        random: () => 0.5,
        pause: () => Promise.resolve(),
        keepAlive: keepAlive ? tokens.keepAlive : () => Promise.reject(new Error('down')),
      });
      return async () => {
        stage.clock.advance(2 * hourMs);
        await job.run();
      };
    }

    it('is renewed halfway to its end when a repository needs it', async () => {
      await enableRepository(stage.storage, ada);
      const run = watch(true);
      await run();
      assert.equal(renewals(), 0);
      for (let days = 0; days < 200; days += 20) {
        stage.clock.advance(20 * dayMs);
        await run();
      }
      assert.equal((await grant()).state, 'active');
      assert.ok(renewals() >= 2 && renewals() <= 5, String(renewals()));
      assert.deepEqual(await notices(), []);
    });

    it('may lapse when nothing needs it', async () => {
      stage.clock.advance(refreshLifeMs - dayMs);
      await watch(true)();
      assert.equal(renewals(), 0);
      assert.deepEqual(await notices(), []);
    });

    it('is announced 30, 7 and 1 days ahead and once when it is over, each time once', async () => {
      await enableRepository(stage.storage, ada);
      const run = watch(false);
      const end = (await grant()).lapsesAt;
      const told = async (daysLeft: number): Promise<string[]> => {
        stage.clock.advance(end - daysLeft * dayMs - stage.clock.now() - 2 * hourMs);
        await run();
        await run();
        return (await notices())
          .map((notice) => `${notice.kind} ${notice.dedupeKey.split(':').at(-1)}`)
          .reverse();
      };
      assert.deepEqual(await told(31), []);
      assert.deepEqual(await told(29), ['grant_lapsing 30']);
      assert.deepEqual(await told(8), ['grant_lapsing 30']);
      assert.deepEqual(await told(6), ['grant_lapsing 30', 'grant_lapsing 7']);
      assert.deepEqual(await told(0.9), ['grant_lapsing 30', 'grant_lapsing 7', 'grant_lapsing 1']);
      assert.deepEqual(await told(-1), [`grant_broken ${workspaceUuid}`]);
      assert.equal((await grant()).state, 'broken');
    });
  });
});

describe("a person's grant, on two nodes", function () {
  this.timeout(30_000);

  it('is renewed once, whichever node is asked; the other waits for what is stored', async function () {
    const database = await databaseOrSkip(this);
    const stage = await createPeopleStage({ databaseUrl: database.url });
    const folder = tempFolder('second-node');
    const { clock, ids, logger } = stage.deps;
    const second = await openStorage({
      ...{ dataDir: folder.path, databaseUrl: database.url, now: clock, logger },
      newId: () => ids.next(),
    });
    try {
      await stage.allow();
      const nodes = [stage.storage, second].map((storage) =>
        createPersonTokens({
          ...{ ...stage.deps, storage, pause: () => new Promise((done) => setTimeout(done, 5)) },
        }),
      );
      for (let round = 1; round <= 3; round += 1) {
        stage.clock.advance(2 * hourMs);
        const asked = Array.from({ length: 40 }, (_, at) =>
          (nodes[at % 2] ?? assert.fail()).token(ada.uuid),
        );
        const values = new Set((await Promise.all(asked)).map((token) => token.value));
        assert.equal(values.size, 1);
        assert.ok(stage.peer.isGood([...values][0] ?? ''));
        assert.equal(stage.peer.count('refresh_token'), round);
      }
    } finally {
      await second.close();
      folder.remove();
      await stage.stop();
      await database.drop();
    }
  });
});
