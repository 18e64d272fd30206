import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Source } from '../../src/core/model/index.js';
import { change, commit, facts, workspaceUuid, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

describeOnStores('accept events', (store) => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await store.engine();
  });

  afterEach(() => engine.close());

  it('makes one deployment for a matching branch', async () => {
    const target = await engine.target();
    const accepted = await engine.push([change()]);
    assert.deepEqual(
      { isNew: accepted.isNew, refChanges: accepted.refChanges, deployments: accepted.deployments },
      { isNew: true, refChanges: 1, deployments: 1 },
    );
    const [deployment] = await engine.deployments(target.id);
    assert.equal(deployment?.commit, commit('a'));
    assert.equal(deployment?.cause, 'push');
    assert.equal(deployment?.causedBy, 'Ada Example');
    assert.equal((await engine.storage.read.lanes.byTarget(target.id))?.dueAt, engine.clock.now());
  });

  it('changes nothing when the same delivery comes again', async () => {
    const target = await engine.target();
    await engine.push([change()], { deliveryId: 'same' });
    const again = await engine.push([change()], { deliveryId: 'same', attemptNumber: 2 });
    assert.equal(again.isNew, false);
    assert.equal((await engine.deployments(target.id)).length, 1);
  });

  it('takes a delivery once when its copies arrive in one batch', async () => {
    const target = await engine.target();
    const results = await Promise.all(
      Array.from({ length: 20 }, () => engine.push([change()], { deliveryId: 'same' })),
    );
    assert.equal(results.filter(({ isNew }) => isNew).length, 1);
    assert.equal((await engine.deployments(target.id)).length, 1);
  });

  it('changes nothing when a delivery comes again with a push that goes on from the last one', async () => {
    const target = await engine.target();
    await engine.push([change()], { deliveryId: 'same' });
    const again = await engine.push([change({ from: commit('a'), to: commit('b') })], {
      deliveryId: 'same',
    });
    assert.deepEqual([again.isNew, again.refChanges, again.deployments], [false, 0, 0]);
    assert.equal((await engine.deployments(target.id)).length, 1);
    const [ref] = await engine.storage.read.refs.ofRepository((await engine.repository()).id);
    assert.equal(ref?.head, commit('a'), 'what was refused has not moved the ref');
  });

  it('knows a move that another door told of before, also when it goes on from the last one', async () => {
    await engine.target();
    await engine.knowHead('main', commit('0'));
    const there = change({ from: commit('0'), to: commit('a') });
    const back = change({ from: commit('a'), to: commit('0') });
    await engine.push([there]);
    await engine.push([back]);
    const other: Source = { ...engine.source, id: engine.ids.next(), door: 'forge', key: 'other' };
    await engine.storage.write((tx) => tx.installations.saveSource(other));
    const copies = await Promise.all([
      engine.push([there], { source: other }),
      engine.push([change({ name: 'feature/x', kind: 'create', from: null })], { source: other }),
    ]);
    const repository = await engine.repository();
    const told = await engine.storage.read.events.recentRefChanges(repository.id, 10);
    assert.equal(told.length, 3, 'the copy is none of its own, its neighbour in the batch is');
    assert.deepEqual(
      copies.map(({ isNew, deployments }) => [isNew, deployments]),
      [
        [true, 0],
        [true, 0],
      ],
    );
  });

  it('decides on every ref change of a push, with a reason for each that does not deploy', async () => {
    await engine.target({ branchPattern: 'main, release/*', tagPattern: 'v*' });
    const accepted = await engine.push([
      change(),
      change({ name: 'feature/x' }),
      change({ name: 'release/1', kind: 'create', from: null }),
      change({ name: 'old', kind: 'delete', to: null }),
      change({ refType: 'tag', name: 'v1', kind: 'create', from: null }),
      change({ refType: 'named_branch', name: 'default' }),
    ]);
    assert.equal(accepted.refChanges, 6);
    const repository = await engine.repository();
    const changes = await engine.storage.read.events.recentRefChanges(repository.id, 10);
    const verdicts = changes
      .map(({ position, decisions }) => [position, decisions[0]?.outcome, decisions[0]?.reasonCode])
      .sort();
    assert.deepEqual(verdicts, [
      [0, 'deploy', 'matched'],
      [1, 'skip', 'no_match'],
      [2, 'deploy', 'matched'],
      [3, 'skip', 'ref_deleted'],
      [4, 'deploy', 'matched'],
      [5, 'skip', 'unsupported_ref'],
    ]);
    assert.ok(changes.every(({ decisions }) => (decisions[0]?.reason ?? '').length > 10));
  });

  it('lets the newest commit of a branch win and keep the place in the lane', async () => {
    const target = await engine.target({ branchPattern: '**' });
    await engine.push([change({ to: commit('a') })]);
    engine.clock.advance(1_000);
    await engine.push([change({ name: 'other', to: commit('b') })]);
    engine.clock.advance(1_000);
    await engine.push([change({ to: commit('c') })]);
    const deployments = await engine.deployments(target.id);
    assert.deepEqual(
      deployments.map(({ commit: hash, state, supersededBy }) => [
        hash[0],
        state,
        supersededBy?.[0],
      ]),
      [
        ['a', 'superseded', 'c'],
        ['b', 'queued', undefined],
        ['c', 'queued', undefined],
      ],
    );
    const [next] = await engine.storage.read.deployments.nextQueued([target.id]);
    assert.equal(next?.commit, commit('c'), 'c took over the place of a, before b');
  });

  it('keeps exactly the newest of a thousand simultaneous pushes waiting', async () => {
    const target = await engine.target();
    await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        engine.push([change({ to: index.toString(16).padStart(40, '0') })]),
      ),
    );
    const deployments = await engine.deployments(target.id);
    assert.equal(deployments.length, 1000);
    const waiting = deployments.filter(({ state }) => state === 'queued');
    assert.deepEqual(
      waiting.map((deployment) => deployment.commit),
      [(999).toString(16).padStart(40, '0')],
    );
    assert.ok(deployments.slice(0, -1).every(({ supersededBy }) => supersededBy !== null));
  });

  it('records a push with a name that is too long to be found again, and what came with it', async () => {
    const target = await engine.target({ branchPattern: '*, **' });
    const noise = (length: number): string => randomBytes(length).toString('hex').slice(0, length);
    const long = `deep/${noise(5_000)}`;
    const wide = '\u{1F680}'.repeat(350);
    const changes = [long, `${long}2`, wide, 'short'].map((name) =>
      change({ name, from: null, kind: 'create' }),
    );
    const accepted = await engine.push(changes);
    assert.deepEqual([accepted.isNew, accepted.refChanges], [true, 4]);
    const names = (await engine.deployments(target.id)).map(({ refName }) => refName);
    assert.equal(new Set(names).size, 4);
    assert.ok(names.includes('short') && names.includes(wide));
    assert.ok(names.every((name) => name.length <= 700));
  });

  it('never lets a tag supersede a branch or another tag', async () => {
    const target = await engine.target({ branchPattern: '**', tagPattern: '**' });
    await engine.push([
      change({ name: 'same' }),
      change({ refType: 'tag', name: 'same' }),
      change({ refType: 'tag', name: 'other' }),
    ]);
    const states = (await engine.deployments(target.id)).map(({ state }) => state);
    assert.deepEqual(states, ['queued', 'queued', 'queued']);
  });

  it('says why when automatic deploys are paused or held', async () => {
    const target = await engine.target();
    await engine.storage.write((tx) =>
      tx.targets.touch(target.id, {
        hold: { since: 1, by: 'Bob', reason: 'rolled back to abc' },
      }),
    );
    await engine.push([change()]);
    await engine.storage.write((tx) =>
      tx.targets.touch(target.id, { hold: null, state: 'paused' }),
    );
    await engine.push([change()]);
    const repository = await engine.repository();
    const changes = await engine.storage.read.events.recentRefChanges(repository.id, 10);
    assert.deepEqual(
      changes.map(({ decisions }) => decisions[0]?.reasonCode),
      ['paused', 'held'],
    );
    assert.match(changes[1]?.decisions[0]?.reason ?? '', /Bob: rolled back to abc/);
  });

  it('asks for the name of a repository that a push tells of by its id alone, also when it goes on from what is known', async () => {
    const uuid = '{0a1b2c3d-0000-4000-8000-0000000000f9}';
    const nameless = { ...facts(), uuid, fullName: null, name: null };
    const tell = (from: string | null, to: string): Promise<unknown> => {
      const changes = [change({ from, to, kind: from === null ? 'create' : 'update' })];
      return engine.push([], {
        event: { kind: 'push', repository: nameless, actor: null, changes },
      });
    };
    const asked = (): Promise<string[]> =>
      engine.storage.write(async (tx) => {
        const due = await tx.nameLookups.claimDue(9, engine.clock.now(), engine.clock.now() + 1);
        for (const { id } of due) await tx.nameLookups.done(id);
        return due.map(({ id }) => id);
      });
    await tell(null, commit('a'));
    const repository = await engine.storage.read.repositories.byUuid(uuid);
    assert.deepEqual(await asked(), [`repository:${repository?.id}`]);
    await tell(commit('a'), commit('b'));
    assert.deepEqual(await asked(), [`repository:${repository?.id}`]);
  });

  it('keeps names true when a repository is renamed, and notes its deletion', async () => {
    const repository = await engine.repository();
    const renamed = {
      uuid: repository.uuid,
      workspaceUuid,
      workspaceSlug: 'acme',
      workspaceName: 'Acme',
      fullName: 'acme/new-name',
      name: 'New name',
      isPrivate: false,
    };
    await engine.push([], {
      eventKey: 'repo:updated',
      event: { kind: 'repository_updated', repository: renamed, actor: null },
    });
    const after = await engine.storage.read.repositories.byId(repository.id);
    assert.deepEqual(
      [after?.fullName, after?.name, after?.isPrivate, after?.mainBranch],
      ['acme/new-name', 'New name', false, 'main'],
    );
    await engine.push([], {
      eventKey: 'repo:deleted',
      event: { kind: 'repository_deleted', repository: renamed, actor: null },
    });
    assert.equal((await engine.storage.read.repositories.byId(repository.id))?.state, 'deleted');
  });

  it('lets the old workspace give a repository away, and nobody else take it', async () => {
    const target = await engine.target();
    const stranger = '{99999999-0000-4000-8000-000000000009}';
    await engine.push([change()], { workspaceUuid: stranger });
    assert.equal((await engine.deployments(target.id)).length, 0);
    assert.equal((await engine.repository()).workspaceUuid, workspaceUuid);

    const repository = await engine.repository();
    await engine.push([], {
      eventKey: 'repo:transfer',
      event: {
        kind: 'repository_transferred',
        actor: null,
        repository: {
          uuid: repository.uuid,
          workspaceUuid: stranger,
          workspaceSlug: 'other',
          workspaceName: 'Other',
          fullName: 'other/site',
          name: 'site',
          isPrivate: true,
        },
      },
    });
    const moved = await engine.storage.read.repositories.byId(repository.id);
    assert.deepEqual([moved?.workspaceUuid, moved?.fullName], [stranger, 'other/site']);
  });
});
