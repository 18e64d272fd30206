import assert from 'node:assert/strict';
import { setAutomatic, removeTarget } from '../../src/actions/change-target.js';
import { confirmLive } from '../../src/actions/confirm-live.js';
import {
  cancelDeployment,
  deployNow,
  redeploy,
  rollBack,
} from '../../src/actions/request-deployment.js';
import { BitbucketError, InputError, StateError } from '../../src/core/errors.js';
import { change, commit, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';
import { FakeBackend } from '../support/fake-backend.js';

const by = { name: 'Ada Example' };
const minute = 60_000;

describeOnStores('a lane', (store) => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await store.engine();
  });

  afterEach(() => engine.close());

  it('takes a push live and writes INPROGRESS, then SUCCESSFUL on its commit', async () => {
    const target = await engine.target();
    engine.backend.onObserve = [
      () => ({ state: 'building', progress: { step: 'Building' } }),
      () => ({ state: 'live', url: 'http://live.example/' }),
    ];
    await engine.push([change()]);
    await engine.step();
    await engine.settle(minute);
    const [deployment] = await engine.deployments(target.id);
    assert.equal(deployment?.state, 'live');
    assert.equal(deployment?.url, 'http://live.example/');
    assert.ok(deployment?.finishedAt);
    const after = await engine.storage.read.targets.byId(target.id);
    assert.equal(after?.liveDeploymentId, deployment?.id);
    assert.deepEqual(
      engine.bitbucket.statuses.map(({ commit: hash, status }) => [hash, status.state]),
      [
        [commit('a'), 'INPROGRESS'],
        [commit('a'), 'SUCCESSFUL'],
      ],
    );
    const [first] = engine.bitbucket.statuses;
    assert.ok((first?.status.key.length ?? 99) <= 40);
    assert.equal(first?.status.url, `https://slipway.example/d/${deployment?.pageToken}`);
    assert.equal((await engine.storage.read.lanes.byTarget(target.id))?.dueAt, null);
  });

  it('hands the backend what it needs, under one key', async () => {
    const target = await engine.target({ settings: { folder: 'web', token: 'secret-token' } });
    await engine.push([change()]);
    await engine.settle(minute);
    const [request] = engine.backend.triggered;
    assert.equal(request?.idempotencyKey, request?.deploymentId);
    assert.equal(request?.commit, commit('a'));
    assert.equal(request?.fencing, 1);
    assert.deepEqual(request?.target.settings, { folder: 'web' });
    assert.deepEqual(request?.target.secrets, { token: 'secret-token' });
    assert.equal(request?.repository.cloneUrl, 'https://bitbucket.example/acme/site.git');
    assert.equal(target.secretsSealed?.includes('secret-token'), false);
  });

  it('fails with the reason of the backend and keeps the earlier one live', async () => {
    const target = await engine.target();
    await engine.push([change()]);
    await engine.settle(minute);
    engine.backend.onObserve = [() => ({ state: 'failed', reason: 'npm run build exited with 1' })];
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(minute);
    const [first, second] = await engine.deployments(target.id);
    assert.deepEqual([second?.state, second?.reason], ['failed', 'npm run build exited with 1']);
    const after = await engine.storage.read.targets.byId(target.id);
    assert.equal(after?.liveDeploymentId, first?.id);
    assert.deepEqual(
      engine.bitbucket.statuses.slice(2).map(({ status }) => [status.state, status.description]),
      [
        ['INPROGRESS', 'Deploying to Production'],
        ['FAILED', 'npm run build exited with 1'],
      ],
    );
  });

  it('tries again later when the backend asks for it, on the schedule, under the same key', async () => {
    const target = await engine.target();
    engine.backend.onTrigger = [
      () => ({ kind: 'retry', reason: 'busy' }),
      () => ({ kind: 'retry', reason: 'busy' }),
      () => ({ kind: 'accepted', backendRef: 'r1' }),
    ];
    await engine.push([change()]);
    await engine.settle();
    assert.equal(engine.backend.triggered.length, 1);
    const [waiting] = await engine.deployments(target.id);
    assert.deepEqual([waiting?.state, waiting?.reason], ['queued', 'Will be tried again: busy']);
    const lane = await engine.storage.read.lanes.byTarget(target.id);
    assert.equal((lane?.dueAt ?? 0) - engine.clock.now(), 5_000);
    await engine.settle(2 * minute);
    assert.equal(engine.backend.triggered.length, 3);
    assert.equal(new Set(engine.backend.triggered.map((r) => r.idempotencyKey)).size, 1);
    assert.deepEqual(
      (await engine.storage.read.attempts.ofDeployment(waiting?.id ?? '')).map((a) => a.outcome),
      ['retry', 'retry', 'accepted'],
    );
    assert.equal((await engine.deployments(target.id))[0]?.state, 'live');
  });

  it('gives up after a day of retries, and says so', async () => {
    const target = await engine.target();
    engine.backend.onTrigger = [() => ({ kind: 'retry', reason: 'down' })];
    await engine.push([change()]);
    await engine.settle(40 * 60 * minute);
    const [deployment] = await engine.deployments(target.id);
    assert.equal(deployment?.state, 'failed');
    assert.match(deployment?.reason ?? '', /Given up after 24 hours: down/);
  });

  it('lets a newer push replace one that waits for its next try, at once', async () => {
    const target = await engine.target();
    engine.backend.onTrigger = [
      () => ({ kind: 'retry', reason: 'down' }),
      () => ({ kind: 'accepted', backendRef: 'r' }),
    ];
    await engine.push([change()]);
    await engine.settle();
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(2_000);
    const [first, second] = await engine.deployments(target.id);
    assert.deepEqual([first?.state, first?.supersededBy], ['superseded', commit('b')]);
    assert.equal(second?.state, 'live');
  });

  describe('what goes back into the queue while a newer one of its branch waits there', () => {
    /** Of the first push, `b` being pushed meanwhile; then everything is run to its end. */
    async function endWith(before: () => Promise<void>): Promise<void> {
      const target = await engine.target({ branchPattern: 'main,other' });
      await engine.push([change()]);
      await before();
      await engine.settle(5 * minute);
      const [first, second, other] = await engine.deployments(target.id);
      assert.deepEqual(
        [first?.state, first?.supersededBy, first?.reason],
        ['superseded', commit('b'), null],
      );
      assert.deepEqual([second?.state, other?.state], ['live', 'live']);
      const sent = engine.backend.triggered.map((request) => request.commit);
      assert.deepEqual(
        sent.filter((each) => each !== commit('c')),
        [commit('a'), commit('b')],
      );
      const ofFirst = engine.bitbucket.statuses.filter((each) => each.commit === commit('a'));
      assert.deepEqual(
        ofFirst.map(({ status }) => status.state),
        ['INPROGRESS', 'STOPPED'],
      );
    }
    const pushMore = async (): Promise<void> => {
      await engine.push([change({ from: commit('a'), to: commit('b') })]);
      await engine.push([change({ name: 'other', to: commit('c') })]);
    };

    for (const [what, answer] of [
      ['the backend asks to be called later', { kind: 'retry', reason: 'busy' }],
      ['it is proven that it never arrived', { kind: 'unknown', reason: 'timeout' }],
    ] as const) {
      it(`ends for it when ${what}`, () =>
        endWith(async () => {
          engine.backend.onTrigger = [
            async () => {
              await pushMore();
              return answer;
            },
            () => ({ kind: 'accepted', backendRef: 'r' }),
          ];
          await engine.step();
        }));
    }

    it('ends for it when the backend has lost it', () =>
      endWith(async () => {
        engine.backend.onObserve = [
          () => ({ state: 'building' }),
          () => ({ state: 'queued', lost: true }),
          () => ({ state: 'live' }),
        ];
        await engine.step();
        await pushMore();
      }));

    it('stays while it is in doubt whether that one is newer', async () => {
      const target = await engine.target();
      engine.backend.onTrigger = [
        async () => {
          // Does not go on from what is known: the head has to be asked for first.
          await engine.push([change({ from: commit('8'), to: commit('9') })]);
          return { kind: 'retry', reason: 'busy' };
        },
        () => ({ kind: 'accepted', backendRef: 'r' }),
      ];
      await engine.push([change()]);
      await engine.step();
      const [first] = await engine.deployments(target.id);
      assert.equal(first?.state, 'queued');
    });
  });

  it('pauses the target with the reason when the backend refuses for good', async () => {
    const target = await engine.target();
    engine.backend.onTrigger = [() => ({ kind: 'rejected', reason: 'No such app.' })];
    await engine.push([change()]);
    await engine.settle(minute);
    const after = await engine.storage.read.targets.byId(target.id);
    assert.deepEqual([after?.hold?.by, after?.hold?.reason], ['Slipway', 'No such app.']);
    await setAutomatic({ targetId: target.id, on: true, by }, engine.laneDeps);
    assert.equal((await engine.storage.read.targets.byId(target.id))?.hold, null);
  });

  it('looks an unanswered deployment up before it sends anything again', async () => {
    const target = await engine.target();
    engine.backend.onTrigger = [
      () => Promise.reject(new Error('socket hang up')),
      () => ({ kind: 'accepted', backendRef: 'second' }),
    ];
    engine.backend.onLookup = { kind: 'found', backendRef: 'first' };
    await engine.push([change()]);
    await engine.step();
    assert.equal((await engine.deployments(target.id))[0]?.state, 'unknown');
    await engine.settle(minute);
    assert.equal(engine.backend.triggered.length, 1);
    const [deployment] = await engine.deployments(target.id);
    assert.deepEqual([deployment?.state, deployment?.backendRef], ['live', 'first']);
  });

  it('sends again when it is proven that nothing arrived', async () => {
    const target = await engine.target();
    engine.backend.onTrigger = [
      () => ({ kind: 'unknown', reason: 'timeout' }),
      () => ({ kind: 'accepted', backendRef: 'second' }),
    ];
    await engine.push([change()]);
    await engine.settle(minute);
    assert.equal(engine.backend.triggered.length, 2);
    assert.equal((await engine.deployments(target.id))[0]?.state, 'live');
  });

  describe('whose backend cannot be asked what became of a call', () => {
    let other: Engine;
    let backend: FakeBackend;
    let targetId: string;

    beforeEach(async () => {
      backend = Object.assign(new FakeBackend(), { lookup: undefined });
      backend.onTrigger = [
        () => ({ kind: 'unknown', reason: 'timeout' }),
        () => ({ kind: 'accepted', backendRef: 'r' }),
      ];
      other = await store.engine({ backend });
      targetId = (await other.target()).id;
      await pushed('a');
    });
    afterEach(() => other.close());

    const pushed = async (digit: string): Promise<void> => {
      const head = { hash: commit(digit), message: 'm', author: 'Ada' };
      other.bitbucket.refs.set('branch:main', head);
      await other.push([change({ to: commit(digit) })]);
    };

    it('waits fifteen minutes, then says where to look, and the next push goes ahead', async () => {
      await other.step();
      other.clock.advance(14 * minute);
      await other.settle();
      const state = async () => (await other.deployments(targetId))[0]?.state;
      assert.equal(await state(), 'unknown');
      await other.settle(minute);
      const [first] = await other.deployments(targetId);
      assert.deepEqual(
        [first?.state, first?.reason],
        ['stopped', 'Sent, but Fake did not answer; look there.'],
      );
      assert.equal(other.bitbucket.statuses.at(-1)?.status.state, 'STOPPED');
      assert.equal(backend.triggered.length, 1, 'it is not sent again by itself');
      await pushed('b');
      await other.settle(minute);
      assert.equal((await other.deployments(targetId)).at(-1)?.state, 'live');
    });

    it('takes a person’s word that it went live, unless something newer did', async () => {
      await other.settle(45 * minute);
      const [first] = await other.deployments(targetId);
      const confirm = () => confirmLive({ deploymentId: first?.id ?? '', by }, other.requestDeps);
      await confirm();
      await other.settle(minute);
      const [confirmed] = await other.deployments(targetId);
      assert.deepEqual(
        [confirmed?.state, confirmed?.reason],
        ['live', 'Ada Example looked there: it went live.'],
      );
      const target = await other.storage.read.targets.byId(targetId);
      assert.equal(target?.liveDeploymentId, first?.id);
      assert.equal(other.bitbucket.statuses.at(-1)?.status.state, 'SUCCESSFUL');
      await assert.rejects(confirm(), StateError);
    });

    it('does not take it for what something newer has replaced', async () => {
      await other.settle(45 * minute);
      await pushed('b');
      await other.settle(minute);
      const [first] = await other.deployments(targetId);
      const asked = confirmLive({ deploymentId: first?.id ?? '', by }, other.requestDeps);
      await assert.rejects(asked, /something newer went live since/);
    });
  });

  it('goes on after a crash between the call and its answer, without a second deploy', async () => {
    const target = await engine.target();
    await engine.push([change()]);
    let reached: () => void = () => undefined;
    const called = new Promise<void>((resolve) => (reached = resolve));
    // The process dies in this call: its promise never settles, and its lease runs out.
    engine.backend.onTrigger = [
      () => {
        reached();
        return new Promise(() => undefined);
      },
    ];
    const { steps } = await engine.begin();
    assert.ok(steps[0]);
    void engine.lanes.run(steps[0]);
    await called;
    engine.clock.advance(15_001);
    engine.backend.onLookup = { kind: 'found', backendRef: 'first' };
    await engine.settle(minute);
    assert.equal(engine.backend.triggered.length, 1);
    assert.equal((await engine.deployments(target.id))[0]?.state, 'live');
  });

  it('writes nothing with a lease that was lost', async () => {
    const target = await engine.target();
    await engine.push([change()]);
    let answer: (outcome: { kind: 'rejected'; reason: string }) => void = () => undefined;
    let reached: () => void = () => undefined;
    const called = new Promise<void>((resolve) => (reached = resolve));
    engine.backend.onTrigger = [
      () => {
        reached();
        return new Promise((resolve) => (answer = resolve));
      },
    ];
    const { steps } = await engine.begin();
    assert.ok(steps[0]);
    const paused = engine.lanes.run(steps[0]);
    await called;
    engine.clock.advance(15_001);
    engine.backend.onLookup = { kind: 'found', backendRef: 'first' };
    await engine.settle(minute);
    answer({ kind: 'rejected', reason: 'too late to matter' });
    await paused;
    const [deployment] = await engine.deployments(target.id);
    assert.equal(deployment?.state, 'live');
    assert.equal((await engine.storage.read.targets.byId(target.id))?.hold, null);
  });

  it('triggers again under the same key what the backend lost', async () => {
    await engine.target();
    engine.backend.onObserve = [
      () => ({ state: 'queued', lost: true, reason: 'Interrupted by a restart.' }),
      () => ({ state: 'live' }),
    ];
    await engine.push([change()]);
    await engine.settle(minute);
    assert.equal(engine.backend.triggered.length, 2);
    assert.equal(new Set(engine.backend.triggered.map((r) => r.idempotencyKey)).size, 1);
    const [older, newer] = engine.backend.triggered;
    assert.ok((newer?.fencing ?? 0) > (older?.fencing ?? 0), 'the fencing number grows');
  });

  it('waits when Bitbucket gives no clone credential, and calls no backend', async () => {
    const target = await engine.target();
    engine.bitbucket.failures = [new BitbucketError('bitbucket_unavailable', '503')];
    await engine.push([change()]);
    await engine.step();
    assert.equal(engine.backend.triggered.length, 0);
    assert.match((await engine.deployments(target.id))[0]?.reason ?? '', /no clone credential/);
    await engine.settle(minute);
    assert.equal((await engine.deployments(target.id))[0]?.state, 'live');
  });

  describe('whose target wants a newer push to cancel the running deployment', () => {
    const begin = async () => {
      const target = await engine.target({ branchPattern: 'main,other', newerPush: 'cancel' });
      engine.backend.onObserve = [() => ({ state: 'building' })];
      await engine.push([change()]);
      await engine.step();
      await engine.step();
      return target;
    };

    it('asks its backend once, ends it superseded, and deploys the newest', async () => {
      const target = await begin();
      await engine.push([change({ to: commit('b') })]);
      await engine.push([change({ to: commit('c') })]);
      await engine.step();
      engine.backend.onObserve = [
        ({ commit: of }) => (of === commit('a') ? { state: 'stopped' } : { state: 'live' }),
      ];
      await engine.settle(minute);
      const [a, b, c] = await engine.deployments(target.id);
      assert.equal(engine.backend.cancelled.length, 1);
      assert.deepEqual([a?.state, a?.supersededBy], ['superseded', commit('c')]);
      assert.deepEqual([b?.state, b?.supersededBy], ['superseded', commit('c')]);
      assert.deepEqual([c?.state, c?.supersededBy], ['live', null]);
      const ofA = engine.bitbucket.statuses.filter((one) => one.commit === commit('a'));
      assert.equal(ofA.at(-1)?.status.state, 'STOPPED');
      assert.match(ofA.at(-1)?.status.description ?? '', /^Superseded by c{12}$/);
    });

    it('lets it finish when the cancel comes too late', async () => {
      const target = await begin();
      engine.backend.onCancel = { kind: 'too_late' };
      await engine.push([change({ to: commit('b') })]);
      engine.backend.onObserve = [() => ({ state: 'live' })];
      await engine.settle(minute);
      const all = await engine.deployments(target.id);
      assert.deepEqual(
        all.map(({ state, supersededBy }) => [state, supersededBy]),
        [
          ['live', null],
          ['live', null],
        ],
      );
    });

    it('ends it superseded, and does not send it again, when its backend has lost it by then', async () => {
      const target = await begin();
      await engine.push([change({ to: commit('b') })]);
      engine.backend.onObserve = [
        ({ commit: of }) =>
          of === commit('a') ? { state: 'queued', lost: true } : { state: 'live' },
      ];
      await engine.settle(minute);
      const [a, b] = await engine.deployments(target.id);
      assert.deepEqual([a?.state, a?.supersededBy, a?.reason], ['superseded', commit('b'), null]);
      assert.deepEqual([b?.state, b?.supersededBy], ['live', null]);
      assert.deepEqual(
        engine.backend.triggered.map((request) => request.commit),
        [commit('a'), commit('b')],
      );
      const ofA = engine.bitbucket.statuses.filter((one) => one.commit === commit('a'));
      assert.equal(ofA.at(-1)?.status.state, 'STOPPED');
    });

    it('leaves alone what runs for another branch, and what a person asked for', async () => {
      await begin();
      await engine.push([change({ name: 'other', to: commit('b') })]);
      await engine.step();
      assert.equal(engine.backend.cancelled.length, 0);
    });

    it('cancels nothing for a push in doubt, which may be the older one', async () => {
      await begin();
      engine.bitbucket.failures = [new BitbucketError('bitbucket_unavailable', '503')];
      await engine.push([change({ from: commit('8'), to: commit('9') })]);
      await engine.step();
      await engine.step();
      assert.equal(engine.backend.cancelled.length, 0);
    });

    it('is not wanted where the backend cannot cancel', async () => {
      const cannot = Object.assign(new FakeBackend(), {
        capabilities: { ...engine.backend.capabilities, cancel: false },
      });
      const other = await store.engine({ backend: cannot });
      const target = await other.target({ newerPush: 'cancel' });
      assert.equal(target.newerPush, 'finish');
      await other.close();
    });
  });

  it('leaves no build status INPROGRESS when its target is removed between two tries', async () => {
    const target = await engine.target();
    engine.backend.onTrigger = [() => ({ kind: 'retry', reason: 'down' })];
    await engine.push([change()]);
    await engine.settle();
    assert.equal(engine.bitbucket.statuses.at(-1)?.status.state, 'INPROGRESS');
    await removeTarget({ targetId: target.id, by }, engine.laneDeps);
    await engine.settle(minute);
    const last = engine.bitbucket.statuses.at(-1);
    assert.equal(last?.commit, commit('a'));
    assert.equal(last?.status.state, 'STOPPED');
    assert.equal(last?.status.description, 'The target was removed by Ada Example.');
  });

  it('brings a build status to its end that a killed process was writing', async () => {
    await engine.target();
    await engine.push([change()]);
    await engine.settle(minute);
    // As the process leaves it: taken, hidden for its claim, and whether Bitbucket got it nobody knows.
    const { clock } = engine;
    await engine.push([change({ to: commit('b') })]);
    await engine.step();
    // The only process knows at its start that nobody writes it any more; one of several waits for the claim to run out.
    const claimMs = store.kind === 'sqlite' ? 3_600_000 : minute;
    await engine.storage.write((tx) =>
      tx.statusReports.claimDue(9, clock.now(), clock.now() + claimMs),
    );
    const { dataDir, databaseUrl } = engine;
    await engine.storage.close();
    engine = await store.engine({ dataDir, databaseUrl });
    await engine.settle(store.kind === 'sqlite' ? 10_000 : claimMs + 10_000);
    const states = engine.bitbucket.statuses.map(({ status }) => status.state);
    assert.deepEqual(states, ['INPROGRESS', 'SUCCESSFUL'], 'in order, and not an hour later');
  });

  it('never repeats a deploy because its build status could not be written', async () => {
    await engine.target();
    await engine.push([change()]);
    await engine.step();
    const trouble = (): BitbucketError => new BitbucketError('bitbucket_unavailable', '500');
    engine.bitbucket.failures = [trouble(), trouble(), trouble()];
    await engine.settle(10 * minute);
    assert.equal(engine.backend.triggered.length, 1);
    assert.equal(engine.bitbucket.statuses.at(-1)?.status.state, 'SUCCESSFUL');
  });

  it('spends no attempt on a host that answers nobody, and comes back as soon as it does', async () => {
    engine.backend.host = () => 'deploy.example';
    const targets = [];
    for (let index = 0; index < 12; index += 1) {
      targets.push(await engine.target({ name: `T${index}` }));
    }
    engine.backend.onTrigger = [() => ({ kind: 'retry', reason: 'connection refused' })];
    await engine.push([change()]);
    for (const _ of targets) await engine.step(1);
    const tried = engine.backend.triggered.length;
    assert.equal(tried, 10, 'the tenth failure opens the breaker');
    await engine.settle(25_000);
    assert.equal(engine.backend.triggered.length, tried, 'the breaker is open');
    const waiting = await engine.deployments(targets.at(-1)?.id ?? '');
    assert.match(waiting[0]?.reason ?? '', /answers nobody at the moment/);
    engine.backend.onTrigger = [];
    await engine.settle(60_000);
    assert.equal(engine.backend.triggered.length, tried + 12);
    for (const { id } of targets) assert.equal((await engine.deployments(id))[0]?.state, 'live');
  });

  it('one push during a running deploy costs exactly one more, of the newest commit', async () => {
    const target = await engine.target();
    engine.backend.onObserve = [() => ({ state: 'building' })];
    await engine.push([change()]);
    await engine.step();
    await Promise.all(
      Array.from({ length: 1000 }, (_, index) =>
        engine.push([change({ to: index.toString(16).padStart(40, '0') })]),
      ),
    );
    engine.backend.onObserve = [];
    await engine.settle(minute);
    assert.deepEqual(
      engine.backend.triggered.map((request) => request.commit),
      [commit('a'), (999).toString(16).padStart(40, '0')],
    );
    assert.equal((await engine.deployments(target.id)).at(-1)?.state, 'live');
  });
});

describeOnStores('a person', (store) => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await store.engine();
    engine.bitbucket.refs.set('branch:main', {
      hash: commit('d'),
      message: 'Head',
      author: 'Ada',
    });
  });

  afterEach(() => engine.close());

  it('deploys the head of a branch now', async () => {
    const target = await engine.target();
    await deployNow(
      { targetId: target.id, refType: 'branch', refName: 'main', by },
      engine.requestDeps,
    );
    await engine.settle(minute);
    const [deployment] = await engine.deployments(target.id);
    assert.deepEqual(
      [deployment?.commit, deployment?.cause, deployment?.causedBy, deployment?.state],
      [commit('d'), 'person', 'Ada Example', 'live'],
    );
    await assert.rejects(
      deployNow(
        { targetId: target.id, refType: 'branch', refName: 'nope', by },
        engine.requestDeps,
      ),
      (error) => error instanceof InputError && error.code === 'ref_unknown',
    );
  });

  it('rolls back to an earlier release and holds automatic deploys until somebody resumes', async () => {
    const target = await engine.target();
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(minute);
    await engine.push([change({ to: commit('b') })]);
    await engine.settle(minute);
    const [first] = await engine.deployments(target.id);
    await rollBack({ deploymentId: first?.id ?? '', by }, engine.requestDeps);
    await engine.settle(minute);
    assert.equal(engine.backend.rolledBack[0]?.toBackendRef, first?.backendRef);
    const after = await engine.storage.read.targets.byId(target.id);
    const third = (await engine.deployments(target.id)).at(-1);
    assert.deepEqual(
      [third?.cause, third?.commit, third?.state],
      ['rollback', commit('a'), 'live'],
    );
    assert.equal(after?.liveDeploymentId, third?.id);
    assert.equal(after?.hold?.by, 'Ada Example');
    await engine.push([change({ to: commit('c') })]);
    await engine.settle(minute);
    assert.equal((await engine.deployments(target.id)).length, 3, 'the push is held');
    await setAutomatic({ targetId: target.id, on: true, by }, engine.laneDeps);
    await engine.push([change({ to: commit('e') })]);
    await engine.settle(minute);
    assert.equal((await engine.deployments(target.id)).at(-1)?.state, 'live');
  });

  it('cannot roll back to what is live, nor to what never was', async () => {
    const target = await engine.target();
    await engine.push([change()]);
    await engine.settle(minute);
    const [live] = await engine.deployments(target.id);
    await assert.rejects(
      rollBack({ deploymentId: live?.id ?? '', by }, engine.requestDeps),
      (error) => error instanceof StateError && error.code === 'rollback_impossible',
    );
  });

  it('redeploys the same commit', async () => {
    const target = await engine.target();
    await engine.push([change()]);
    await engine.settle(minute);
    const [first] = await engine.deployments(target.id);
    await redeploy({ deploymentId: first?.id ?? '', by }, engine.requestDeps);
    await engine.settle(minute);
    assert.deepEqual(
      engine.backend.triggered.map((request) => request.commit),
      [commit('a'), commit('a')],
    );
  });

  it('cancels what waits at once, and what runs through the backend', async () => {
    const target = await engine.target();
    engine.backend.onObserve = [() => ({ state: 'building' })];
    await engine.push([change()]);
    await engine.step();
    await engine.push([change({ to: commit('b') })]);
    const [running, waiting] = await engine.deployments(target.id);
    await cancelDeployment({ deploymentId: waiting?.id ?? '', by }, engine.requestDeps);
    await cancelDeployment({ deploymentId: running?.id ?? '', by }, engine.requestDeps);
    engine.backend.onObserve = [() => ({ state: 'stopped', reason: 'Cancelled.' })];
    await engine.settle(minute);
    const after = await engine.deployments(target.id);
    assert.deepEqual(
      after.map(({ state }) => state),
      ['stopped', 'stopped'],
    );
    assert.equal(engine.backend.cancelled.length, 1);
    assert.match(after[1]?.reason ?? '', /Cancelled by Ada Example before it started/);
    await assert.rejects(
      cancelDeployment({ deploymentId: running?.id ?? '', by }, engine.requestDeps),
      (error) => error instanceof StateError && error.code === 'deployment_finished',
    );
  });

  describe('who cancels what runs', () => {
    beforeEach(() => {
      const pushed = { hash: commit('a'), message: 'Change something', author: 'Ada' };
      engine.bitbucket.refs.set('branch:main', pushed);
    });

    const cancel = async (targetId: string) => {
      const deploymentId = (await engine.deployments(targetId))[0]?.id ?? '';
      await cancelDeployment({ deploymentId, by }, engine.requestDeps);
    };
    const isStoppedAfter = async (targetId: string, calls: number) => {
      await engine.settle(60 * minute);
      const [deployment] = await engine.deployments(targetId);
      assert.deepEqual(
        [deployment?.state, deployment?.reason],
        ['stopped', 'Cancelled by Ada Example.'],
      );
      assert.equal(engine.backend.triggered.length, calls, 'it is not sent again');
      assert.equal(engine.bitbucket.statuses.at(-1)?.status.state, 'STOPPED');
      assert.equal((await engine.storage.read.lanes.byTarget(targetId))?.dueAt, null);
    };

    it('is obeyed when the backend has lost it by then', async () => {
      const target = await engine.target();
      engine.backend.onObserve = [() => ({ state: 'building' })];
      await engine.push([change()]);
      await engine.step();
      await cancel(target.id);
      engine.backend.onObserve = [() => ({ state: 'queued', lost: true })];
      await isStoppedAfter(target.id, 1);
    });

    it('is obeyed when it is proven that it never arrived', async () => {
      const target = await engine.target();
      engine.backend.onTrigger = [() => ({ kind: 'unknown', reason: 'timeout' })];
      await engine.push([change()]);
      await engine.step();
      await cancel(target.id);
      await isStoppedAfter(target.id, 1);
    });

    it('is obeyed when the backend asks to be called later', async () => {
      const target = await engine.target();
      engine.backend.onTrigger = [
        async () => {
          await cancel(target.id);
          return { kind: 'retry', reason: 'busy' };
        },
      ];
      await engine.push([change()]);
      await isStoppedAfter(target.id, 1);
    });

    it('lifts the hold of a rollback that did not happen, but not of one that did', async () => {
      const target = await engine.target();
      for (const to of [commit('a'), commit('b'), commit('c')]) {
        await engine.push([change({ to })]);
        await engine.settle(minute);
      }
      const [a, b] = await engine.deployments(target.id);
      const hold = async () => (await engine.storage.read.targets.byId(target.id))?.hold;
      const back = (id = '') => rollBack({ deploymentId: id, by }, engine.requestDeps);
      const first = await back(b?.id);
      assert.ok(await hold());
      await cancelDeployment({ deploymentId: first.id, by }, engine.requestDeps);
      assert.equal(await hold(), null);
      await back(b?.id);
      await engine.settle(minute);
      const third = await back(a?.id);
      await cancelDeployment({ deploymentId: third.id, by }, engine.requestDeps);
      assert.equal((await hold())?.reason, 'rolled back to bbbbbbbbbbbb');
    });
  });

  it('removes a target: what waits is stopped, the backend cleans up, pushes find it no more', async () => {
    const target = await engine.target();
    await engine.push([change()]);
    await removeTarget({ targetId: target.id, by }, engine.laneDeps);
    await engine.settle(minute);
    assert.deepEqual(engine.backend.removed, [target.id]);
    assert.equal(engine.backend.triggered.length, 0);
    assert.equal((await engine.deployments(target.id))[0]?.state, 'stopped');
    assert.equal((await engine.push([change({ to: commit('b') })])).deployments, 0);
  });
});
