import assert from 'node:assert/strict';
import type { KnownRef, Repository, RepositoryFacts } from '../../../src/core/model/index.js';
import type { Transaction } from '../../../src/core/ports.js';
import { workspaceUuid, type Engine } from '../../support/engine.js';
import { describeOnStores } from '../../support/stores.js';

const facts = (changed: Partial<RepositoryFacts> = {}): RepositoryFacts => ({
  uuid: '{0a1b2c3d-0000-4000-8000-00000000000f}',
  workspaceUuid,
  workspaceSlug: 'acme',
  workspaceName: 'Acme',
  fullName: 'acme/site',
  name: 'site',
  isPrivate: true,
  mainBranch: 'main',
  ...changed,
});

describeOnStores('what the writer remembers', (store) => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await store.engine();
  });
  afterEach(() => engine.close());

  const write = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> =>
    engine.storage.write(work);
  const save = (changed: Partial<RepositoryFacts> = {}): Promise<Repository> =>
    write((tx) => tx.repositories.saveFacts(facts(changed), workspaceUuid, engine.clock.now()));
  const stored = (): Promise<Repository | null> =>
    engine.storage.read.repositories.byUuid(facts().uuid);

  it('is forgotten when the transaction that wrote it is rolled back', async () => {
    const failing = write(async (tx) => {
      await tx.repositories.saveFacts(facts(), workspaceUuid, 1);
      throw new Error('boom');
    });
    await assert.rejects(failing, /boom/);
    assert.equal(await stored(), null);
    const saved = await save();
    assert.deepEqual(await stored(), saved);
  });

  it('is forgotten when a neighbour takes the transaction with it', async () => {
    await save();
    const [renamed, failed] = await Promise.allSettled([
      save({ name: 'renamed' }),
      write(async (tx) => {
        await tx.repositories.saveFacts(facts({ name: 'never' }), workspaceUuid, 2);
        throw new Error('boom');
      }),
    ]);
    assert.deepEqual([renamed.status, failed.status], ['fulfilled', 'rejected']);
    assert.equal((await stored())?.name, 'renamed');
    await save({ name: 'never' });
    assert.equal((await stored())?.name, 'never', 'what was rolled back is not taken for stored');
  });

  it('follows every write of a repository, a target and a ref', async () => {
    const { id } = await save();
    await write((tx) => tx.repositories.markDeleted(id, 3));
    assert.equal((await save()).state, 'active', 'a deleted one that pushes is back');
    assert.equal((await stored())?.state, 'active');
    await write((tx) => tx.repositories.touch(id, { reconcileDueAt: 9 }));
    assert.equal((await write((tx) => tx.repositories.byId(id)))?.reconcileDueAt, 9);

    const ref: KnownRef = {
      id: engine.ids.next(),
      repositoryId: id,
      refType: 'branch',
      name: 'main',
      head: 'a'.repeat(40),
      carefulUntil: 0,
      unknownHead: null,
      unknownSince: null,
      updatedAt: 1,
    };
    const heads = (): Promise<(string | null)[]> =>
      write(async (tx) => (await tx.refs.find([ref])).map(({ head }) => head));
    assert.deepEqual(await heads(), []);
    await write((tx) => tx.refs.save([ref]));
    await write((tx) => tx.refs.save([{ ...ref, head: 'b'.repeat(40) }]));
    assert.deepEqual(await heads(), ['b'.repeat(40)]);
    assert.equal((await engine.storage.read.refs.ofRepository(id))[0]?.head, 'b'.repeat(40));
  });

  it('follows every write of what people are called', async () => {
    const eve = { workspaceUuid, personUuid: '{eve}' };
    const known = (): Promise<(string | null)[]> =>
      write(async (tx) => (await tx.personNames.find([eve])).map(({ name }) => name));
    const call = (name: string | null): Promise<void> =>
      write((tx) => tx.personNames.save([{ ...eve, name, askedAt: 5 }]));
    assert.deepEqual(await known(), []);
    await call(null);
    assert.deepEqual(await known(), [null]);
    await call('Eve');
    assert.deepEqual(await known(), ['Eve']);
    assert.equal((await engine.storage.read.personNames.find([eve]))[0]?.name, 'Eve');
    assert.equal(await write((tx) => tx.personNames.prune(6, 9)), 1);
    assert.deepEqual(await known(), []);
  });

  it('gives rows by their ids as they are, known or not, each once', async () => {
    const { id } = await save();
    const other = await save({ uuid: '{0a1b2c3d-0000-4000-8000-0000000000f2}', name: 'other' });
    const target = await engine.target();
    // What a restart leaves: nothing is known of one of them.
    await write((tx) => tx.repositories.touch(other.id, { reconcileDueAt: 9 }));
    const repositories = await write((tx) => tx.repositories.byIds([id, other.id, id, 'nobody']));
    assert.deepEqual(
      repositories.map((row) => [row.id, row.reconcileDueAt]).sort(),
      [
        [id, null],
        [other.id, 9],
      ].sort(),
    );
    await write((tx) => tx.targets.touch(target.id, { state: 'paused' }));
    const targets = (): Promise<string[]> =>
      write(async (tx) => (await tx.targets.byIds([target.id, target.id])).map((one) => one.state));
    assert.deepEqual(await targets(), ['paused']);
    assert.deepEqual(await targets(), ['paused']);
    await write((tx) => tx.targets.touch(target.id, { state: 'active' }));
    assert.deepEqual(await targets(), ['active']);
  });

  it('is gone with the repository', async () => {
    const { id } = await save();
    while ((await write((tx) => tx.care.deleteRepository(id, 100))) > 0);
    assert.equal(await write((tx) => tx.repositories.byId(id)), null);
    await save();
    assert.notEqual((await stored())?.id, id);
  });
});
