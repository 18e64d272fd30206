import assert from 'node:assert/strict';
import { AccessError, BitbucketError } from '../../src/core/errors.js';
import {
  createTokens,
  type HeldToken,
  type IssuedToken,
  type TokenSource,
} from '../../src/bitbucket/tokens.js';

const minute = 60_000;
const workspace = { workspaceUuid: '{w}', repositoryUuid: null };

function source(lifetimeMs = 60 * minute, id = 'test') {
  const state = { now: 0, issued: 0, gate: Promise.resolve(), refused: 0 };
  const made: TokenSource = {
    id,
    kind: 'app',
    name: 'a test',
    issue: async ({ workspaceUuid }): Promise<IssuedToken | null> => {
      if (workspaceUuid !== '{w}') return null;
      state.issued += 1;
      const value = `${id === 'test' ? 'token' : id}-${state.issued}`;
      await state.gate;
      return { value, expiresAt: state.now + lifetimeMs };
    },
    refused: () => {
      state.refused += 1;
      return Promise.resolve();
    },
  };
  return { state, tokens: createTokens({ sources: [made], clock: () => state.now }), made };
}

function refusal(status: number): BitbucketError {
  const code = status === 404 ? 'repository_gone' : 'bitbucket_refused';
  return new BitbucketError(code, `answered ${status}`, { status });
}

describe('createTokens', () => {
  it('keeps a token until five minutes before its end, or a fifth of a short life', async () => {
    const { state, tokens } = source();
    assert.equal((await tokens.token(workspace)).value, 'token-1');
    state.now = 54 * minute;
    assert.equal((await tokens.token(workspace)).value, 'token-1');
    state.now = 55 * minute;
    assert.equal((await tokens.token(workspace)).value, 'token-2');
    const short = source(5_000);
    await short.tokens.token(workspace);
    short.state.now = 3_999;
    assert.equal((await short.tokens.token(workspace)).value, 'token-1');
    short.state.now = 4_000;
    assert.equal((await short.tokens.token(workspace)).value, 'token-2');
  });

  it('keeps a narrowed one per repository, and one for all calls to the API', async () => {
    const { tokens } = source();
    await tokens.token(workspace);
    const narrowed = await tokens.token({ ...workspace, repositoryUuid: '{r}', narrow: true });
    assert.equal(narrowed.value, 'token-2');
    assert.equal((await tokens.token({ ...workspace, repositoryUuid: '{r}' })).value, 'token-1');
  });

  it('asks once when many want it at the same time', async () => {
    const { state, tokens } = source();
    let open = () => {};
    state.gate = new Promise<void>((resolve) => (open = resolve));
    const all = Promise.all(Array.from({ length: 100 }, () => tokens.token(workspace)));
    open();
    assert.equal(new Set((await all).map((token) => token.value)).size, 1);
    assert.equal(state.issued, 1);
  });

  it('gives another one for one that was just refused, and once for all who were', async () => {
    const { state, tokens } = source();
    const first = await tokens.token(workspace);
    const again = await Promise.all(
      Array.from({ length: 20 }, () => tokens.token(workspace, { refused: [first] })),
    );
    assert.deepEqual(new Set(again.map(({ value }) => value)), new Set(['token-2']));
    assert.equal((await tokens.token(workspace, { refused: [first] })).value, 'token-2');
    assert.equal(state.issued, 2);
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
    const flaky: TokenSource = {
      ...{ id: 'flaky', kind: 'app', name: 'flaky' },
      issue: () =>
        fail
          ? Promise.reject(new BitbucketError('bitbucket_unavailable', 'down'))
          : Promise.resolve({ value: 'good', expiresAt: 60 * minute }),
    };
    const tokens = createTokens({ sources: [flaky], clock: () => 0 });
    await assert.rejects(tokens.token(workspace), BitbucketError);
    fail = false;
    assert.equal((await tokens.token(workspace)).value, 'good');
  });

  it('asks the next source, and says so when none is left', async () => {
    const { made } = source();
    const nothing: TokenSource = {
      ...{ id: 'nothing', kind: 'app', name: 'nothing' },
      issue: () => Promise.resolve(null),
    };
    const tokens = createTokens({ sources: [nothing, made], clock: () => 0 });
    assert.equal((await tokens.token(workspace)).value, 'token-1');
    await assert.rejects(
      tokens.token({ ...workspace, workspaceUuid: '{unknown}' }),
      (error) => error instanceof AccessError && error.code === 'installation_removed',
    );
  });

  describe('using them', () => {
    function two() {
      const app = source(60 * minute, 'app');
      const person = source(60 * minute, 'person');
      const tokens = createTokens({ sources: [app.made, person.made], clock: () => 0 });
      const tried: string[] = [];
      const use = (answer: (token: HeldToken) => number) =>
        tokens.using(workspace, (token) => {
          tried.push(token.value);
          const status = answer(token);
          return status === 200 ? Promise.resolve(token.source) : Promise.reject(refusal(status));
        });
      return { app, person, tried, use, tokens };
    }

    it('a passing 401 costs a fresh token of the same source, not its place', async () => {
      const { use, tried, app } = two();
      assert.equal(await use(({ value }) => (value === 'app-1' ? 401 : 200)), 'app');
      assert.deepEqual(tried, ['app-1', 'app-2']);
      assert.equal(app.state.refused, 0);
    });

    it('two 401 in a row: the next source, and the first one is told', async () => {
      const { use, tried, app } = two();
      assert.equal(await use(({ source: from }) => (from === 'app' ? 401 : 200)), 'person');
      assert.deepEqual(tried, ['app-1', 'app-2', 'person-1']);
      assert.equal(app.state.refused, 1);
    });

    for (const status of [403, 404]) {
      it(`${status}: the next source at once, and its answer when that may not either`, async () => {
        const { use, tried } = two();
        assert.equal(await use(({ source: from }) => (from === 'app' ? status : 200)), 'person');
        assert.deepEqual(tried, ['app-1', 'person-1']);
        await assert.rejects(
          use(({ source: from }) => (from === 'app' ? status : 401)),
          (error: BitbucketError) => error.status === status,
        );
      });
    }

    it('leaves everything else to the caller', async () => {
      const { use, tried } = two();
      await assert.rejects(
        use(() => 503),
        BitbucketError,
      );
      assert.deepEqual(tried, ['app-1']);
    });

    it('a source that is away does not keep the next one from serving', async () => {
      const { tokens, app, person } = two();
      app.made.issue = () => Promise.reject(new BitbucketError('bitbucket_unavailable', 'down'));
      assert.equal((await tokens.token(workspace)).source, 'person');
      tokens.forget('{w}');
      person.made.issue = () => Promise.reject(new BitbucketError('oauth_grant_refused', 'gone'));
      await assert.rejects(tokens.token(workspace), (error: BitbucketError) => {
        return error.code === 'bitbucket_unavailable';
      });
    });
  });
});
