import assert from 'node:assert/strict';
import { checkDueHooks, checkHook, type CheckHooksDeps } from '../../src/actions/check-hooks.js';
import { openHookSecrets } from '../../src/actions/hook-secrets.js';
import { ensureHook, removeHook } from '../../src/actions/manage-hook.js';
import { reconcileDue } from '../../src/actions/reconcile.js';
import { AccessError, BitbucketError, StateError } from '../../src/core/errors.js';
import { hookEvents } from '../../src/core/hooks/explain.js';
import type { Hook } from '../../src/core/model/index.js';
import { digest } from '../../src/lib/digest.js';
import {
  commit,
  createEngine,
  repositoryUuid,
  workspaceUuid,
  type Engine,
} from '../support/engine.js';

const ada = { uuid: '{ada}', name: 'Ada Example' };
const bob = { uuid: '{bob}', name: 'Bob Example' };
const scopes = (): BitbucketError =>
  new BitbucketError(
    'bitbucket_refused',
    'create webhook: 403 Your credentials lack one or more required privilege scopes.',
    { status: 403 },
  );
const notAdmin = (): BitbucketError =>
  new BitbucketError('bitbucket_refused', 'list webhooks: 403 You must be an admin', {
    status: 403,
  });
const away = (): BitbucketError => new BitbucketError('bitbucket_unavailable', 'away');

describe('repository webhooks', () => {
  let engine: Engine;
  let deps: CheckHooksDeps;
  let told: string[];

  beforeEach(async () => {
    engine = await createEngine();
    told = [];
    deps = {
      ...engine.laneDeps,
      bitbucket: engine.bitbucket,
      hookUrl: (id) => `https://slipway.example/hooks/${id}`,
      onHookChange: (id) => told.push(id),
    };
  });
  afterEach(() => engine.close());

  const stored = async (): Promise<Hook> => {
    const hook = await engine.storage.read.hooks.ofRepository((await engine.repository()).id);
    assert.ok(hook);
    return hook;
  };
  const enable = async (by = ada): Promise<Hook> =>
    ensureHook({ repository: await engine.repository(), by }, deps);
  const notices = () => engine.storage.read.notices.open({ workspaceUuid });

  it('makes one, with the events we need and a secret of its own, that anybody can see', async () => {
    const hook = await enable();
    const [remote] = engine.bitbucket.remoteHooks;
    assert.equal(engine.bitbucket.remoteHooks.length, 1);
    assert.equal(remote?.url, `https://slipway.example/hooks/${hook.id}`);
    assert.deepEqual([...(remote?.events ?? [])], [...hookEvents]);
    assert.equal(remote?.active, true);
    assert.equal(remote && 'description' in remote && remote.description, 'Slipway');
    assert.deepEqual(openHookSecrets(hook, engine.vault), [{ value: remote?.secret, until: null }]);
    assert.ok((remote?.secret?.length ?? 0) >= 32);
    assert.deepEqual(await stored(), hook);
    assert.equal(hook.enabledByUuid, ada.uuid);
    assert.equal(hook.health?.problem, null);
    assert.ok(told.includes(hook.id));
    // A copy of the database opens no door.
    assert.doesNotMatch(JSON.stringify(hook), new RegExp(remote?.secret ?? 'none'));
  });

  it('adopts what is there, mends it, and removes what would tell every push twice', async () => {
    const first = await enable();
    const url = deps.hookUrl(first.id);
    const broken = { uuid: '{x}', url, active: false, events: ['repo:push'], secretSet: false };
    const others = {
      uuid: '{o}',
      url: 'https://ci.example/',
      active: true,
      events: [],
      secretSet: false,
    };
    engine.bitbucket.remoteHooks = [others, broken, { ...broken, uuid: '{y}' }];
    const again = await enable();
    assert.equal(again.id, first.id);
    assert.equal(again.sourceId, first.sourceId);
    assert.equal(again.remoteUuid, '{x}');
    assert.deepEqual(
      engine.bitbucket.remoteHooks.map(({ uuid }) => uuid),
      ['{o}', '{x}'],
    );
    const mended = engine.bitbucket.remoteHooks[1];
    assert.equal(mended?.active, true);
    assert.deepEqual([...(mended?.events ?? [])], [...hookEvents]);
  });

  it('gives it a new secret without losing a delivery', async () => {
    const first = await enable();
    const old = openHookSecrets(first, engine.vault)[0]?.value;
    const second = await enable();
    const [current, previous] = openHookSecrets(second, engine.vault);
    assert.notEqual(current?.value, old);
    assert.equal(current?.value, engine.bitbucket.remoteHooks[0]?.secret);
    assert.deepEqual(previous, { value: old, until: engine.clock.now() + 10 * 60_000 });
  });

  it('keeps both secrets as long as nobody knows which one Bitbucket signs with', async () => {
    const first = await enable();
    const old = openHookSecrets(first, engine.vault)[0]?.value;
    const update = engine.bitbucket.updateHook.bind(engine.bitbucket);
    engine.bitbucket.updateHook = async (...args) => {
      await update(...args);
      throw away();
    };
    await assert.rejects(enable(), { code: 'bitbucket_unavailable' });
    engine.clock.advance(24 * 60 * 60_000);
    const secrets = openHookSecrets(await stored(), engine.vault);
    const good = secrets.filter(({ until }) => until === null || until > engine.clock.now());
    const signing = engine.bitbucket.remoteHooks[0]?.secret;
    assert.deepEqual(
      good.map(({ value }) => value),
      [signing, old],
    );
    assert.notEqual(signing, old);
  });

  it('leaves things as they were when Bitbucket refuses', async () => {
    const before = await enable();
    for (const name of [ada.uuid, null]) engine.bitbucket.refusals.set(name, notAdmin());
    await assert.rejects(enable(), (error) => {
      assert.ok(error instanceof StateError && error.code === 'hook_refused');
      assert.match(error.message, /only admins of the repository/);
      return true;
    });
    assert.deepEqual(await stored(), { ...before, lastDeliveryAt: null });
  });

  it('goes on in another’s name when one may not, and asks who could the next time', async () => {
    await enable(bob);
    engine.bitbucket.refusals.set(bob.uuid, new AccessError('oauth_grant_missing', 401));
    assert.equal((await enable(ada)).enabledByUuid, ada.uuid);
    engine.bitbucket.refusals.set(ada.uuid, notAdmin());
    engine.bitbucket.refusals.delete(bob.uuid);
    const now = await stored();
    await engine.storage.write((tx) => tx.hooks.save({ ...now, enabledByUuid: bob.uuid }));
    const hook = await enable(ada);
    assert.equal(hook.enabledByUuid, bob.uuid);
  });

  for (const [what, error, words] of [
    ['the scope is missing', scopes(), /lacks the permission “Webhooks/],
    ['nobody is connected', new AccessError('oauth_grant_missing', 401), /Nobody is connected/],
    [
      'the repository is not shown',
      new BitbucketError('repository_gone', 'x', { status: 404 }),
      /does not show Slipway/,
    ],
  ] as const) {
    it(`says so when ${what}, and enables nothing`, async () => {
      for (const name of [ada.uuid, null]) engine.bitbucket.refusals.set(name, error);
      await assert.rejects(enable(), words);
      assert.equal((await stored()).state, 'off');
    });
  }

  it('says so when there are fifty already', async () => {
    engine.bitbucket.remoteHooks = Array.from({ length: 50 }, (_, i) => ({
      ...{
        uuid: `{${i}}`,
        url: `https://ci.example/${i}`,
        active: true,
        events: [],
        secretSet: true,
      },
    }));
    await assert.rejects(enable(), { code: 'hook_limit_reached' });
    assert.equal((await stored()).state, 'off');
    assert.equal(engine.bitbucket.remoteHooks.length, 50);
  });

  it('takes it away again, and nothing else', async () => {
    await enable();
    engine.bitbucket.remoteHooks.push({
      uuid: '{o}',
      url: 'https://ci.example/',
      active: true,
      events: [],
      secretSet: true,
    });
    const done = await removeHook({ repository: await engine.repository(), by: ada }, deps);
    assert.deepEqual(done, { removedAtBitbucket: true, problem: null });
    assert.deepEqual(
      engine.bitbucket.remoteHooks.map(({ uuid }) => uuid),
      ['{o}'],
    );
    assert.equal((await stored()).state, 'off');
    assert.equal((await stored()).checkDueAt, null);
  });

  it('refuses its deliveries even when Bitbucket does not let us remove it, and says so', async () => {
    await enable();
    for (const name of [ada.uuid, null]) engine.bitbucket.refusals.set(name, notAdmin());
    const done = await removeHook({ repository: await engine.repository(), by: ada }, deps);
    assert.equal(done.removedAtBitbucket, false);
    assert.match(done.problem ?? '', /only admins/);
    assert.equal((await stored()).state, 'off');
  });

  it('changes nothing when Bitbucket is away', async () => {
    await enable();
    engine.bitbucket.failures.push(away());
    await assert.rejects(removeHook({ repository: await engine.repository(), by: ada }, deps), {
      code: 'bitbucket_unavailable',
    });
    assert.equal((await stored()).state, 'active');
  });

  describe('checked by itself', () => {
    const mangle = (patch: object): void => {
      engine.bitbucket.remoteHooks = engine.bitbucket.remoteHooks.map((one) => ({
        ...one,
        ...patch,
      }));
    };
    const check = async (): Promise<Hook['health']> => {
      engine.clock.advance(24 * 60 * 60_000);
      assert.equal(await checkDueHooks(deps, 10), 1);
      return (await engine.storage.read.hooks.ofWorkspace(workspaceUuid))[0]?.health ?? null;
    };
    beforeEach(async () => {
      await enable();
      engine.bitbucket.remote = {
        ...{ uuid: (await engine.repository()).uuid, workspaceUuid, fullName: 'acme/renamed' },
        ...{ name: 'renamed', mainBranch: 'main', isPrivate: true },
      };
    });

    it('is well when nothing changed, and learns of a rename on the way', async () => {
      assert.equal((await check())?.problem, null);
      assert.deepEqual(await notices(), []);
      const repository = await engine.storage.read.repositories.byUuid(repositoryUuid);
      assert.equal(repository?.fullName, 'acme/renamed');
      assert.equal(await checkDueHooks(deps, 10), 0);
    });

    for (const [problem, patch] of [
      ['inactive', { active: false }],
      ['unsigned', { secretSet: false }],
      ['events_missing', { events: ['repo:push'] }],
      ['missing', { url: 'https://elsewhere.example/' }],
    ] as const) {
      it(`notices ${problem}, tells of it once, and forgets it when it is repaired`, async () => {
        mangle(patch);
        assert.equal((await check())?.problem, problem);
        await check();
        assert.deepEqual(
          (await notices()).map(({ kind }) => kind),
          [`hook_${problem}`],
        );
        await enable();
        assert.equal((await stored()).health?.problem, null);
        assert.deepEqual(await notices(), []);
      });
    }

    it('names the events that are missing', async () => {
      mangle({ events: ['repo:push', 'repo:updated'] });
      assert.equal((await check())?.detail, 'repo:transfer, repo:deleted');
    });

    it('says nothing of the hook when Bitbucket is away, and looks again soon', async () => {
      engine.bitbucket.failures.push(away());
      assert.equal((await check())?.problem, null);
      assert.deepEqual(await notices(), []);
      const { checkDueAt } = await stored();
      assert.equal(checkDueAt, engine.clock.now() + 10 * 60_000);
    });

    it('finds it in the workspace that it was moved to, with nobody telling', async () => {
      const moved = '{7d3f0c52-2222-4a2b-9c3d-0123456789ab}';
      const gone = () => new BitbucketError('repository_gone', 'gone', { status: 404 });
      // In Ada's name, and with the workspace's own credentials.
      engine.bitbucket.failures.push(gone(), gone());
      assert.ok(engine.bitbucket.remote);
      Object.assign(engine.bitbucket.remote, { workspaceUuid: moved, fullName: 'other/renamed' });
      engine.clock.advance(24 * 60 * 60_000);
      assert.equal(await checkDueHooks(deps, 10), 1);
      const repository = await engine.storage.read.repositories.byUuid(repositoryUuid);
      assert.deepEqual([repository?.workspaceUuid, repository?.fullName], [moved, 'other/renamed']);
      const [hook] = await engine.storage.read.hooks.ofWorkspace(moved);
      assert.deepEqual([hook?.state, hook?.health?.problem], ['active', null]);
      assert.deepEqual(await notices(), []);
    });

    it('says that it is gone when nobody is shown it anywhere', async () => {
      const gone = () => new BitbucketError('repository_gone', 'gone', { status: 404 });
      engine.bitbucket.failures.push(gone(), gone());
      engine.bitbucket.remote = null;
      assert.equal((await check())?.problem, 'repository_gone');
    });

    it('says who lost the right when it cannot look any more', async () => {
      for (const name of [ada.uuid, null]) engine.bitbucket.refusals.set(name, notAdmin());
      const health = await checkHook(await stored(), await engine.repository(), deps);
      assert.deepEqual([health.problem, health.detail], ['not_admin', 'Ada Example']);
      assert.match((await notices())[0]?.says ?? '', /Ada Example is none/);
    });
  });

  it('raises an alarm when a push comes to light without it, until a delivery comes', async () => {
    const target = await engine.target();
    const hook = await enable();
    const reconcile = {
      ...engine.laneDeps,
      ...engine.laneDeps.routing,
      bitbucket: engine.bitbucket,
      digest,
      waker: { wake: () => undefined },
    };
    engine.bitbucket.refs.set('branch:main', { hash: commit('0'), message: 'm', author: 'a' });
    await reconcileDue(reconcile, 10);
    engine.bitbucket.refs.set('branch:main', { hash: commit('a'), message: 'm', author: 'a' });
    for (let i = 0; i < 2; i += 1) {
      engine.clock.advance(30 * 60_000);
      await reconcileDue(reconcile, 10);
    }
    assert.equal((await engine.deployments(target.id)).length, 1);
    await checkDueHooks(deps, 10);
    assert.equal((await stored()).alarm?.refName, 'main');
    assert.match((await notices())[0]?.says ?? '', /push to main came to light/);
    await engine.push([], {
      source: {
        id: hook.sourceId,
        door: 'oauth',
        key: hook.id,
        installationId: null,
        createdAt: 0,
      },
    });
    assert.equal((await stored()).alarm, null);
    engine.clock.advance(24 * 60 * 60_000);
    await checkDueHooks(deps, 10);
    assert.deepEqual(await notices(), []);
  });
});
