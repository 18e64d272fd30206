import assert from 'node:assert/strict';
import { deployNow, redeploy } from '../../src/actions/request-deployment.js';
import { saveConnection } from '../../src/actions/save-connection.js';
import { setAutomatic } from '../../src/actions/change-target.js';
import { InputError } from '../../src/core/errors.js';
import type { Target } from '../../src/core/model/index.js';
import { AccountBackend } from '../support/account-backend.js';
import { change, commit, createEngine, workspaceUuid, type Engine } from '../support/engine.js';

const by = { name: 'Ada Example' };

describe('a backend that builds whatever its branch points at', () => {
  let backend: AccountBackend;
  let engine: Engine;
  let connectionId: string;
  const target = (): Promise<Target> => engine.target({ connectionId });
  const push = (digit: string) => engine.push([change({ to: commit(digit) })]);

  const headIs = (digit: string): void => {
    const head = { hash: commit(digit), message: 'Newest', author: 'Ada Example' };
    engine.bitbucket.refs.set('branch:main', head);
  };

  beforeEach(async () => {
    backend = new AccountBackend();
    engine = await createEngine({ backend });
    const form = {
      ...{ connectionId: null, expectedVersion: 0, workspaceUuid, backend: 'account' },
      ...{ name: 'Team', settings: { token: 'token-of-the-team' }, by },
    };
    const deps = { ...engine.requestDeps, vault: engine.vault };
    connectionId = (await saveConnection(form, deps)).id;
  });
  afterEach(() => engine.close());

  it('settles the push it built along, and does not deploy that again', async () => {
    const { id } = await target();
    backend.onObserve = [() => ({ state: 'building' })];
    await push('a');
    await engine.settle(60_000);
    await push('b');
    backend.onObserve = [() => ({ state: 'live', commit: commit('b'), url: 'https://a.example' })];
    await engine.settle(60_000);
    const [first, second] = await engine.deployments(id);
    assert.equal(first?.state, 'live');
    assert.equal(first.builtCommit, commit('b'));
    assert.match(first.reason ?? '', /Deployed as part of bbbbbbbbbbbb/);
    assert.equal(second?.state, 'live');
    assert.match(second.reason ?? '', /Deployed together with aaaaaaaaaaaa/);
    assert.equal(second.url, 'https://a.example');
    assert.equal(backend.triggered.length, 1);
    assert.equal((await engine.storage.read.targets.byId(id))?.liveDeploymentId, second.id);
    const said = engine.bitbucket.statuses.filter(({ commit: of }) => of === commit('b'));
    assert.equal(said.at(-1)?.status.state, 'SUCCESSFUL');
  });

  it('settles it also when its push is told of only afterwards; the next one is deployed', async () => {
    const { id } = await target();
    backend.onObserve = [() => ({ state: 'live', commit: commit('b') })];
    await push('a');
    await engine.settle(60_000);
    await push('b');
    await engine.settle(60_000);
    assert.equal(backend.triggered.length, 1);
    backend.onObserve = [() => ({ state: 'live', commit: commit('c') })];
    await push('c');
    await engine.settle(60_000);
    assert.equal(backend.triggered.length, 2);
    assert.equal(backend.triggered[1]?.previousCommit, commit('b'));
    const states = (await engine.deployments(id)).map(({ state }) => state);
    assert.deepEqual(states, ['live', 'live', 'live']);
  });

  it('does what a person asks for, whatever was built along', async () => {
    const { id } = await target();
    backend.onObserve = [() => ({ state: 'live', commit: commit('b') })];
    await push('a');
    await engine.settle(60_000);
    headIs('b');
    await deployNow({ targetId: id, refType: 'branch', refName: 'main', by }, engine.requestDeps);
    await engine.settle(60_000);
    assert.equal(backend.triggered.length, 2);
  });

  it('does not call it live when what was live before was built once more', async () => {
    const { id } = await target();
    backend.onObserve = [() => ({ state: 'live', commit: commit('a') })];
    await push('a');
    await engine.settle(60_000);
    await push('b');
    await engine.settle(60_000);
    const [, second] = await engine.deployments(id);
    assert.equal(second?.state, 'failed');
    assert.match(second.reason ?? '', /aaaaaaaaaaaa was built again/);
  });

  it('redeploys what its branch points at now, and no other branch', async () => {
    const { id } = await target();
    await push('a');
    await engine.settle(60_000);
    const [first] = await engine.deployments(id);
    headIs('e');
    const again = await redeploy({ deploymentId: first?.id ?? '', by }, engine.requestDeps);
    assert.equal(again.commit, commit('e'));
    const other = { targetId: id, refType: 'branch', refName: 'dev', by } as const;
    await assert.rejects(deployNow(other, engine.requestDeps), /deploys main only/);
  });

  it('takes the branch fixed there as its rule, no other, and no tags', async () => {
    backend.onCheck = { ok: true, branch: 'trunk' };
    await refused({ branchPattern: 'main' }, 'branchPattern', /builds the branch “trunk”/);
    await refused({ branchPattern: 'trunk, main' }, 'branchPattern', /enter exactly that/);
    await refused({ branchPattern: 'trunk', tagPattern: 'v*' }, 'tagPattern', /cannot deploy tags/);
    await engine.target({ connectionId, branchPattern: 'trunk' });
  });

  it('lets go of what it holds itself before automatic deploys are resumed', async () => {
    const { id } = await target();
    const hold = { since: 1, by: 'Ada Example', reason: 'rolled back' };
    await engine.storage.write((tx) => tx.targets.touch(id, { hold }));
    const resumed: string[] = [];
    backend.resume = (asked) => {
      resumed.push(asked.connection?.id ?? '');
      return Promise.resolve({ kind: 'failed', reason: 'the app is busy' });
    };
    const input = { targetId: id, on: true, by };
    await assert.rejects(setAutomatic(input, engine.laneDeps), /the app is busy/);
    assert.deepEqual((await engine.storage.read.targets.byId(id))?.hold, hold);
    backend.resume = () => Promise.resolve({ kind: 'done' });
    await setAutomatic(input, engine.laneDeps);
    assert.equal((await engine.storage.read.targets.byId(id))?.hold, null);
    assert.deepEqual(resumed, [connectionId]);
  });

  async function refused(
    form: Parameters<Engine['target']>[0],
    field: string,
    words: RegExp,
  ): Promise<void> {
    const isIt = (error: unknown) =>
      error instanceof InputError && words.test(error.fields[field] ?? '');
    await assert.rejects(engine.target({ connectionId, ...form }), isIt);
  }
});
