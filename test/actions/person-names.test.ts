import assert from 'node:assert/strict';
import { createPruner } from '../../src/actions/prune.js';
import { resolveDueNames } from '../../src/actions/resolve-names.js';
import { BitbucketError } from '../../src/core/errors.js';
import type { Person, RefChange, Target } from '../../src/core/model/index.js';
import { change, commit, facts, workspaceUuid, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

const dayMs = 24 * 60 * 60_000;
const eve = '{2f1e9a10-2222-4bbb-8ccc-abcdefabcdef}';
const asked = `${workspaceUuid} ${eve}`;

describeOnStores('who pushed, where events do not say it', (store) => {
  let engine: Engine;
  let target: Target;

  beforeEach(async () => {
    engine = await store.engine();
    target = await engine.target();
    engine.bitbucket.members.set(eve, 'Eve "E" 100% Example');
  });
  afterEach(() => engine.close());

  const push = (
    to: string,
    actor: Person = { uuid: eve, name: null },
    more: Partial<RefChange> = {},
  ) => {
    const changes = [change({ to: commit(to), author: null, ...more })];
    const from = changes.map((one) => (more.from === undefined ? { ...one, from: head } : one));
    head = commit(to);
    return engine.push(from, {
      event: { kind: 'push', repository: facts(), actor, changes: from },
    });
  };
  let head = commit('0');
  beforeEach(() => (head = commit('0')));

  const resolve = async (): Promise<void> => {
    const { storage, bitbucket, clock, logger } = engine;
    const deps = { storage, bitbucket, clock: clock.now, logger, random: () => 0.5 };
    while ((await resolveDueNames(deps, 4)) > 0);
  };
  const pushers = async (person?: string): Promise<(string | null)[]> => {
    const { id } = await engine.repository();
    const where = person === undefined ? {} : { person };
    const changes = await engine.storage.read.events.recentRefChanges(id, 99, where);
    return changes.map(({ actorName }) => actorName).reverse();
  };
  const causes = async (): Promise<(string | null)[]> =>
    (await engine.deployments(target.id)).map(({ causedBy }) => causedBy);

  it('is asked for once, and then stands with the push and what it deployed', async () => {
    await push('a');
    assert.deepEqual([await pushers(), await causes()], [[null], [null]]);
    await push('b');
    await resolve();
    const name = 'Eve "E" 100% Example';
    assert.deepEqual(await pushers(), [name, name]);
    assert.deepEqual(await causes(), [name, name]);
    assert.deepEqual(await pushers(name), [name, name], 'they can be found by that name');
    const where = { targetId: target.id, causedBy: name };
    assert.equal((await engine.storage.read.deployments.recent(where, { limit: 9 })).length, 2);
    assert.deepEqual(engine.bitbucket.membersAsked, [asked]);
  });

  it('is known when they push again, whether that goes on from what is known or not', async () => {
    await push('a');
    await resolve();
    engine.bitbucket.members.clear();
    await push('b');
    await push('e', { uuid: eve, name: null }, { from: commit('d') });
    const name = 'Eve "E" 100% Example';
    assert.deepEqual(await pushers(), [name, name, name]);
    assert.deepEqual(await causes(), [name, name, name]);
    await resolve();
    assert.equal(engine.bitbucket.membersAsked.length, 1);
  });

  it('is asked for on the careful way, too', async () => {
    await push('e', { uuid: eve, name: null }, { from: commit('d') });
    await resolve();
    assert.deepEqual(await pushers(), ['Eve "E" 100% Example']);
    assert.deepEqual(await causes(), ['Eve "E" 100% Example']);
  });

  it('is asked for again after thirty days, since names change', async () => {
    await push('a');
    await resolve();
    engine.bitbucket.members.set(eve, 'Eve Married');
    engine.clock.advance(30 * dayMs - 1);
    await push('b');
    await resolve();
    assert.equal(engine.bitbucket.membersAsked.length, 1);
    engine.clock.advance(1);
    await push('c');
    await resolve();
    await push('d');
    const old = 'Eve "E" 100% Example';
    assert.deepEqual(await pushers(), [old, old, old, 'Eve Married']);
    assert.equal(engine.bitbucket.membersAsked.length, 2);
  });

  it('stays unknown for a day where Bitbucket does not tell it, and nothing fails', async () => {
    engine.bitbucket.members.clear();
    await push('a');
    await resolve();
    engine.clock.advance(dayMs - 1);
    await push('b');
    await resolve();
    assert.deepEqual(engine.bitbucket.membersAsked, [asked]);
    assert.deepEqual(await pushers(), [null, null]);
    engine.bitbucket.members.set(eve, 'Eve');
    engine.clock.advance(1);
    await push('c');
    await resolve();
    assert.deepEqual(await pushers(), ['Eve', 'Eve', 'Eve'], 'the pushes of before, too');
    assert.deepEqual(await causes(), ['Eve', 'Eve', 'Eve']);
  });

  it('is asked for again soon where Bitbucket has no answer now', async () => {
    engine.bitbucket.failures = [new BitbucketError('bitbucket_unavailable', 'test')];
    await push('a');
    await resolve();
    assert.deepEqual(await pushers(), [null]);
    engine.clock.advance(60_000);
    await resolve();
    assert.deepEqual(await pushers(), ['Eve "E" 100% Example']);
  });

  it('is not asked for of whom the event names, nor where the author stands for them', async () => {
    await push('a', { uuid: '{ada}', name: 'Ada Example' });
    await push('b', { uuid: null, name: null }, { author: 'Not who pushed' });
    await resolve();
    assert.deepEqual(engine.bitbucket.membersAsked, []);
    assert.deepEqual(await pushers(), ['Ada Example', null]);
    assert.deepEqual(await store.rows(engine, 'SELECT * FROM person_names'), []);
  });

  it('is told to no other workspace', async () => {
    const other = {
      ...facts(),
      uuid: '{0a1b2c3d-0000-4000-8000-0000000000f9}',
      workspaceUuid: '{0f0f0f0f-1111-4222-8333-444444444444}',
    };
    const actor = { uuid: eve, name: null };
    await engine.push([], {
      workspaceUuid: other.workspaceUuid,
      event: { kind: 'push', repository: other, actor, changes: [change()] },
    });
    await push('a');
    engine.bitbucket.memberName = (workspace) =>
      Promise.resolve(workspace === workspaceUuid ? 'Eve' : null);
    await resolve();
    assert.deepEqual(await pushers(), ['Eve']);
    const elsewhere = await engine.storage.read.repositories.byUuid(other.uuid);
    const [there] = await engine.storage.read.events.recentRefChanges(elsewhere?.id ?? '', 9);
    assert.equal(there?.actorName, null);
  });

  it('is forgotten when they have not pushed for a quarter of a year', async () => {
    await push('a');
    await resolve();
    const { storage, clock, logger } = engine;
    const pause = (): Promise<void> => Promise.resolve();
    const job = createPruner({
      ...{ storage, clock: clock.now, steady: clock.now, random: () => 0.5, logger, pause },
    });
    engine.clock.advance(90 * dayMs);
    await job.turn();
    assert.equal((await store.rows(engine, 'SELECT * FROM person_names')).length, 1);
    engine.clock.advance(1);
    await job.turn();
    assert.deepEqual(await store.rows(engine, 'SELECT * FROM person_names'), []);
  });
});
