import assert from 'node:assert/strict';
import { endSilentForge, silentAfterMs } from '../../src/actions/end-silent-forge.js';
import { findForgeToken, hasForge } from '../../src/actions/find-forge-token.js';
import {
  forgeTokenMarginMs,
  noteForgeCall,
  type ForgeCallFacts,
} from '../../src/actions/note-forge-call.js';
import { resolveDueNames } from '../../src/actions/resolve-names.js';
import { createForgeSource } from '../../src/bitbucket/forge-tokens.js';
import { BitbucketError } from '../../src/core/errors.js';
import { commit, createEngine, workspaceUuid, type Engine } from '../support/engine.js';

const minute = 60_000;
const hour = 60 * minute;
const first = '4e4e4e4e-0000-4000-8000-000000000001';
const second = '4e4e4e4e-0000-4000-8000-000000000002';

describe('a Forge installation', () => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await createEngine();
  });

  afterEach(() => engine.close());

  function call(kind: ForgeCallFacts['kind'], more: Partial<ForgeCallFacts> = {}) {
    const facts = {
      ...{ kind, installationId: first, workspaceUuid, environmentType: 'PRODUCTION' },
      environmentId: '66666666-0000-4000-8000-000000000000',
      systemToken: null,
      ...more,
    };
    const { clock, ...deps } = engine;
    const waker = { wake: () => undefined };
    return noteForgeCall(facts, { ...deps, clock: clock.now, waker });
  }

  const token = (value: string, hours: number) => ({
    systemToken: { value, expiresAt: engine.clock.now() + hours * hour },
  });

  const current = async () => (await findForgeToken(workspaceUuid, engine))?.value ?? null;

  it('is taken in by whatever call comes first, since the installed event may be lost', async () => {
    assert.equal((await call('event')).kind, 'active');
    assert.equal(await hasForge(workspaceUuid, engine), true);
  });

  it('keeps the newest token, also when an older one arrives after it', async () => {
    await call('schedule', token('newer', 4));
    await call('event', token('older', 3));
    assert.equal(await current(), 'newer');
    const [stored] = await engine.storage.read.forge.tokensOf(workspaceUuid);
    assert.doesNotMatch(stored?.tokenSealed ?? '', /newer/);
  });

  it('waits for the next call when its token is too old, and says so', async () => {
    const source = createForgeSource({
      find: (uuid) => findForgeToken(uuid, engine),
      isInstalled: (uuid) => hasForge(uuid, engine),
      clock: engine.clock.now,
      marginMs: forgeTokenMarginMs,
    });
    const wanted = { workspaceUuid, repositoryUuid: null };
    assert.equal(await source.issue(wanted), null, 'not installed: another credential is asked');
    await call('schedule', token('one', 4));
    assert.equal((await source.issue(wanted))?.value, 'one');
    engine.clock.advance(4 * hour);
    await assert.rejects(
      source.issue(wanted),
      (error: unknown) => error instanceof BitbucketError && error.code === 'forge_token_awaited',
    );
    await call('schedule', token('two', 4));
    assert.equal((await source.issue(wanted))?.value, 'two');
  });

  it('ends with preUninstall, and no late call brings it back', async () => {
    await call('lifecycle', token('one', 4));
    await call('pre_uninstall');
    assert.equal(await current(), null);
    for (const kind of ['event', 'lifecycle', 'schedule', 'page'] as const) {
      assert.equal((await call(kind, token('late', 8))).kind, 'removed', kind);
    }
    assert.equal(await hasForge(workspaceUuid, engine), false);
  });

  it('is replaced by a reinstall with another id; targets stay', async () => {
    const target = await engine.target();
    await call('lifecycle', token('one', 4));
    await call('lifecycle', { installationId: second, ...token('two', 4) });
    assert.equal(await current(), 'two');
    assert.equal((await call('event', token('late', 8))).kind, 'removed');
    assert.equal((await engine.storage.read.targets.byId(target.id))?.state, 'active');
  });

  it('may not speak for another workspace than before', async () => {
    await call('lifecycle');
    const other = '{7d3f0c52-2222-4a2b-9c3d-0123456789ab}';
    assert.equal((await call('event', { workspaceUuid: other })).kind, 'contradiction');
  });

  it('counts as uninstalled when it is silent and its token is refused, until its hourly call', async () => {
    const lookAround = (isTaken: boolean) =>
      endSilentForge({
        storage: engine.storage,
        tokenIsTaken: () => Promise.resolve(isTaken),
        onEnd: () => undefined,
        clock: engine.clock.now,
        logger: engine.logger,
      });
    await call('schedule', token('one', 4));
    engine.clock.advance(silentAfterMs + 1);
    assert.equal(await lookAround(true), 0, 'its token is fine');
    assert.equal(await lookAround(false), 0, 'refused once');
    engine.clock.advance(hour + 1);
    assert.equal(await lookAround(false), 1);
    assert.equal((await call('event')).kind, 'removed', 'a late event proves nothing');
    assert.equal((await call('schedule', token('two', 4))).kind, 'active');
  });

  it('has the heads of its repositories compared by its hourly call, and by no other', async () => {
    await engine.target();
    await engine.settle();
    const dueAt = async () => (await engine.repository()).reconcileDueAt ?? 0;
    const planned = await dueAt();
    assert.ok(planned > engine.clock.now());
    await call('event');
    assert.equal(await dueAt(), planned);
    await call('schedule');
    assert.equal(await dueAt(), engine.clock.now());
  });

  it('has a head that nobody told of acted on after five minutes, where only Forge reports', async () => {
    const at = (digit: string) => ({ hash: commit(digit), message: 'm', author: 'Bob' });
    engine.bitbucket.refs.set('branch:main', at('a'));
    await engine.target();
    await engine.settle();
    await call('lifecycle');
    await resolveDueNames({ ...engine, clock: engine.clock.now, random: () => 0.5 }, 10);
    engine.clock.advance(minute);
    engine.bitbucket.refs.set('branch:main', at('b'));
    await call('schedule');
    await engine.settle(4 * minute);
    assert.equal(engine.backend.triggered.length, 0, 'its event may still be on the way');
    await engine.settle(6 * minute);
    assert.deepEqual(
      engine.backend.triggered.map((one) => one.commit),
      [commit('b')],
    );
  });

  it('has its workspace and its repositories named by Bitbucket', async () => {
    engine.bitbucket.workspaceIs = { slug: 'acme', name: 'Acme' };
    await call('lifecycle');
    const deps = { ...engine, clock: engine.clock.now, random: () => 0.5 };
    engine.bitbucket.failures.push(new BitbucketError('bitbucket_refused', 'not yet'));
    assert.equal(await resolveDueNames(deps, 10), 1);
    assert.equal(await engine.storage.read.repositories.workspace(workspaceUuid), null);
    engine.clock.advance(hour);
    await resolveDueNames(deps, 10);
    const named = await engine.storage.read.repositories.workspace(workspaceUuid);
    assert.equal(named?.slug, 'acme');
    assert.equal(await resolveDueNames(deps, 10), 0, 'asked for once');
  });
});
