import assert from 'node:assert/strict';
import type { Source } from '../../src/core/model/index.js';
import { change, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

const hash = (number: number): string => number.toString(16).padStart(40, '0');

/** The same sequence in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describeOnStores('Connect and Forge installed at once, or one after the other', (store) => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await store.engine();
    await engine.target();
  });

  afterEach(() => engine.close());

  async function forgeSource(): Promise<Source> {
    const source: Source = {
      id: engine.ids.next(),
      door: 'forge',
      key: `installation-${engine.ids.next()}`,
      installationId: null,
      createdAt: engine.clock.now(),
    };
    await engine.storage.write((tx) => tx.installations.saveSource(source));
    return source;
  }

  function headIs(commit: string): void {
    engine.bitbucket.refs.set('branch:main', { hash: commit, message: 'm', author: 'Ada' });
  }

  const triggered = (): string[] => engine.backend.triggered.map(({ commit }) => commit);

  it('deploys a thousand pushes once each and never backwards, with copies that come late and twice', async function () {
    this.timeout(120_000);
    const random = seeded(7);
    const doors = [engine.source, await forgeSource()];
    const late: { due: number; from: string; to: string; deliver: () => Promise<unknown> }[] = [];
    let head = hash(1);
    await engine.knowHead('main', head);
    let next = 2;
    const expected: string[] = [];
    const deliver = async (count: (copy: { due: number; from: string; to: string }) => boolean) => {
      for (const copy of late.filter(count)) {
        late.splice(late.indexOf(copy), 1);
        await copy.deliver();
        await engine.settle();
      }
    };
    const push = async (turn: number, from: string, to: string): Promise<void> => {
      // What was told of the same move before has arrived by then: minutes, not the hours between two such pushes.
      await deliver((copy) => copy.from === from && copy.to === to);
      head = to;
      headIs(to);
      expected.push(to);
      const moved = change({ from, to });
      const order = random() < 0.5 ? doors : [...doors].reverse();
      for (const [place, source] of order.entries()) {
        const told = { source, deliveryId: `push-${turn}-${source.id}` };
        const tell = (): Promise<unknown> => engine.push([moved], told);
        if (place === 0) await tell();
        else late.push({ due: turn + Math.floor(random() * 20), from, to, deliver: tell });
        if (random() < 0.3) late.push({ due: turn + 5, from, to, deliver: tell });
      }
      await engine.settle();
      assert.equal(triggered().at(-1), head, `push ${turn}: what runs is the head`);
      await deliver((copy) => copy.due <= turn);
    };
    for (let turn = 0; turn < 1_000;) {
      const [before, after] = [head, hash(next++)];
      await push(turn++, before, after);
      // A→B, B→A, A→B: three pushes, whatever they look like.
      if (turn % 50 === 0) {
        await push(turn++, after, before);
        await push(turn++, before, after);
      }
    }
    await deliver(() => true);
    assert.deepEqual(triggered(), expected);
  });

  it('goes on through Forge alone: what Connect told before Forge was there is no copy of what Forge tells now', async () => {
    const [a, b] = [hash(1), hash(2)];
    await engine.knowHead('main', a);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      headIs(to);
      await engine.push([change({ from, to })]);
      await engine.settle();
    }
    engine.clock.advance(60_000);
    const source = await forgeSource();
    headIs(b);
    await engine.push([change({ from: a, to: b })], { source });
    await engine.settle();
    assert.deepEqual(triggered(), [b, a, b]);
  });
});
