import assert from 'node:assert/strict';
import { AccessError, BitbucketError } from '../../src/core/errors.js';
import {
  createAppTokens,
  type AppToken,
  type AppTokenSource,
} from '../../src/bitbucket/app-tokens.js';

const minute = 60_000;
const workspace = { workspaceUuid: '{w}', repositoryUuid: null };

function source(lifetimeMs = 60 * minute) {
  const state = { now: 0, issued: 0, gate: Promise.resolve() };
  const made: AppTokenSource = {
    name: 'test',
    issue: async ({ workspaceUuid }): Promise<AppToken | null> => {
      state.issued += 1;
      const value = `token-${state.issued}`;
      await state.gate;
      return workspaceUuid === '{w}' ? { value, expiresAt: state.now + lifetimeMs } : null;
    },
  };
  return { state, tokens: createAppTokens({ sources: [made], clock: () => state.now }), made };
}

describe('createAppTokens', () => {
  it('keeps a token until five minutes before its end', async () => {
    const { state, tokens } = source();
    assert.equal((await tokens.token(workspace)).value, 'token-1');
    state.now = 54 * minute;
    assert.equal((await tokens.token(workspace)).value, 'token-1');
    state.now = 55 * minute;
    assert.equal((await tokens.token(workspace)).value, 'token-2');
  });

  it('keeps one per repository', async () => {
    const { tokens } = source();
    await tokens.token(workspace);
    const narrowed = await tokens.token({ ...workspace, repositoryUuid: '{r}' });
    assert.equal(narrowed.value, 'token-2');
    assert.equal((await tokens.token(workspace)).value, 'token-1');
  });

  it('asks once when many want it at the same time', async () => {
    const { state, tokens } = source();
    let open = () => {};
    state.gate = new Promise<void>((resolve) => (open = resolve));
    const all = Promise.all([tokens.token(workspace), tokens.token(workspace, { fresh: true })]);
    open();
    assert.deepEqual(
      (await all).map((token) => token.value),
      ['token-1', 'token-1'],
    );
    assert.equal(state.issued, 1);
  });

  it('skips the cache when asked to, and for a token just refused', async () => {
    const { tokens } = source();
    await tokens.token(workspace);
    assert.equal((await tokens.token(workspace, { fresh: true })).value, 'token-2');
    assert.equal((await tokens.token(workspace, { unlike: 'token-1' })).value, 'token-2');
    assert.equal((await tokens.token(workspace, { unlike: 'token-2' })).value, 'token-3');
  });

  it('does not keep what was asked for before the installation changed', async () => {
    const { state, tokens } = source();
    let open = () => {};
    state.gate = new Promise<void>((resolve) => (open = resolve));
    const early = tokens.token(workspace);
    tokens.forget('{w}');
    open();
    await early;
    assert.equal((await tokens.token(workspace)).value, 'token-2');
    tokens.forget('{w}');
    assert.equal((await tokens.token(workspace)).value, 'token-3');
  });

  it('does not keep a failure', async () => {
    let fail = true;
    const flaky: AppTokenSource = {
      name: 'flaky',
      issue: () =>
        fail
          ? Promise.reject(new BitbucketError('bitbucket_unavailable', 'down'))
          : Promise.resolve({ value: 'good', expiresAt: 60 * minute }),
    };
    const tokens = createAppTokens({ sources: [flaky], clock: () => 0 });
    await assert.rejects(tokens.token(workspace), BitbucketError);
    fail = false;
    assert.equal((await tokens.token(workspace)).value, 'good');
  });

  it('asks the next source, and says so when none is left', async () => {
    const { made } = source();
    const nothing: AppTokenSource = { name: 'nothing', issue: () => Promise.resolve(null) };
    const tokens = createAppTokens({ sources: [nothing, made], clock: () => 0 });
    assert.equal((await tokens.token(workspace)).value, 'token-1');
    await assert.rejects(
      tokens.token({ ...workspace, workspaceUuid: '{unknown}' }),
      (error) => error instanceof AccessError && error.code === 'installation_removed',
    );
  });
});
