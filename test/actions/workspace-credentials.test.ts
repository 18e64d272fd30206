import assert from 'node:assert/strict';
import {
  checkWorkspaceCredentials,
  saveWorkspaceCredential,
  removeWorkspaceCredential,
  type CredentialForm,
  type WorkspaceCredentialDeps,
} from '../../src/actions/workspace-credentials.js';
import type { InputError } from '../../src/core/errors.js';
import { BitbucketError } from '../../src/core/errors.js';
import { createEngine, repositoryUuid, workspaceUuid, type Engine } from '../support/engine.js';

const dayMs = 24 * 60 * 60_000;

describe("a workspace's own credential", () => {
  let engine: Engine;
  let deps: WorkspaceCredentialDeps;
  let answer: () => Promise<{ scopes: string | null }>;
  const changed: string[] = [];
  const form: CredentialForm = {
    workspaceUuid,
    kind: 'access_token',
    repositoryUuid: null,
    clientId: '',
    secret: 'ATCT-very-secret',
    endsAt: null,
    by: { name: 'Ada Example' },
  };
  const refusal = (status: number) => () =>
    Promise.reject(new BitbucketError('bitbucket_refused', 'no', { status }));

  beforeEach(async () => {
    engine = await createEngine();
    answer = () => Promise.resolve({ scopes: 'repository' });
    changed.length = 0;
    deps = {
      ...{ ...engine, clock: engine.clock.now, test: () => answer() },
      waker: { wake: () => undefined },
      onChange: (uuid) => void changed.push(uuid),
    };
  });
  afterEach(() => engine.close());

  const stored = () => engine.storage.read.workspaceCredentials.ofWorkspace(workspaceUuid);
  const open = () => engine.storage.read.notices.open({ workspaceUuid });

  it('is stored sealed, once per kind and what it serves; an empty secret keeps the one there is', async () => {
    const first = await saveWorkspaceCredential(form, deps);
    await saveWorkspaceCredential({ ...form, secret: '' }, deps);
    await saveWorkspaceCredential({ ...form, repositoryUuid }, deps);
    const all = await stored();
    assert.deepEqual(
      all.map(({ serves }) => serves),
      ['workspace', repositoryUuid],
    );
    assert.equal(all[0]?.id, first.id);
    assert.doesNotMatch(JSON.stringify(all), /very-secret/);
    assert.equal(changed.length, 3);
  });

  for (const [status, words] of [
    [401, /does not accept it/],
    [403, /made in this workspace.*Repositories: Read/],
    [404, /made in this workspace/],
  ] as const) {
    it(`is refused with words for the field when Bitbucket answers ${status}, and nothing is stored`, async () => {
      answer = refusal(status);
      await assert.rejects(saveWorkspaceCredential(form, deps), (error: InputError) => {
        return error.code === 'credential_invalid' && words.test(error.fields['secret'] ?? '');
      });
      assert.deepEqual(await stored(), []);
    });
  }

  it('is refused without the permission to read, naming it', async () => {
    answer = () => Promise.resolve({ scopes: 'webhook pipeline' });
    await assert.rejects(saveWorkspaceCredential(form, deps), (error: InputError) => {
      return /Repositories: Read/.test(error.fields['secret'] ?? '');
    });
    answer = () => Promise.resolve({ scopes: 'repository:write' });
    await saveWorkspaceCredential(form, deps);
  });

  it('is not judged while Bitbucket is away', async () => {
    answer = () => Promise.reject(new BitbucketError('bitbucket_unavailable', 'down'));
    await assert.rejects(saveWorkspaceCredential(form, deps), BitbucketError);
    assert.deepEqual(await stored(), []);
  });

  it('says which field is empty, or pasted badly', async () => {
    const bad = { ...form, kind: 'consumer', secret: 'two words' } as const;
    await assert.rejects(saveWorkspaceCredential(bad, deps), (error: InputError) => {
      assert.deepEqual(Object.keys(error.fields).sort(), ['clientId', 'secret']);
      return true;
    });
  });

  it('makes lanes due that waited for one', async () => {
    const target = await engine.target();
    engine.bitbucket.failures.push(new BitbucketError('oauth_grant_refused', 'revoked'));
    await engine.push([
      {
        refType: 'branch',
        name: 'main',
        kind: 'update',
        from: null,
        to: 'a'.repeat(40),
        message: null,
        author: null,
      },
    ]);
    await engine.step();
    const waiting = (await engine.storage.read.lanes.byTarget(target.id))?.dueAt;
    assert.ok((waiting ?? 0) > engine.clock.now());
    await saveWorkspaceCredential(form, deps);
    assert.ok(
      ((await engine.storage.read.lanes.byTarget(target.id))?.dueAt ?? Infinity) <=
        engine.clock.now(),
    );
  });

  it('is tested once a day: a refusal is told once, and taken back when it works again', async () => {
    await saveWorkspaceCredential(form, deps);
    assert.equal(await checkWorkspaceCredentials(deps, 10), 0);
    answer = refusal(401);
    for (let day = 0; day < 3; day += 1) {
      engine.clock.advance(dayMs + 1);
      assert.equal(await checkWorkspaceCredentials(deps, 10), 1);
    }
    const [notice, ...more] = await open();
    assert.equal(more.length, 0);
    assert.equal(notice?.kind, 'credential_broken');
    assert.equal((await stored())[0]?.state, 'broken');
    answer = () => Promise.resolve({ scopes: 'repository' });
    engine.clock.advance(dayMs + 1);
    await checkWorkspaceCredentials(deps, 10);
    assert.deepEqual(await open(), []);
    assert.equal((await stored())[0]?.state, 'active');
  });

  it('is announced 30, 7 and 1 days before an access token expires', async () => {
    const endsAt = engine.clock.now() + 40 * dayMs;
    await saveWorkspaceCredential({ ...form, endsAt }, deps);
    const told = new Map<number, number>();
    for (let day = 40; day > 0; day -= 1) {
      await checkWorkspaceCredentials(deps, 10);
      told.set(day, (await open()).length);
      engine.clock.advance(dayMs + 1);
    }
    assert.deepEqual(
      [told.get(31), told.get(29), told.get(8), told.get(6), told.get(1)],
      [0, 1, 1, 2, 3],
    );
  });

  it('is removed only from its own workspace', async () => {
    const { id } = await saveWorkspaceCredential(form, deps);
    const by = { name: 'Grace' };
    await removeWorkspaceCredential({ workspaceUuid: '{other}', id, by }, deps);
    assert.equal((await stored()).length, 1);
    await removeWorkspaceCredential({ workspaceUuid, id, by }, deps);
    assert.equal((await stored()).length, 0);
    await removeWorkspaceCredential({ workspaceUuid, id, by }, deps);
    const entries = await engine.storage.read.audit.recent(workspaceUuid, { limit: 10 });
    assert.deepEqual(
      entries.map(({ by: who, says }) => `${who} ${says}`),
      [
        'Grace removed the access token for the workspace',
        `${form.by.name} stored the access token for the workspace`,
      ],
      'each change once, with who it was',
    );
  });
});
