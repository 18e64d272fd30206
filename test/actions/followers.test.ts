import assert from 'node:assert/strict';
import { approveDeployment, declineDeployment } from '../../src/actions/approve-deployment.js';
import { removeTarget, setAutomatic } from '../../src/actions/change-target.js';
import {
  cancelDeployment,
  deployNow,
  redeploy,
  rollBack,
} from '../../src/actions/request-deployment.js';
import { retryDeployments } from '../../src/actions/retry-deployments.js';
import type { TargetForm } from '../../src/actions/save-target.js';
import { InputError, StateError } from '../../src/core/errors.js';
import type { Deployment, Target } from '../../src/core/model/index.js';
import { change, commit, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

const minute = 60_000;
const day = 24 * 60 * minute;
const ada = { name: 'Ada Example' };

describeOnStores('targets that wait for another', (store) => {
  let engine: Engine;
  let staging: Target;
  let production: Target;

  const open = async (more: Partial<TargetForm> = {}): Promise<void> => {
    staging = await engine.target({ name: 'Staging' });
    production = await engine.target({ name: 'Production', afterTargetId: staging.id, ...more });
  };

  beforeEach(async () => {
    engine = await store.engine();
  });

  afterEach(() => engine.close());

  const push = async (digit: string): Promise<void> => {
    await engine.push([change({ to: commit(digit) })]);
  };
  const last = async ({ id }: Target): Promise<Deployment> => {
    const found = (await engine.deployments(id)).at(-1);
    assert.ok(found);
    return found;
  };
  const seen = async (target: Target): Promise<string> =>
    (await engine.deployments(target.id))
      .map(({ commit: hash, state }) => `${hash[0]}:${state}`)
      .join(' ');
  const sent = (): string =>
    engine.backend.triggered
      .map(({ target, commit: hash }) => `${target.name[0]}${hash[0]}`)
      .join(' ');

  it('deploys what went live over there, after it', async () => {
    await open();
    await push('a');
    assert.equal(await seen(production), 'a:waiting');
    assert.equal((await last(production)).reason, 'Waits for Staging.');
    await engine.settle(minute);
    assert.equal(sent(), 'Sa Pa');
    assert.equal(await seen(production), 'a:live');
  });

  it('says nothing on the commit while it waits', async () => {
    await open({ promote: 'person' });
    await push('a');
    await engine.settle(minute);
    const keys = new Set(engine.bitbucket.statuses.map(({ status }) => status.name));
    assert.deepEqual([...keys], ['Slipway: Staging']);
  });

  it('follows a chain of three, each by what went live before it', async () => {
    await open();
    const archive = await engine.target({ name: 'Archive', afterTargetId: production.id });
    await push('a');
    await engine.settle(minute);
    assert.equal(sent(), 'Sa Pa Aa');
    assert.equal(await seen(archive), 'a:live');
  });

  it('ends stopped where it failed over there, with nobody called', async () => {
    await open();
    engine.backend.onObserve = [() => ({ state: 'failed', reason: 'npm ERR!' })];
    await push('a');
    await engine.settle(minute);
    assert.equal(sent(), 'Sa');
    assert.equal(await seen(production), 'a:stopped');
    assert.match((await last(production)).reason ?? '', /failed on Staging/);
    assert.ok(engine.bitbucket.statuses.every(({ status }) => status.name === 'Slipway: Staging'));
  });

  it('ends superseded where a newer commit came first over there, and names it', async () => {
    await open();
    await push('a');
    await push('b');
    await engine.settle(minute);
    assert.equal(sent(), 'Sb Pb');
    assert.equal(await seen(production), 'a:superseded b:live');
    assert.equal((await engine.deployments(production.id))[0]?.supersededBy, commit('b'));
  });

  it('ends stopped where a person cancelled it over there', async () => {
    await open();
    await push('a');
    await cancelDeployment({ deploymentId: (await last(staging)).id, by: ada }, engine.requestDeps);
    await engine.settle(minute);
    assert.equal(sent(), '');
    assert.match((await last(production)).reason ?? '', /stopped on Staging/);
  });

  it('waits again when the failed one is tried again, by the panel or by a replay', async () => {
    await open();
    const failed = { state: 'failed' as const, reason: 'npm ERR!' };
    engine.backend.onObserve = [() => failed, () => failed, () => ({ state: 'live' })];
    await push('a');
    await engine.settle(minute);
    await redeploy({ deploymentId: (await last(staging)).id, by: ada }, engine.requestDeps);
    await engine.settle(minute);
    const replayed = { ids: [(await last(staging)).id], by: ada };
    await retryDeployments(replayed, { ...engine.requestDeps });
    await engine.settle(minute);
    assert.equal(await seen(production), 'a:stopped a:stopped a:live');
    const { refChangeId, targetId, id } = await last(production);
    const decision = await engine.storage.write((tx) =>
      tx.events.decision(refChangeId ?? '', targetId),
    );
    assert.equal(decision?.deploymentId, id, 'what became of the push is what became of the last');
  });

  it('keeps waiting for a replay that takes the place of a try that is due later', async () => {
    await open();
    engine.backend.onTrigger = [() => ({ kind: 'retry', reason: 'it is away' })];
    await push('a');
    await engine.settle();
    engine.backend.onTrigger = [];
    await retryDeployments({ ids: [(await last(staging)).id], by: ada }, engine.requestDeps);
    await engine.settle(minute);
    assert.equal(await seen(production), 'a:live');
  });

  it('skips a push that is not deployed over there, and says why', async () => {
    await open();
    await setAutomatic({ targetId: staging.id, on: false, by: ada }, engine.laneDeps);
    await push('a');
    await engine.settle(minute);
    assert.equal(await seen(production), '');
    const repository = await engine.repository();
    const [pushed] = await engine.storage.read.events.recentRefChanges(repository.id, 1);
    const decision = pushed?.decisions.find(({ targetId }) => targetId === production.id);
    assert.equal(decision?.reasonCode, 'upstream_skipped');
    assert.match(decision?.reason ?? '', /waits for Staging.*paused/);
  });

  it('skips a push that no path filter over there lets through, once that is known', async () => {
    staging = await engine.target({ name: 'Staging', includePaths: 'web' });
    production = await engine.target({ name: 'Production', afterTargetId: staging.id });
    await push('a');
    await engine.settle(minute);
    engine.bitbucket.diffs.set(`${commit('a')}..${commit('b')}`, ['README.md']);
    await push('b');
    assert.equal(await seen(production), 'a:live b:waiting');
    await engine.settle(minute);
    assert.equal(await seen(production), 'a:live');
    const repository = await engine.repository();
    const [pushed] = await engine.storage.read.events.recentRefChanges(repository.id, 1);
    assert.deepEqual(
      pushed?.decisions.map(({ outcome }) => outcome),
      ['skip', 'skip'],
    );
  });

  it('judges its own path filter by what is live on itself', async () => {
    await open({ includePaths: 'web' });
    await push('a');
    await engine.settle(minute);
    engine.bitbucket.diffs.set(`${commit('a')}..${commit('b')}`, ['README.md']);
    await push('b');
    await engine.settle(minute);
    assert.equal(sent(), 'Sa Pa Sb');
    engine.bitbucket.diffs.set(`${commit('a')}..${commit('c')}`, ['README.md', 'web/app.ts']);
    await push('c');
    await engine.settle(minute);
    assert.equal(sent(), 'Sa Pa Sb Sc Pc');
  });

  it('asks Bitbucket once where the order is in doubt, and follows the answer', async () => {
    await open();
    await push('a');
    await engine.settle(minute);
    engine.bitbucket.refs.set('branch:main', { hash: commit('c'), message: 'c', author: 'Ada' });
    await engine.push([change({ from: commit('e'), to: commit('b') })]);
    await engine.settle(minute);
    assert.equal(sent(), 'Sa Pa Sc Pc');
  });

  it('goes on after a death between going live over there and its turn here', async () => {
    await open();
    await push('a');
    // The process dies after each step in turn: nothing but what is stored is there for the next.
    for (let steps = 0; steps < 12; steps += 1) {
      await engine.storage.write((tx) => tx.lanes.takeOverAll(engine.clock.now()));
      await engine.step();
      engine.clock.advance(1_000);
    }
    assert.equal(sent(), 'Sa Pa');
    assert.equal(await seen(production), 'a:live');
  });

  it('finds what waits even when nobody woke its lane', async () => {
    await open();
    await push('a');
    await engine.step();
    const waiting = await last(production);
    // As if the wake-up had been lost: the other one is live, and this lane sleeps.
    await engine.storage.write((tx) =>
      tx.deployments.update(waiting.waitsFor ?? '', { state: 'live', finishedAt: 0 }),
    );
    engine.clock.advance(11 * minute);
    await engine.settle(minute);
    assert.equal(await seen(production), 'a:live');
  });

  it('holds what a hold was put on meanwhile', async () => {
    await open();
    await push('a');
    await engine.step();
    await engine.storage.write((tx) =>
      tx.targets.touch(production.id, { hold: { since: 0, by: 'Ada', reason: 'rolled back' } }),
    );
    await engine.settle(minute);
    assert.equal(sent(), 'Sa');
    assert.match((await last(production)).reason ?? '', /on hold \(Ada: rolled back\)/);
  });

  it('does not follow a rollback, nor what a person deploys there by hand', async () => {
    await open();
    await push('a');
    await engine.settle(minute);
    await push('b');
    await engine.settle(minute);
    const [first] = await engine.deployments(staging.id);
    await rollBack({ deploymentId: first?.id ?? '', by: ada }, engine.requestDeps);
    await engine.settle(minute);
    engine.bitbucket.refs.set('branch:main', { hash: commit('b'), message: 'b', author: 'Ada' });
    const wish = { targetId: staging.id, refType: 'branch', refName: 'main', by: ada } as const;
    await deployNow(wish, engine.requestDeps);
    await engine.settle(minute);
    assert.equal(await seen(production), 'a:live b:live');
  });

  describe('by a person', () => {
    const asked = async (digit = 'a'): Promise<Deployment> => {
      await push(digit);
      await engine.settle(minute);
      return last(production);
    };

    it('waits until somebody lets it go on', async () => {
      await open({ promote: 'person' });
      const waiting = await asked();
      assert.equal(waiting.state, 'waiting');
      assert.match(waiting.reason ?? '', /^Live on Staging; waits for a person/);
      assert.ok(waiting.approvalUntil !== null);
      await approveDeployment({ deploymentId: waiting.id, by: ada }, engine.requestDeps);
      await engine.settle(minute);
      const live = await last(production);
      assert.deepEqual([live.state, live.approvedBy], ['live', 'Ada Example']);
      await assert.rejects(
        approveDeployment({ deploymentId: waiting.id, by: ada }, engine.requestDeps),
        StateError,
      );
    });

    it('ends where somebody declines it, and does not come back with a redeploy over there', async () => {
      await open({ promote: 'person' });
      const { id } = await asked();
      await declineDeployment({ deploymentId: id, by: ada }, engine.requestDeps);
      await redeploy({ deploymentId: (await last(staging)).id, by: ada }, engine.requestDeps);
      await engine.settle(minute);
      assert.equal(sent(), 'Sa Sa');
      const declined = await last(production);
      assert.deepEqual([declined.id, declined.state], [id, 'stopped']);
      assert.equal(declined.reason, 'Declined by Ada Example.');
    });

    it('forgets it after 7 days, not a day before', async () => {
      await open({ promote: 'person' });
      const { id } = await asked();
      engine.clock.advance(6 * day);
      await engine.settle();
      assert.equal((await last(production)).state, 'waiting');
      engine.clock.advance(day);
      await engine.settle(15 * minute);
      const ended = await last(production);
      assert.deepEqual([ended.id, ended.state], [id, 'stopped']);
      assert.match(ended.reason ?? '', /within 7 days/);
    });

    it('asks about the newest only', async () => {
      await open({ promote: 'person' });
      await asked('a');
      const newest = await asked('b');
      assert.equal(await seen(production), 'a:superseded b:waiting');
      await approveDeployment({ deploymentId: newest.id, by: ada }, engine.requestDeps);
      await engine.settle(minute);
      assert.equal(sent(), 'Sa Sb Pb');
    });

    it('is over once it was rolled back over there', async () => {
      await open({ promote: 'person' });
      const first = await asked('a');
      await approveDeployment({ deploymentId: first.id, by: ada }, engine.requestDeps);
      const second = await asked('b');
      const [earlier] = await engine.deployments(staging.id);
      await rollBack({ deploymentId: earlier?.id ?? '', by: ada }, engine.requestDeps);
      await engine.settle(minute);
      await assert.rejects(
        approveDeployment({ deploymentId: second.id, by: ada }, engine.requestDeps),
        StateError,
      );
      assert.match(
        (await last(production)).reason ?? '',
        /Staging was rolled back to aaaaaaaaaaaa/,
      );
    });

    it('is asked as well where the other backend does not report how it ended', async () => {
      await open();
      engine.backend.onObserve = [() => ({ state: 'handed_off', reason: 'It does not say.' })];
      const waiting = await asked();
      assert.ok(waiting.approvalUntil !== null);
      assert.match(waiting.reason ?? '', /does not report the result; waits for a person/);
    });
  });

  describe('when their order changes', () => {
    it('refuses a circle, however long', async () => {
      await open();
      const archive = await engine.target({ name: 'Archive', afterTargetId: production.id });
      const circle = engine.target({
        targetId: staging.id,
        expectedVersion: 1,
        name: 'Staging',
        afterTargetId: archive.id,
      });
      await assert.rejects(circle, (error: InputError) => {
        const words = 'They would wait for each other: Staging → Archive → Production → Staging.';
        assert.equal(error.fields['afterTargetId'], words);
        return true;
      });
    });

    it('refuses to wait for itself, or for what is not of this repository', async () => {
      await open();
      for (const afterTargetId of [staging.id, 'nothing-of-ours']) {
        const edit = { targetId: staging.id, expectedVersion: 1, name: 'Staging', afterTargetId };
        await assert.rejects(engine.target(edit), InputError);
      }
    });

    it('ends what still waits for the former one', async () => {
      await open();
      await push('a');
      await engine.target({ targetId: production.id, expectedVersion: 1, afterTargetId: null });
      await engine.settle(minute);
      assert.equal(sent(), 'Sa');
      assert.equal(await seen(production), 'a:stopped');
    });

    it('holds what waited for a target that was removed, until a person resumes it', async () => {
      await open();
      await push('a');
      await removeTarget({ targetId: staging.id, by: ada }, engine.laneDeps);
      await push('b');
      await engine.settle(minute);
      assert.equal(sent(), '');
      assert.match((await last(production)).reason ?? '', /Staging.*removed by Ada Example/);
      const held = await engine.storage.read.targets.byId(production.id);
      assert.deepEqual([held?.afterTargetId, held?.hold?.by], [null, 'Ada Example']);
      await setAutomatic({ targetId: production.id, on: true, by: ada }, engine.laneDeps);
      await push('c');
      await engine.settle(minute);
      assert.equal(sent(), 'Pc');
    });
  });
});
