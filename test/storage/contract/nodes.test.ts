import assert from 'node:assert/strict';
import type { InboundEvent } from '../../../src/actions/accept-events.js';
import type { Source } from '../../../src/core/model/index.js';
import { createIds } from '../../../src/lib/ids.js';
import { migrationNames } from '../../../src/storage/migrations/index.js';
import { migratePostgres } from '../../../src/storage/postgres/schema.js';
import { change, commit, createEngine, type Engine } from '../../support/engine.js';
import { askPostgres, databaseOrSkip, type TestDatabase } from '../../support/postgres.js';
import { rows } from './rows.js';

const minute = 60_000;

/** What a SQLite file gets for free by having one writer has to hold between nodes, too. */
describe('several nodes on one PostgreSQL', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let one: Engine;
  let two: Engine;
  let three: Engine;
  let all: Engine[];

  beforeEach(async function () {
    database = await databaseOrSkip(this);
    one = await createEngine({ databaseUrl: database.url });
    const later = () => createEngine({ databaseUrl: database.url, before: one });
    [two, three] = await Promise.all([later(), later()]);
    all = [one, two, three];
  });

  afterEach(async () => {
    for (const engine of all) await engine.close();
    await database.drop();
  });

  const push = (node: Engine, to: string, more: Partial<InboundEvent> = {}) =>
    node.push([change({ from: commit('0'), to: commit(to) })], more);

  async function secondSource(): Promise<Source> {
    const source: Source = {
      ...{ id: 'other', door: 'oauth', key: 'hook-1', installationId: null },
      createdAt: one.clock.now(),
    };
    await one.storage.write((tx) => tx.installations.saveSource(source));
    return source;
  }

  it('bring an empty database up to date together, and each change once', async function () {
    const empty = await databaseOrSkip(this);
    const applied = await Promise.all(Array.from({ length: 4 }, () => migratePostgres(empty.url)));
    assert.deepEqual(applied.flat(), migrationNames);
    await empty.drop();
  });

  it('know of each other', async () => {
    assert.equal(await one.storage.nodes(), 3);
    await three.storage.close();
    assert.equal(await two.storage.nodes(), 2);
  });

  it('store a delivery once that comes to all of them at the same moment', async () => {
    const target = await one.target();
    const from = { source: one.source, deliveryId: 'the-same' };
    const answers = await Promise.all(all.map((node) => push(node, 'a', from)));
    assert.equal(answers.filter(({ isNew }) => isNew).length, 1);
    assert.equal((await one.deployments(target.id)).length, 1);
  });

  it('take one push for one that two doors tell two of them of at the same moment', async () => {
    const target = await one.target();
    const other = await secondSource();
    for (const to of ['a', 'b', 'c', 'd', 'e']) {
      const repository = await one.repository();
      const [ref] = await one.storage.read.refs.ofRepository(repository.id);
      const told = [change({ from: ref?.head ?? null, to: commit(to) })];
      await Promise.all([
        one.push(told, { source: one.source, deliveryId: `connect-${to}` }),
        two.push(told, { source: other, deliveryId: `oauth-${to}` }),
      ]);
    }
    const made = (await one.deployments(target.id)).map(({ commit: hash }) => hash[0]).join('');
    assert.equal(made, 'abcde');
  });

  it('see what another one wrote a moment ago, whatever they remember', async () => {
    const target = await one.target();
    await Promise.all(all.map((node, index) => push(node, String(index + 1))));
    for (const node of all) {
      const known = await node.storage.write((tx) => tx.targets.ofRepository(target.repositoryId));
      assert.equal(known[0]?.branchPattern, 'main');
    }
    const { version } = target;
    await two.storage.write((tx) =>
      tx.targets.update(target.id, version, { branchPattern: 'release' }),
    );
    for (const node of all) {
      const known = await node.storage.write((tx) => tx.targets.byId(target.id));
      assert.equal(known?.branchPattern, 'release');
    }
    const before = (await one.deployments(target.id)).length;
    await Promise.all(all.map((node, index) => push(node, String(index + 4))));
    assert.equal(
      (await one.deployments(target.id)).length,
      before,
      'main is not deployed any more',
    );
  });

  it('keep exactly the newest of hundreds of pushes that come to all of them waiting', async () => {
    const target = await one.target();
    const sent: Promise<unknown>[] = [];
    for (let index = 0; index < 300; index += 1) {
      const node = all[index % 3] ?? one;
      const told = [change({ name: 'main', from: commit('0'), to: hash(index) })];
      const from = { source: one.source, deliveryId: `d-${index}` };
      sent.push(node.push(told, from));
    }
    await Promise.all(sent);
    const [row] = await askPostgres(database.url, 'SELECT count(*) AS n FROM events');
    assert.equal(Number(row?.['n']), 300);
    one.bitbucket.refs.set('branch:main', { hash: hash(299), message: 'm', author: 'a' });
    await one.settle(60 * minute);
    const live = (await one.storage.read.targets.byId(target.id))?.liveDeploymentId ?? '';
    assert.equal((await one.storage.read.deployments.byId(live))?.commit, hash(299));
  });

  it('tell by ids what is newer, also when their clocks differ', async () => {
    const ahead = createIds(() => Date.now() + 90_000);
    const first = ahead.next();
    const { id: repositoryId } = await one.repository();
    const report = rows.statusReport(first, 'd1', { repositoryId });
    await one.storage.write((tx) => tx.statusReports.insert([report]));
    const later = await two.storage.write(() => Promise.resolve(two.ids.next()));
    assert.ok(later > first, `${later} behind ${first}`);
  });

  it('lease each lane to one of them', async () => {
    for (let index = 0; index < 40; index += 1) await one.target({ name: `T${index}` });
    await push(one, 'a');
    const claims = await Promise.all(
      Array.from({ length: 30 }, (_, index) => {
        const node = all[index % 3] ?? one;
        const owner = `node-${index % 3}`;
        return node.storage.write((tx) => tx.lanes.claim(3, one.clock.now(), 15_000, owner));
      }),
    );
    const leased = claims.flat().map(({ lease }) => lease.targetId);
    assert.equal(leased.length, 40);
    assert.equal(new Set(leased).size, 40);
  });

  it('claim each piece of care once', async () => {
    const now = one.clock.now();
    const repository = await one.repository();
    await one.storage.write(async (tx) => {
      await tx.repositories.touch(repository.id, { reconcileDueAt: now });
      await tx.nameLookups.ask(['a', 'b', 'c'], now);
    });
    const reconciles = await Promise.all(
      all.map((node) =>
        node.storage.write((tx) => tx.repositories.claimReconcile(9, now, now + minute)),
      ),
    );
    assert.equal(reconciles.flat().length, 1);
    const names = await Promise.all(
      all.map((node) => node.storage.write((tx) => tx.nameLookups.claimDue(9, now, now + minute))),
    );
    assert.deepEqual(
      names
        .flat()
        .map(({ id }) => id)
        .sort(),
      ['a', 'b', 'c'],
    );
  });

  it('renew a grant once', async () => {
    const now = one.clock.now();
    const grant = {
      ...{ id: 'g', clientId: 'c', userUuid: '{ada}', userName: 'Ada', state: 'active' as const },
      ...{ brokenReason: null, accessSealed: 's', accessExpiresAt: now, refreshSealed: 'r' },
      ...{ lapsesAt: now, scopes: null, version: 1, renewingUntil: null, renewingBy: null },
      ...{ createdAt: now, updatedAt: now },
    };
    await one.storage.write((tx) => tx.grants.save(grant));
    const claimed = await Promise.all(
      all.map((node, index) =>
        node.storage.write((tx) => tx.grants.claimRenewal(grant, `n${index}`, now, now + minute)),
      ),
    );
    assert.equal(claimed.filter(Boolean).length, 1);
  });

  it('leave the leases of others alone when they start, and take them over when they run out', async () => {
    const target = await one.target();
    await push(one, 'a');
    const [held] = await one.storage.write((tx) =>
      tx.lanes.claim(1, one.clock.now(), 15_000, 'one'),
    );
    assert.ok(held);
    await three.storage.close();
    const later = await createEngine({ databaseUrl: database.url, before: one });
    const claim = () =>
      later.storage.write((tx) => tx.lanes.claim(1, one.clock.now(), 15_000, 'later'));
    assert.deepEqual(await claim(), []);
    one.clock.advance(15_000);
    const [taken] = await claim();
    assert.equal(taken?.lease.fencing, held.lease.fencing + 1);
    // The paused one wakes up: whatever it thinks it did is not written.
    const settled = await one.storage.write((tx) =>
      tx.lanes.settle(
        [{ lease: held.lease, dueAt: null, currentDeploymentId: null, failures: 0 }],
        one.clock.now(),
      ),
    );
    assert.equal(settled.size, 0);
    assert.equal((await one.storage.read.lanes.byTarget(target.id))?.leaseOwner, 'later');
    await later.close();
  });

  it('look at every repository at once when the first of them starts, and only then', async () => {
    const repository = await one.repository();
    const far = one.clock.now() + 60 * minute;
    await one.storage.write((tx) =>
      tx.repositories.touch(repository.id, { reconcileDueAt: far, baselineAt: 1 }),
    );
    const due = async (node: Engine): Promise<number | null | undefined> =>
      (await node.storage.read.repositories.byId(repository.id))?.reconcileDueAt;
    await three.storage.close();
    const again = await createEngine({ databaseUrl: database.url, before: one });
    assert.equal(await due(again), far);
    for (const node of [one, two, again]) await node.storage.close();
    const first = await createEngine({ databaseUrl: database.url, before: one });
    assert.equal(await due(first), one.clock.now());
    await first.close();
    await again.close();
  });

  it('survive a statement that a newer version has changed the table of', async () => {
    await one.target();
    await push(one, 'a');
    const claim = () =>
      one.storage.write((tx) => tx.lanes.claim(9, one.clock.now(), 15_000, 'one'));
    await claim();
    await one.storage.read.care.deliveries({}, 10);
    await askPostgres(database.url, 'ALTER TABLE lanes ADD COLUMN later TEXT');
    await askPostgres(database.url, 'ALTER TABLE deployments ADD COLUMN later TEXT');
    one.clock.advance(15_000);
    assert.equal((await claim()).length, 1);
    assert.equal((await one.storage.read.care.deliveries({}, 10)).length, 1);
  });
});

function hash(index: number): string {
  return index.toString(16).padStart(40, 'f');
}
