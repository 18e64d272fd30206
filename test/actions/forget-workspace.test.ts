import assert from 'node:assert/strict';
import { exportWorkspace } from '../../src/actions/export-workspace.js';
import { createForgetter } from '../../src/actions/forget-workspace.js';
import type { Installation, Target } from '../../src/core/model/index.js';
import type { Storage } from '../../src/core/ports.js';
import { change, commit, workspaceUuid, type Engine } from '../support/engine.js';
import { describeOnStores } from '../support/stores.js';
import { storeHook } from '../support/hooks.js';

const dayMs = 24 * 60 * 60_000;
const tables = [
  'workspaces',
  'sources',
  'repositories',
  'targets',
  'lanes',
  'events',
  'ref_changes',
  'refs',
  'decisions',
  'deployments',
  'attempts',
  'status_reports',
  'hooks',
  'person_names',
];

describeOnStores('an uninstalled workspace', (store) => {
  let engine: Engine;
  let target: Target;
  let installation: Installation;

  beforeEach(async () => {
    engine = await store.engine();
    target = await engine.target({ settings: { folder: 'web', token: 'target-secret-1' } });
    const now = engine.clock.now();
    installation = {
      id: engine.ids.next(),
      door: 'connect',
      externalId: 'client-key',
      workspaceUuid,
      state: 'active',
      secretSealed: engine.vault.seal('connect-secret-1', 'installations:x:secret'),
      installedBy: 'Ada Example',
      createdAt: now,
      updatedAt: now,
    };
    await engine.storage.write(async (tx) => {
      await tx.installations.save(installation);
      await tx.installations.saveSource({ ...engine.source, installationId: installation.id });
      await tx.personNames.save([
        { workspaceUuid, personUuid: '{eve}', name: 'Eve', askedAt: now },
      ]);
    });
    for (const digit of ['a', 'b', 'c']) {
      engine.bitbucket.refs.set('branch:main', { hash: commit(digit), message: 'm', author: 'a' });
      await engine.push([change({ to: commit(digit) })]);
      await engine.settle(5_000);
    }
  });

  afterEach(() => engine.close());

  async function remove(): Promise<void> {
    installation = { ...installation, state: 'removed', updatedAt: engine.clock.now() };
    await engine.storage.write((tx) => tx.installations.save(installation));
  }

  function forgetter(storage: Storage = engine.storage, sliceRows = 500) {
    const { vault, clock, ids, logger } = engine;
    const pause = (): Promise<void> => Promise.resolve();
    const backend = (): typeof engine.backend => engine.backend;
    const deps = {
      storage,
      vault,
      ids,
      backend,
      clock: clock.now,
      random: () => 0.5,
      logger,
      pause,
    };
    const job = createForgetter(deps, { sliceRows });
    engine.clock.advance(Math.max(job.dueAt() - clock.now(), 0));
    return job;
  }

  async function rowsLeft(): Promise<Record<string, number>> {
    const left: Record<string, number> = {};
    for (const table of tables) {
      const [row] = await store.rows(engine, `SELECT count(*) AS n FROM ${table}`);
      if (Number(row?.['n']) > 0) left[table] = Number(row?.['n']);
    }
    return left;
  }

  it('keeps its data for thirty days', async () => {
    await remove();
    engine.clock.advance(29 * dayMs);
    const before = await rowsLeft();
    assert.equal(await forgetter().run(), 0);
    assert.deepEqual(await rowsLeft(), before);
    assert.deepEqual(engine.backend.removed, []);
  });

  it('keeps its data as long as one of its repositories has an active hook', async () => {
    const hook = await storeHook(engine, 'hook-secret');
    await remove();
    engine.clock.advance(40 * dayMs);
    await forgetter().run();
    assert.notEqual(await engine.storage.read.repositories.byId(target.repositoryId), null);
    await engine.storage.write((tx) => tx.hooks.save({ ...hook, state: 'off' }));
    await forgetter().run();
    assert.equal(await engine.storage.read.repositories.byId(target.repositoryId), null);
    assert.equal(await engine.storage.read.hooks.byId(hook.id), null);
    assert.equal(await engine.storage.read.installations.source('oauth', hook.id), null);
  });

  it('keeps its data as long as another installation is active', async () => {
    const other = { ...installation, id: engine.ids.next(), externalId: 'other-key' };
    await engine.storage.write((tx) => tx.installations.save(other));
    await remove();
    engine.clock.advance(100 * dayMs);
    assert.equal(await forgetter().run(), 0);
  });

  it('is forgotten after that, and its backends have cleaned up before', async () => {
    await remove();
    engine.clock.advance(31 * dayMs);
    assert.ok((await forgetter().run()) > 0);
    assert.deepEqual(await rowsLeft(), {});
    assert.deepEqual(engine.backend.removed, [target.id]);
  });

  it('leaves the tombstone that a signed reinstall is checked with, without anybody’s name', async () => {
    await remove();
    engine.clock.advance(31 * dayMs);
    await forgetter().run();
    const left = await engine.storage.read.installations.find('connect', 'client-key');
    assert.deepEqual(left, { ...installation, installedBy: null });
  });

  it('goes in slices, and stops when it is installed again in between', async () => {
    await remove();
    engine.clock.advance(31 * dayMs);
    const deleted: number[] = [];
    const { storage } = engine;
    const interrupted: Storage = {
      ...storage,
      write: async (work) => {
        const result = await storage.write(work);
        if (typeof result === 'number') deleted.push(result);
        if (deleted.length === 2) {
          const active = { ...installation, state: 'active' as const };
          await storage.write((tx) => tx.installations.save(active));
        }
        return result;
      },
    };
    await forgetter(interrupted, 3).run();
    assert.deepEqual(deleted, [3, 3]);
    assert.ok(await storage.read.repositories.byId(target.repositoryId));
  });

  it('waits for a running deployment to stop', async () => {
    engine.backend.onObserve = [() => ({ state: 'building' })];
    await engine.push([change({ to: commit('d') })]);
    await engine.settle();
    await remove();
    engine.clock.advance(31 * dayMs);
    await forgetter().run();
    assert.ok(await engine.storage.read.targets.byId(target.id), 'it is asked to stop first');
    engine.backend.onObserve = [() => ({ state: 'stopped' })];
    await engine.settle();
    assert.equal(engine.backend.cancelled.length, 1);
    await forgetter().run();
    assert.deepEqual(await rowsLeft(), {});
  });

  it('waits a week for a backend that cannot clean up, and no longer', async () => {
    engine.backend.remove = () => Promise.reject(new Error('away'));
    await remove();
    engine.clock.advance(31 * dayMs);
    await forgetter().run();
    assert.ok(await engine.storage.read.targets.byId(target.id));
    engine.clock.advance(7 * dayMs);
    await forgetter().run();
    assert.deepEqual(await rowsLeft(), {});
    const said = engine.logger.lines.filter(({ message }) => message === 'forget.clean_up_failed');
    assert.deepEqual(
      said.map(({ fields }) => fields['target']),
      [target.id, target.id],
    );
  });

  it('can be exported until then, whole and without secrets', async () => {
    await remove();
    const lines: string[] = [];
    for await (const line of exportWorkspace(workspaceUuid, engine.storage)) lines.push(line);
    const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const counts: Record<string, number> = {};
    for (const { type } of rows) counts[String(type)] = (counts[String(type)] ?? 0) + 1;
    const left = await rowsLeft();
    assert.deepEqual(counts, {
      workspace: 1,
      installation: 1,
      person: 1,
      repository: 1,
      target: 1,
      ref: left['refs'],
      event: left['events'],
      ref_change: left['ref_changes'],
      decision: left['decisions'],
      deployment: left['deployments'],
      attempt: left['attempts'],
      status_report: left['status_reports'],
    });
    assert.equal(counts['deployment'], 3);
    const deployments = await engine.deployments(target.id);
    const text = lines.join('\n');
    const stored = await engine.storage.read.targets.byId(target.id);
    for (const secret of [
      installation.secretSealed,
      stored?.secretsSealed,
      ...deployments.map(({ pageToken }) => pageToken),
    ]) {
      assert.ok(secret && !text.includes(secret), `${secret} is in it`);
    }
    assert.ok(!/secret-1/.test(text));
  });

  it('exports nothing of a workspace that is not known', async () => {
    for await (const line of exportWorkspace('{nobody}', engine.storage)) assert.fail(line);
  });
});
