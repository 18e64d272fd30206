import assert from 'node:assert/strict';
import { removeConnection } from '../../src/actions/remove-connection.js';
import { saveConnection, type ConnectionForm } from '../../src/actions/save-connection.js';
import { testConnection } from '../../src/actions/test-connection.js';
import { InputError, StateError } from '../../src/core/errors.js';
import type { Connection } from '../../src/core/model/index.js';
import { AccountBackend } from '../support/account-backend.js';
import { change, commit, createEngine, workspaceUuid, type Engine } from '../support/engine.js';

const by = { name: 'Ada Example' };
const refusal = 'Skyport does not accept the token (401).';

describe('connections', () => {
  let backend: AccountBackend;
  let engine: Engine;
  const deps = () => engine.requestDeps;
  const save = (form: Partial<ConnectionForm> = {}): Promise<Connection> =>
    saveConnection(
      {
        connectionId: null,
        expectedVersion: 0,
        workspaceUuid,
        backend: 'account',
        name: 'Team account',
        settings: { token: 'token-of-the-team' },
        by,
        ...form,
      },
      { ...deps(), vault: engine.vault },
    );
  const stored = async (id: string): Promise<Connection> => {
    const found = await engine.storage.read.connections.byId(id);
    assert.ok(found);
    return found;
  };
  const refuseTest = (): void => {
    const problems = [{ field: 'token', message: refusal }];
    backend.onTest = { ok: false, refused: true, problems };
  };

  beforeEach(async () => {
    backend = new AccountBackend();
    engine = await createEngine({ backend });
  });
  afterEach(() => engine.close());

  it('keeps a tested credential sealed, with who made it and whose it is', async () => {
    const saved = await save();
    const row = await stored(saved.id);
    assert.deepEqual(row, saved);
    assert.ok(!JSON.stringify(row).includes('token-of-the-team'));
    assert.equal(row.account, 'ada@example.com');
    assert.equal(row.createdBy, 'Ada Example');
    assert.equal(row.testedAt, engine.clock.now());
    assert.deepEqual(backend.testedTokens, ['token-of-the-team']);
  });

  it('keeps nothing that the backend does not accept, and says at which field', async () => {
    refuseTest();
    const fields = await fieldsOf(save());
    assert.deepEqual(fields, { 'settings.token': refusal });
    assert.deepEqual(await engine.storage.read.connections.ofWorkspace(workspaceUuid), []);
  });

  it('wants a name of its own in the workspace', async () => {
    await save();
    assert.match((await fieldsOf(save()))['name'] ?? '', /Another connection/);
    assert.match((await fieldsOf(save({ name: ' ' })))['name'] ?? '', /Give it a name/);
    await save({ workspaceUuid: '{other}' });
  });

  it('keeps the stored secret where none is typed, and notices a second editor', async () => {
    const first = await save();
    const renamed = { connectionId: first.id, expectedVersion: 1, name: 'New name', settings: {} };
    const second = await save(renamed);
    assert.equal(second.version, 2);
    assert.equal(backend.testedTokens.at(-1), 'token-of-the-team');
    await assert.rejects(save(renamed), isError('connection_changed'));
  });

  it('belongs to its workspace: a target elsewhere cannot use it, nor can anybody there touch it', async () => {
    const foreign = await save({ workspaceUuid: '{other}' });
    const fields = await fieldsOf(engine.target({ connectionId: foreign.id }));
    assert.match(fields['connectionId'] ?? '', /connection of this workspace to Skyport/);
    const input = { connectionId: foreign.id, workspaceUuid, by };
    await assert.rejects(removeConnection(input, deps()), isError('connection_unknown'));
    await assert.rejects(
      testConnection(input, { ...deps(), vault: engine.vault }),
      isError('connection_unknown'),
    );
  });

  it('is removed only when no target uses it, and says which ones do', async () => {
    const { id } = await save();
    const target = await engine.target({ connectionId: id });
    const input = { connectionId: id, workspaceUuid, by };
    await assert.rejects(removeConnection(input, deps()), /Production of acme\/site/);
    await engine.storage.write((tx) => tx.targets.touch(target.id, { state: 'removed' }));
    await removeConnection(input, deps());
    assert.equal(await engine.storage.read.connections.byId(id), null);
  });

  it('hands its opened credential to the backend, and notes when it was used', async () => {
    const { id } = await save();
    await engine.target({ connectionId: id });
    engine.clock.advance(120_000);
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(60_000);
    const [request] = backend.triggered;
    assert.equal(request?.target.connection?.secrets['token'], 'token-of-the-team');
    const { lastUsedAt, createdAt } = await stored(id);
    assert.ok((lastUsedAt ?? 0) >= createdAt + 120_000);
  });

  it('is marked broken once; its targets say why, wait unasked, and go on when it is repaired', async () => {
    const { id } = await save();
    const one = await engine.target({ connectionId: id, name: 'One' });
    const two = await engine.target({ connectionId: id, name: 'Two' });
    backend.onTrigger = [() => ({ kind: 'rejected', reason: refusal, needsReconnect: true })];
    await engine.push([change({ to: commit('a') })]);
    await engine.step(1);
    await engine.settle(3_600_000);
    const broken = await stored(id);
    assert.equal(broken.state, 'broken');
    assert.equal(broken.brokenReason, refusal);
    assert.equal(backend.triggered.length, 1, 'one refusal says it for all');
    for (const target of [one, two]) {
      const [waiting] = await engine.deployments(target.id);
      assert.equal(waiting?.state, 'queued');
      assert.match(waiting.reason ?? '', /“Team account” is broken.*Skyport does not accept/);
      assert.equal((await engine.storage.read.targets.byId(target.id))?.hold, null);
    }
    backend.onTrigger = [];
    await save({ connectionId: id, expectedVersion: 1, settings: { token: 'a-better-token' } });
    await engine.settle(60_000);
    for (const target of [one, two]) {
      assert.equal((await engine.deployments(target.id))[0]?.state, 'live');
    }
    assert.equal((await stored(id)).state, 'ok');
    assert.equal(backend.triggered.at(-1)?.target.connection?.secrets['token'], 'a-better-token');
  });

  it('that nobody repairs for a day ends what waits for it, in words', async () => {
    const { id } = await save();
    const target = await engine.target({ connectionId: id });
    backend.onTrigger = [() => ({ kind: 'rejected', reason: refusal, needsReconnect: true })];
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(25 * 3_600_000);
    const [ended] = await engine.deployments(target.id);
    assert.equal(ended?.state, 'failed');
    assert.match(ended.reason ?? '', /Given up after 24 hours: Skyport does not accept/);
    assert.equal(engine.bitbucket.statuses.at(-1)?.status.state, 'FAILED');
  });

  it('that breaks while something runs leaves it running, and follows it again after the repair', async () => {
    const { id } = await save();
    const target = await engine.target({ connectionId: id });
    backend.onObserve = [() => ({ state: 'building', reason: refusal, needsReconnect: true })];
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(3_600_000);
    const [running] = await engine.deployments(target.id);
    assert.equal(running?.state, 'building');
    assert.match(running.reason ?? '', /is broken; it is followed again/);
    backend.onObserve = [];
    engine.clock.advance(1_000);
    const input = { connectionId: id, workspaceUuid, by };
    const tested = await testConnection(input, { ...deps(), vault: engine.vault });
    assert.match(tested.says, /Skyport accepts it. It belongs to ada@example.com/);
    await engine.settle(60_000);
    assert.equal((await engine.deployments(target.id))[0]?.state, 'live');
  });

  it('is found broken by a test on demand, but not because the backend was away', async () => {
    const { id } = await save();
    const input = { connectionId: id, workspaceUuid, by };
    backend.onTest = { ok: false, refused: false, problems: [{ field: null, message: 'Away.' }] };
    const away = await testConnection(input, { ...deps(), vault: engine.vault });
    assert.deepEqual(away, { ok: false, says: 'Away.' });
    assert.equal((await stored(id)).state, 'ok');
    refuseTest();
    await testConnection(input, { ...deps(), vault: engine.vault });
    assert.equal((await stored(id)).state, 'broken');
  });
});

async function fieldsOf(work: Promise<unknown>): Promise<Record<string, string>> {
  try {
    await work;
  } catch (error) {
    if (error instanceof InputError) return error.fields;
    throw error;
  }
  throw new Error('It was accepted');
}

function isError(code: string): (error: unknown) => boolean {
  return (error) =>
    (error instanceof InputError || error instanceof StateError) && error.code === code;
}
