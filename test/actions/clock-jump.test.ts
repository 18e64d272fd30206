import assert from 'node:assert/strict';
import { clockWentBack } from '../../src/actions/clock-went-back.js';
import type { Target } from '../../src/core/model/index.js';
import { change, commit, createEngine, type Engine } from '../support/engine.js';

const hourMs = 60 * 60_000;

describe('a clock that jumps', () => {
  let engine: Engine;
  let target: Target;

  beforeEach(async () => {
    engine = await createEngine();
    target = await engine.target();
  });

  afterEach(() => engine.close());

  const states = async (): Promise<string[]> =>
    (await engine.deployments(target.id)).map(({ state }) => state);

  it('forward while a backend is called: looked up, not sent a second time', async () => {
    engine.backend.onTrigger = [
      () => {
        engine.clock.advance(hourMs);
        return { kind: 'accepted', backendRef: 'ref-1' };
      },
    ];
    engine.backend.onLookup = { kind: 'found', backendRef: 'ref-1' };
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(5_000);
    assert.deepEqual(await states(), ['live']);
    assert.equal(engine.backend.triggered.length, 1);
    assert.equal(engine.backend.lookedUp.length, 1);
  });

  it('back by an hour: a push goes live at once, also after one that waits for its next try', async () => {
    engine.backend.onTrigger = [() => ({ kind: 'retry', reason: 'busy' })];
    await engine.push([change({ to: commit('a') })]);
    await engine.step();
    engine.clock.advance(-hourMs);
    engine.backend.onTrigger = [];
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(5_000);
    assert.deepEqual(await states(), ['superseded', 'live']);
  });

  it('back by an hour during a build: it is followed to its end once the clock is where it was', async () => {
    engine.backend.onObserve = [() => ({ state: 'building' })];
    await engine.push([change({ to: commit('a') })]);
    await engine.settle();
    engine.clock.advance(-hourMs);
    engine.backend.onObserve = [];
    await engine.settle(hourMs + 60_000);
    assert.deepEqual(await states(), ['live']);
    assert.equal(engine.backend.triggered.length, 1);
  });

  describe('back by three days, which the worker notices', () => {
    const setBack = async (): Promise<void> => {
      engine.clock.advance(-3 * 24 * hourMs);
      await clockWentBack(engine.storage, engine.clock.now(), 15_000);
    };

    it('a build is followed at once', async () => {
      engine.backend.onObserve = [() => ({ state: 'building' })];
      await engine.push([change({ to: commit('a') })]);
      await engine.settle();
      await setBack();
      engine.backend.onObserve = [];
      await engine.settle(5_000);
      assert.deepEqual(await states(), ['live']);
      assert.equal(engine.bitbucket.statuses.at(-1)?.status.state, 'SUCCESSFUL');
    });

    it('what waits for its next try has it at once, under the same key', async () => {
      engine.backend.onTrigger = [
        () => ({ kind: 'retry', reason: 'busy' }),
        () => ({ kind: 'accepted', backendRef: 'r' }),
      ];
      await engine.push([change({ to: commit('a') })]);
      await engine.step();
      await setBack();
      await engine.settle(5_000);
      assert.deepEqual(await states(), ['live']);
      assert.equal(new Set(engine.backend.triggered.map((call) => call.idempotencyKey)).size, 1);
    });

    it('a lane whose holder has died is free after a lease', async () => {
      await engine.push([change({ to: commit('a') })]);
      await engine.begin();
      await setBack();
      assert.equal(await engine.step(), 0);
      engine.backend.onLookup = { kind: 'absent' };
      await engine.settle(16_000);
      assert.deepEqual(await states(), ['live']);
    });

    it('a lost push is found after the grace, whatever was noted of its branch before', async () => {
      const headIs = (digit: string): void => {
        const head = { hash: commit(digit), message: 'm', author: 'Ada' };
        engine.bitbucket.refs.set('branch:main', head);
      };
      headIs('a');
      await engine.push([change({ to: commit('a') })]);
      await engine.settle(60_000);
      headIs('b');
      const { id } = await engine.repository();
      const reconcileDueAt = engine.clock.now();
      await engine.storage.write((tx) => tx.repositories.touch(id, { reconcileDueAt }));
      await engine.settle();
      await setBack();
      await engine.settle(5 * 60_000);
      assert.deepEqual(
        engine.backend.triggered.map((call) => call.commit[0]),
        ['a', 'b'],
      );
    });
  });

  it('forward by three days: nothing is doubled or lost, and what ran goes on', async () => {
    engine.backend.onObserve = [() => ({ state: 'building' })];
    await engine.push([change({ to: commit('a') })]);
    await engine.settle();
    engine.clock.advance(3 * 24 * hourMs);
    await engine.push([change({ to: commit('b') })]);
    engine.backend.onObserve = [];
    await engine.settle(60_000);
    assert.deepEqual(await states(), ['live', 'live']);
    assert.equal(engine.backend.triggered.length, 2);
  });
});
