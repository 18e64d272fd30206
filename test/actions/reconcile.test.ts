import assert from 'node:assert/strict';
import { setAutomatic } from '../../src/actions/change-target.js';
import { BitbucketError } from '../../src/core/errors.js';
import { change, commit, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

const minute = 60_000;
const by = { name: 'Ada' };

describeOnStores('reconcile', (store) => {
  let engine: Engine;
  let targetId: string;

  beforeEach(async () => {
    engine = await store.engine();
    headIs('main', '0');
    targetId = (await engine.target()).id;
    await engine.settle();
  });

  afterEach(() => engine.close());

  function headIs(name: string, digit: string | null, refType = 'branch'): void {
    const key = `${refType}:${name}`;
    if (digit === null) engine.bitbucket.refs.delete(key);
    else
      engine.bitbucket.refs.set(key, {
        hash: commit(digit),
        message: `Commit ${digit}`,
        author: 'Bob',
      });
  }
  const commits = (): string => engine.backend.triggered.map((call) => call.commit[0]).join('');

  it('deploys a push whose webhook was lost, after the grace and not before', async () => {
    headIs('main', 'b');
    await engine.settle(23 * minute);
    const found = engine.clock.now();
    assert.equal(commits(), 'b');
    const [deployment] = await engine.deployments(targetId);
    assert.deepEqual(
      [deployment?.cause, deployment?.commit, deployment?.message, deployment?.author],
      ['reconcile', commit('b'), 'Commit b', 'Bob'],
    );
    assert.ok(found > 0);
  });

  it('does not ask again before Bitbucket’s Retry-After is over', async () => {
    headIs('main', 'b');
    const repository = await engine.repository();
    const busyFor = async (ms: number) => {
      const retryAfterMs = ms;
      engine.bitbucket.failures = [
        new BitbucketError('bitbucket_unavailable', 'busy', { status: 503, retryAfterMs }),
      ];
      const now = engine.clock.now();
      await engine.storage.write((tx) =>
        tx.repositories.touch(repository.id, { reconcileDueAt: now }),
      );
      await engine.settle();
      const stored = await engine.storage.read.repositories.byId(repository.id);
      return (stored?.reconcileDueAt ?? 0) - now;
    };
    assert.equal(await busyFor(9 * minute), 9 * minute);
    assert.equal(await busyFor(60 * minute), 10 * minute);
  });

  it('waits out the grace: an event that is only late is not acted on twice', async () => {
    headIs('main', 'b');
    const repository = await engine.repository();
    await engine.storage.write((tx) =>
      tx.repositories.touch(repository.id, { reconcileDueAt: engine.clock.now() }),
    );
    await engine.settle(minute);
    assert.equal(commits(), '', 'seen, but too early to act');
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(10 * minute);
    assert.equal(commits(), 'b');
  });

  it('lets a webhook that comes after all join what was found, and says so', async () => {
    headIs('main', 'b');
    await engine.settle(30 * minute);
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(minute);
    assert.equal(commits(), 'b');
    const repository = await engine.repository();
    const changes = await engine.storage.read.events.recentRefChanges(repository.id, 10);
    assert.equal(changes.length, 1, 'one push, told of twice');
    assert.match(changes[0]?.decisions[0]?.reason ?? '', /Its webhook came late\.$/);
  });

  it('finds a branch that was created unnoticed, but not those that were there before the target', async () => {
    await engine.close();
    engine = await store.engine();
    headIs('main', '0');
    headIs('release/old', '1');
    await engine.target({ branchPattern: 'main, release/*' });
    await engine.settle(60 * minute);
    assert.equal(commits(), '', 'what stood there when the target was made is no push');
    headIs('release/new', '2');
    headIs('other', '3');
    await engine.settle(60 * minute);
    assert.equal(commits(), '2');
  });

  it('never overrides a decision: a skip, a hold, a pause stay what they are', async () => {
    await setAutomatic({ targetId, on: false, by }, engine.laneDeps);
    headIs('main', 'b');
    await engine.push([change({ to: commit('b') })]);
    await setAutomatic({ targetId, on: true, by }, engine.laneDeps);
    await engine.settle(60 * minute);
    assert.equal(commits(), '');
    headIs('main', 'c');
    await engine.push([change({ to: commit('c'), message: 'Docs [skip ci]' })]);
    await engine.settle(60 * minute);
    assert.equal(commits(), '');
  });

  it('forgets a branch that is gone, and takes it for new when it comes back', async () => {
    headIs('main', 'b');
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(minute);
    headIs('main', null);
    await engine.settle(30 * minute);
    headIs('main', 'b');
    await engine.settle(30 * minute);
    assert.equal(commits(), 'bb');
  });

  describe('while it looks', () => {
    const ref = async (name: string) => {
      const { id: repositoryId } = await engine.repository();
      const [found] = await engine.storage.read.refs.find([
        { repositoryId, refType: 'branch', name },
      ]);
      return found;
    };
    /** One look, in whose middle something happens: Bitbucket has answered, and we have not yet compared. */
    const lookWhile = async (happens: () => Promise<unknown>): Promise<void> => {
      const heads = engine.bitbucket.heads.bind(engine.bitbucket);
      engine.bitbucket.heads = async (...asked) => {
        const seen = await heads(...asked);
        engine.bitbucket.heads = heads;
        await happens();
        return seen;
      };
      const { id } = await engine.repository();
      const reconcileDueAt = engine.clock.now();
      await engine.storage.write((tx) => tx.repositories.touch(id, { reconcileDueAt }));
      await engine.settle();
    };

    it('leaves alone what is told of meanwhile: that is newer than what it saw', async () => {
      await lookWhile(async () => {
        headIs('main', 'b');
        await engine.push([change({ to: commit('b') })]);
      });
      assert.deepEqual(
        [(await ref('main'))?.head, (await ref('main'))?.unknownHead],
        [commit('b'), null],
      );
      await engine.settle(60 * minute);
      assert.equal(commits(), 'b');
    });

    it('does nothing about a head that has moved on when it comes to act', async () => {
      headIs('main', 'b');
      await lookWhile(() => Promise.resolve());
      assert.equal((await ref('main'))?.unknownHead, commit('b'));
      engine.clock.advance(5 * minute);
      await lookWhile(() => {
        headIs('main', 'c');
        return Promise.resolve();
      });
      assert.equal(commits(), '', 'b is not what the branch points at any more');
      await engine.settle(60 * minute);
      assert.equal(commits(), 'c');
    });
  });

  it('tries again when Bitbucket does not answer, and goes on', async () => {
    headIs('main', 'b');
    engine.bitbucket.failures = [
      new BitbucketError('bitbucket_rate_limited', '429', { retryAfterMs: 60_000 }),
    ];
    await engine.settle(60 * minute);
    assert.equal(commits(), 'b');
  });

  it('looks at nothing where no target is left', async () => {
    const repository = await engine.repository();
    await engine.storage.write((tx) => tx.targets.touch(targetId, { state: 'removed' }));
    await engine.settle(60 * minute);
    assert.equal(
      (await engine.storage.read.repositories.byId(repository.id))?.reconcileDueAt,
      null,
    );
  });
});
