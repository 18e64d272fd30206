import assert from 'node:assert/strict';
import type { Measures } from '../../src/core/measures.js';
import { countEnds } from '../../src/wiring/count-ends.js';
import { change, commit, createEngine, type Engine } from '../support/engine.js';

describe('counting how deployments end', () => {
  let engine: Engine;
  let counted: string[];

  beforeEach(async () => {
    counted = [];
    const measures: Measures = {
      delivered: () => undefined,
      deploymentEnded: (state) => counted.push(state),
      attemptEnded: (outcome) => counted.push(outcome),
    };
    engine = await createEngine({ wrap: (storage) => countEnds(storage, measures) });
  });

  afterEach(() => engine.close());

  it('counts each end and each attempt once', async () => {
    await engine.target();
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(60_000);
    assert.deepEqual(counted.sort(), ['accepted', 'live']);
  });

  it('counts what was overtaken before it ran', async () => {
    await engine.target();
    await engine.push([change({ to: commit('a') })]);
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(60_000);
    assert.deepEqual(counted.sort(), ['accepted', 'live', 'superseded']);
  });

  it('does not count what was not committed', async () => {
    const { id } = await engine.target();
    await engine.push([change()]);
    const [deployment] = await engine.deployments(id);
    await assert.rejects(
      engine.storage.write(async (tx) => {
        await tx.deployments.update(deployment?.id ?? '', { state: 'failed' });
        throw new Error('no');
      }),
    );
    assert.deepEqual(counted, []);
  });
});
