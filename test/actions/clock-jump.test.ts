import assert from 'node:assert/strict';
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
});
