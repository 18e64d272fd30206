import assert from 'node:assert/strict';
import fc from 'fast-check';
import { setAutomatic } from '../../src/actions/change-target.js';
import type { RefChange, Source } from '../../src/core/model/index.js';
import { BitbucketError } from '../../src/core/errors.js';
import { change, commit, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';

const minute = 60_000;

function move(from: string, to: string): RefChange {
  return change({ from: commit(from), to: commit(to) });
}

/** A second way for the same pushes to reach us. */
async function secondSource(engine: Engine): Promise<Source> {
  const source: Source = {
    id: engine.ids.next(),
    door: 'forge',
    key: 'installation',
    installationId: null,
    createdAt: 0,
  };
  await engine.storage.write((tx) => tx.installations.saveSource(source));
  return source;
}

function headIs(engine: Engine, digit: string | null): void {
  if (digit === null) engine.bitbucket.refs.delete('branch:main');
  else {
    engine.bitbucket.refs.set('branch:main', {
      hash: commit(digit),
      message: `Commit ${digit}`,
      author: 'Ada',
    });
  }
}

const triggered = (engine: Engine): string =>
  engine.backend.triggered.map((request) => request.commit[0]).join('');

describeOnStores('the same push, once, and never backwards', (store) => {
  let engine: Engine;
  let other: Source;
  let targetId: string;

  beforeEach(async () => {
    engine = await store.engine();
    other = await secondSource(engine);
    targetId = (await engine.target()).id;
    await engine.knowHead('main', commit('a'));
  });

  afterEach(() => engine.close());

  const live = async (): Promise<string | undefined> => {
    const target = await engine.storage.read.targets.byId(targetId);
    const id = target?.liveDeploymentId ?? '';
    return (await engine.storage.read.deployments.byId(id))?.commit[0];
  };
  const decisions = async (): Promise<string[]> => {
    const repository = await engine.repository();
    const changes = await engine.storage.read.events.recentRefChanges(repository.id, 100);
    return changes.reverse().map(({ decisions: made }) => made[0]?.reasonCode ?? '');
  };

  it('takes A→B, B→A, A→B for three pushes, through two doors as through one', async () => {
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
      ['a', 'b'],
    ] as const) {
      headIs(engine, to);
      await engine.push([move(from, to)]);
      await engine.push([move(from, to)], { source: other });
      await engine.settle(minute);
    }
    assert.equal(triggered(engine), 'bab');
    assert.deepEqual((await decisions()).length, 3, 'copies are no pushes of their own');
  });

  it('lets copies come late, and all at once', async () => {
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.settle(minute);
    headIs(engine, 'a');
    await engine.push([move('b', 'a')]);
    await engine.settle(minute);
    await engine.push([move('b', 'a')], { source: other });
    assert.equal((await engine.begin()).claimed, 0, 'a copy wakes no lane and asks nobody');
    await engine.push([move('a', 'b')], { source: other });
    assert.equal(
      (await engine.begin()).claimed,
      1,
      'but for one that goes on from where it is now',
    );
    await engine.settle(minute);
    assert.equal(triggered(engine), 'ba');
    assert.equal(await live(), 'a');
  });

  it('knows the copy that is stored in the same transaction', async () => {
    headIs(engine, 'b');
    await Promise.all([
      engine.push([move('a', 'b')]),
      engine.push([move('a', 'b')], { source: other }),
    ]);
    assert.equal((await engine.deployments(targetId)).length, 1);
    await engine.settle(minute);
    assert.equal(triggered(engine), 'b');
  });

  it('runs the newer one of two that came in the wrong order, and explains the older', async () => {
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.settle(minute);
    headIs(engine, 'd');
    await engine.push([move('c', 'd')]);
    await engine.push([move('b', 'c')]);
    await engine.settle(minute);
    assert.equal(triggered(engine), 'bd');
    const [, , older] = await engine.deployments(targetId);
    assert.deepEqual([older?.state, older?.supersededBy], ['superseded', commit('d')]);
    await engine.push([move('x', 'c')]);
    await engine.settle(minute);
    assert.equal((await decisions()).at(-1), 'overtaken');
  });

  it('does not put an older commit live when an event is sent again under a new id', async () => {
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.settle(minute);
    headIs(engine, 'a');
    await engine.push([move('b', 'a')]);
    await engine.settle(minute);
    await engine.push([move('a', 'b')], { deliveryId: 'replayed' });
    await engine.settle(minute);
    assert.equal(triggered(engine), 'ba');
    assert.deepEqual(await decisions(), ['matched', 'matched', 'overtaken']);
  });

  it('does not deploy again what a repeated event tells of once more', async () => {
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.settle(minute);
    await engine.push([move('a', 'b')], { deliveryId: 'again' });
    await engine.settle(minute);
    assert.equal(triggered(engine), 'b');
    assert.deepEqual(await decisions(), ['matched', 'already_decided']);
  });

  it('does not deploy the head again because what came before it was told of last', async () => {
    headIs(engine, 'd');
    await engine.push([move('a', 'b')]);
    engine.clock.advance(100);
    await engine.push([change({ from: commit('b'), to: null, kind: 'delete' })]);
    // The head has to be looked at; what comes late seems to fit, and takes the place of what still waits.
    await engine.push([move('c', 'd')]);
    await engine.push([change({ from: null, to: commit('c'), kind: 'create' })]);
    await engine.settle(minute);
    assert.equal(triggered(engine), 'cd');
    await engine.push([move('a', 'b')], { deliveryId: 'replayed' });
    await engine.settle(minute);
    assert.equal(triggered(engine), 'cd');
    assert.equal(await live(), 'd');
  });

  describe('what counts as a copy and goes on from where the branch is back', () => {
    beforeEach(async () => {
      headIs(engine, 'b');
      await engine.push([move('a', 'b')]);
      await engine.settle(minute);
      headIs(engine, 'a');
      await engine.push([move('b', 'a')]);
      await engine.settle(minute);
    });
    const shown = async (): Promise<string[]> => {
      const { id } = await engine.repository();
      const changes = await engine.storage.read.events.recentRefChanges(id, 9);
      return changes.map(({ to }) => to?.[0] ?? '-').reverse();
    };

    it('is the third push when Bitbucket says so, and its own source’s copy joins it', async () => {
      headIs(engine, 'b');
      await engine.push([move('a', 'b')], { source: other });
      await engine.settle(minute);
      assert.equal(triggered(engine), 'bab');
      assert.deepEqual(await shown(), ['b', 'a', 'b']);
      await engine.push([move('a', 'b')], { deliveryId: 'third' });
      await engine.settle(minute);
      assert.equal(triggered(engine), 'bab');
      assert.deepEqual(await shown(), ['b', 'a', 'b']);
    });

    it('stays a late copy when Bitbucket says that nothing moved', async () => {
      await engine.push([move('a', 'b')], { source: other });
      await engine.settle(minute);
      assert.equal(triggered(engine), 'ba');
      assert.deepEqual(await shown(), ['b', 'a']);
      assert.equal(await live(), 'a');
    });
  });

  describe('while Bitbucket is asked for the head', () => {
    const askWhile = async (meanwhile: () => Promise<unknown>): Promise<void> => {
      headIs(engine, 'b');
      await engine.push([move('a', 'b')]);
      await engine.settle(minute);
      await engine.push([move('a', 'b')], { deliveryId: 'again' });
      const head = engine.bitbucket.head.bind(engine.bitbucket);
      engine.bitbucket.head = async (...of) => {
        engine.bitbucket.head = head;
        const seen = await head(...of);
        await meanwhile();
        return seen;
      };
      await engine.settle(minute);
    };

    it('a push that goes on from what is known is not superseded by the older head', async () => {
      await askWhile(async () => {
        headIs(engine, 'c');
        await engine.push([move('b', 'c')]);
      });
      assert.equal(triggered(engine), 'bc');
      assert.deepEqual(await decisions(), ['matched', 'overtaken', 'matched']);
      const [ref] = await engine.storage.read.refs.ofRepository((await engine.repository()).id);
      assert.equal(ref?.head, commit('c'));
    });

    it('a push that is in doubt itself waits for a look of its own', async () => {
      await askWhile(async () => {
        headIs(engine, 'd');
        await engine.push([move('c', 'd')]);
      });
      assert.equal(triggered(engine), 'bd');
      assert.deepEqual(await decisions(), ['matched', 'already_decided', 'matched']);
    });
  });

  it('is careful for a while after a gap: a late event that seems to fit is checked, too', async () => {
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.settle(minute);
    // b→a is under way; the push after it overtakes it.
    await engine.push([move('a', 'b')], { deliveryId: 'third push' });
    await engine.settle(minute);
    await engine.push([move('b', 'a')], { deliveryId: 'second push' });
    await engine.settle(minute);
    assert.equal(triggered(engine), 'b');
    assert.equal(await live(), 'b');
  });

  it('is careful as well after a gap that nothing was deployed for', async () => {
    await setAutomatic({ targetId, on: false, by: { name: 'Ada' } }, engine.laneDeps);
    await engine.push([move('x', 'b')]);
    await engine.settle(minute);
    assert.deepEqual(await decisions(), ['paused']);
    await setAutomatic({ targetId, on: true, by: { name: 'Ada' } }, engine.laneDeps);
    headIs(engine, 'd');
    await engine.push([move('b', 'c')]);
    await engine.settle(minute);
    assert.equal(triggered(engine), 'd');
  });

  it('is still careful 23 hours after a gap, and takes events at their word again after 25', async () => {
    headIs(engine, 'd');
    await engine.push([move('c', 'd')]);
    await engine.settle(minute);
    assert.equal(triggered(engine), 'd');
    engine.clock.advance(23 * 60 * minute);
    // The head went d→a→d, and what told of the first half comes a day late.
    await engine.push([move('d', 'a')]);
    await engine.settle(minute);
    assert.equal(await live(), 'd');
    engine.clock.advance(25 * 60 * minute);
    headIs(engine, 'e');
    engine.bitbucket.failures = [new BitbucketError('bitbucket_unavailable', '503')];
    // Its one question would meet the failure, so that nothing would be deployed.
    await engine.push([move('d', 'e')]);
    const { steps } = await engine.begin();
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ['trigger'],
    );
  });

  it('asks about a branch it never heard of that comes from somewhere: the head runs, not the event', async () => {
    const all = await engine.target({ name: 'All', branchPattern: '**' });
    const pushed = { hash: commit('f'), message: 'Newer', author: 'Ada' };
    engine.bitbucket.refs.set('branch:other', pushed);
    await engine.push([change({ name: 'other', from: commit('d'), to: commit('e') })]);
    await engine.settle(minute);
    const deployed = (await engine.deployments(all.id)).map((one) => [one.commit[0], one.state]);
    assert.deepEqual(deployed, [['f', 'live']]);
  });

  it('deploys the head when the event that would tell of it is missing', async () => {
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.settle(minute);
    headIs(engine, 'e');
    await engine.push([move('c', 'd')]);
    await engine.settle(minute);
    assert.equal(await live(), 'e');
    const last = (await engine.deployments(targetId)).at(-1);
    assert.equal(last?.cause, 'reconcile');
  });

  it('lets what is in doubt supersede nothing before the head was read', async () => {
    engine.backend.onObserve = [() => ({ state: 'building' })];
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.step();
    headIs(engine, 'c');
    await engine.push([move('b', 'c')]);
    await engine.push([move('x', 'd')]);
    engine.backend.onObserve = [];
    await engine.settle(minute);
    const all = await engine.deployments(targetId);
    assert.deepEqual(
      all.map((one) => [one.commit[0], one.state, one.cause]),
      [
        ['b', 'live', 'push'],
        ['c', 'live', 'push'],
      ],
    );
    assert.deepEqual(await decisions(), ['matched', 'matched', 'overtaken']);
  });

  it('waits while the head cannot be read, and runs nothing', async () => {
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.settle(minute);
    headIs(engine, 'd');
    engine.bitbucket.failures = [new BitbucketError('bitbucket_unavailable', '503')];
    await engine.push([move('c', 'd')]);
    await engine.step();
    assert.equal(triggered(engine), 'b');
    const waiting = (await engine.deployments(targetId)).at(-1);
    assert.match(waiting?.reason ?? '', /Waits for Bitbucket/);
    await engine.settle(minute);
    assert.equal(triggered(engine), 'bd');
  });

  it('drops a late event of a branch that was deleted meanwhile', async () => {
    headIs(engine, 'b');
    await engine.push([move('a', 'b')]);
    await engine.push([change({ from: commit('b'), to: null, kind: 'delete' })]);
    headIs(engine, null);
    await engine.settle(minute);
    await engine.push([move('a', 'b')], { deliveryId: 'late' });
    await engine.settle(minute);
    assert.equal(triggered(engine), 'b');
  });
});

/**
 * A model small enough to be sure of: a branch whose head moves through a list of commits (with returns to earlier ones),
 * two sources that lose, double, delay and shuffle what they tell, and a judge that knows the order of the heads.
 */
describeOnStores('the same push, in any order, lost and repeated', (store) => {
  const script = fc.record({
    /** Where the head goes; small alphabet, so that it returns to earlier commits. */
    heads: fc.array(fc.constantFrom('b', 'c', 'd'), { minLength: 1, maxLength: 6 }),
    /** For each source and push: how many copies arrive (0 = lost), and how late (in pushes). */
    deliveries: fc.array(
      fc.array(
        fc.record({
          copies: fc.integer({ min: 0, max: 2 }),
          delay: fc.integer({ min: 0, max: 3 }),
        }),
        { minLength: 6, maxLength: 6 },
      ),
      { minLength: 2, maxLength: 2 },
    ),
    newIds: fc.boolean(),
    settleEach: fc.boolean(),
    /** Old events that come again under new delivery ids when all is over: which source, which push. */
    replays: fc.array(fc.tuple(fc.nat(1), fc.nat(5)), { maxLength: 4 }),
  });

  const none = { copies: 0, delay: 0 };
  const once = { copies: 1, delay: 0 };
  const twoMissedOneEach = {
    heads: ['b', 'd', 'c', 'b', 'c', 'b'],
    deliveries: [
      [none, none, none, none, none, once],
      [none, none, none, once, once, none],
    ],
    newIds: false,
    settleEach: true,
    replays: [],
  } satisfies { heads: ('b' | 'c' | 'd')[] } & Record<string, unknown>;

  it('converges on the head, whatever was lost, deploys nothing for a replay, and never goes back', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(script, async ({ heads, deliveries, newIds, settleEach, replays }) => {
        const engine = await store.engine();
        try {
          const target = await engine.target();
          const sources = [engine.source, await secondSource(engine)];
          const path = ['a', ...heads].filter((head, index, all) => head !== all[index - 1]);
          const queue: { at: number; tell: () => Promise<unknown> }[] = [];
          for (let push = 1; push < path.length; push += 1) {
            for (const [index, source] of sources.entries()) {
              const { copies, delay } = deliveries[index]?.[push - 1] ?? { copies: 1, delay: 0 };
              for (let copy = 0; copy < copies; copy += 1) {
                const id = `${index}-${push}${newIds ? `-${copy}` : ''}`;
                const [from = '', to = ''] = [path[push - 1], path[push]];
                queue.push({
                  at: push + delay + copy,
                  tell: () => engine.push([move(from, to)], { source, deliveryId: id }),
                });
              }
            }
          }
          /** Positions in the path at which each deploy may stand, never before the last one's. */
          let reached = 0;
          let counted = 0;
          for (let now = 1; now < path.length + 6; now += 1) {
            headIs(engine, path[Math.min(now, path.length - 1)] ?? 'a');
            for (const { at, tell } of queue) if (at === now) await tell();
            if (settleEach || now === path.length + 5) await engine.settle(minute);
            const calls = engine.backend.triggered;
            for (; counted < calls.length; counted += 1) {
              const digit = calls[counted]?.commit[0];
              const here = path.findIndex((head, index) => index >= reached && head === digit);
              assert.ok(
                here >= 0 && here <= now,
                `${digit} after position ${reached} of ${path.join('')}`,
              );
              reached = here;
            }
          }
          const liveCommit = async (): Promise<string | undefined> => {
            const stored = await engine.storage.read.targets.byId(target.id);
            const id = stored?.liveDeploymentId ?? '';
            return (await engine.storage.read.deployments.byId(id))?.commit[0];
          };
          const words = (): string => `path ${path.join('')}, deployed ${triggered(engine)}`;
          const toldOfLast = [0, 1].some(
            (index) => (deliveries[index]?.[path.length - 2]?.copies ?? 1) > 0,
          );
          if (path.length > 1 && toldOfLast) assert.equal(await liveCommit(), path.at(-1), words());
          // Two looks and the grace: what nobody told of is found.
          await engine.settle(45 * minute);
          assert.equal(await liveCommit(), path.at(-1), words());
          const calls = engine.backend.triggered.length;
          for (const [index, [which, push]] of replays.entries()) {
            const [from, to] = [path[push], path[push + 1]];
            const source = sources[which];
            if (from === undefined || to === undefined || !source) continue;
            await engine.push([move(from, to)], { source, deliveryId: `replay-${index}` });
            await engine.settle(minute);
          }
          assert.equal(engine.backend.triggered.length, calls, `a replay ran: ${words()}`);
          assert.equal(await liveCommit(), path.at(-1), words());
        } finally {
          await engine.close();
        }
      }),
      {
        // The rule is the same code; what PostgreSQL adds is shown by fewer.
        numRuns: store.kind === 'sqlite' ? 60 : 20,
        // Found once: each source misses one of two pushes that look alike.
        examples: [[twoMissedOneEach]],
      },
    );
  });
});
