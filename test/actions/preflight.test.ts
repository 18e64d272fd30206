import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import {
  preflight,
  type PreflightOrder,
  type PreflightResult,
} from '../../src/actions/preflight.js';
import { createBitbucket } from '../../src/bitbucket/client.js';
import { createTokens, type TokenSource } from '../../src/bitbucket/tokens.js';
import { BitbucketError } from '../../src/core/errors.js';
import type { Repository } from '../../src/core/model/index.js';
import type { PreflightStep } from '../../src/core/preflight.js';
import { createGitFetch } from '../../src/lib/git-fetch.js';
import { createOutboundHttp, type OutboundHttp } from '../../src/lib/outbound-http.js';
import { matchesRefPattern } from '../../src/lib/patterns.js';
import { Bench, textAt, type Seed } from '../sandbox/support.js';
import { FakeBackend } from '../support/fake-backend.js';
import { silentLogger } from '../support/silent-logger.js';
import { tempFolder } from '../support/temp-folder.js';

class CloningBackend extends FakeBackend {
  readonly usesCloneCredential = true as const;
}

/** A credential that needs nothing but a token of the sandbox. */
function source(id: string, values: string[]): TokenSource {
  const name = `the ${id} token`;
  return {
    ...{ id, name, kind: 'app', keeps: true },
    issue: (_, { unlike } = {}) => {
      const value = values.find((one) => one !== unlike);
      return Promise.resolve(value === undefined ? null : { value, expiresAt: Infinity });
    },
  };
}

describe('what is tried before a target is saved', function () {
  this.timeout(20_000);
  let bench: Bench;
  let seed: Seed;
  let http: OutboundHttp;
  let good: string;
  let backend: CloningBackend;
  let repository: Repository;
  const folder = tempFolder('preflight');

  beforeEach(async () => {
    bench = await Bench.start();
    seed = await bench.seed();
    http = createOutboundHttp({ userAgent: 'Slipway/test', allowPlainHttpHosts: ['127.0.0.1'] });
    good = await accessToken();
    backend = new CloningBackend();
    const remote = await bitbucket([source('app', [good])]).repository(
      'acme',
      seed.repository.uuid,
    );
    assert.ok(remote);
    repository = {
      ...{ ...remote, id: 'R1', state: 'active', baselineAt: null, reconcileDueAt: null },
      ...{ createdAt: 0, updatedAt: 0 },
    };
  });
  afterEach(async () => {
    http.close();
    await bench.stop();
    assert.deepEqual(readdirSync(folder.path), [], 'nothing that was fetched is left');
  });
  after(() => folder.remove());

  async function accessToken(more: object = {}): Promise<string> {
    const body = { repository: 'acme/site', ...more };
    return textAt(await bench.control('POST', 'access-tokens', body), 'access_token');
  }

  function bitbucket(sources: TokenSource[]) {
    return createBitbucket({
      ...{ siteUrl: bench.url, apiUrl: bench.url, http, clock: Date.now },
      tokens: createTokens({ sources, clock: Date.now }),
      logger: silentLogger(),
      patienceMs: 300,
    });
  }

  function check(
    over: Partial<PreflightOrder> & { sources?: TokenSource[]; path?: string; gitMs?: number } = {},
  ): Promise<PreflightResult> {
    const { sources = [source('app', [good])], path, gitMs = 5_000, ...order } = over;
    return preflight(
      {
        ...{ repository, backend, rule: { branchPattern: 'main', tagPattern: null } },
        target: { id: 'T1', name: 'Production', settings: {}, secrets: {} },
        ...order,
      },
      {
        bitbucket: bitbucket(sources),
        matches: matchesRefPattern,
        tryFetch: createGitFetch({
          ...{ allowPlainHttp: true, timeoutMs: gitMs, temporaryFolder: folder.path },
          ...(path === undefined ? {} : { toolEnvironment: { PATH: path } }),
        }),
      },
    );
  }

  const fault = (body: object) => bench.control('POST', 'faults', body);
  async function fetches(): Promise<number> {
    const { operations } = await bench.control<{ operations: unknown[] }>('GET', 'git');
    return operations.length;
  }
  const outcomes = ({ steps }: PreflightResult) => steps.map(({ outcome }) => outcome);
  function step({ steps }: PreflightResult, id: PreflightStep['id']): PreflightStep {
    return steps.find((one) => one.id === id) ?? assert.fail(`there is no step ${id}`);
  }

  it('reads the branch, fetches its commit and asks the backend', async () => {
    const result = await check();
    assert.deepEqual(outcomes(result), ['ok', 'ok', 'ok']);
    const short = seed.first.slice(0, 7);
    assert.equal(step(result, 'ref').says, `Bitbucket shows branch main at ${short}.`);
    assert.equal(step(result, 'clone').says, `Fetched ${short} with the app token.`);
    assert.ok((await fetches()) > 0);
  });

  it('takes a branch that does not exist yet as what it is, and still tries to fetch', async () => {
    const result = await check({ rule: { branchPattern: 'next, main', tagPattern: null } });
    assert.deepEqual(outcomes(result), ['not_there_yet', 'ok', 'ok']);
    assert.match(step(result, 'ref').says, /no branch next yet; it deploys with its first push/);
    assert.match(step(result, 'clone').says, /Fetched/);
  });

  it('compares patterns with the branches and tags there are', async () => {
    const [first, release] = [seed.first, 'release/1'];
    await bench.commit({ branch: release });
    await bench.push({ tag: 'v1', at: first });
    const ofRelease = await check({ rule: { branchPattern: 'release/*', tagPattern: null } });
    assert.match(step(ofRelease, 'ref').says, /branch release\/1 at/);
    const ofTag = await check({ rule: { branchPattern: null, tagPattern: 'v*' } });
    assert.match(step(ofTag, 'ref').says, /tag v1 at/);
    assert.match(step(ofTag, 'clone').says, /Fetched/);
    const none = await check({ rule: { branchPattern: null, tagPattern: 'w*' } });
    assert.match(step(none, 'ref').says, /No tag matches w\* yet/);
    assert.deepEqual(outcomes(none), ['not_there_yet', 'ok', 'ok']);
  });

  it('asks for the branch where Bitbucket hands out no commit by its hash', async () => {
    await bench.control('POST', 'settings', { git_allow_any_sha: false });
    await bench.commit();
    const tryFetch = createGitFetch({ allowPlainHttp: true, temporaryFolder: folder.path });
    const order = {
      cloneUrl: `${bench.url}/acme/site.git`,
      commit: seed.first,
      credential: { username: 'x-token-auth', password: good },
    };
    const { signal } = new AbortController();
    assert.equal((await tryFetch({ ...order, ref: null }, signal)).kind, 'hash_refused');
    assert.equal((await tryFetch({ ...order, ref: 'refs/heads/main' }, signal)).kind, 'done');
    const gone = { ...order, commit: null, ref: 'refs/heads/gone' };
    assert.equal((await tryFetch(gone, signal)).kind, 'ref_missing');
  });

  it('goes on to the next credential when git is refused with one, as a deploy does', async () => {
    await fault({ path: '\\.git/', status: 401, times: 2 });
    const sources = [source('app', [good, await accessToken()]), source('team', [good])];
    const result = await check({ sources });
    assert.deepEqual(outcomes(result), ['ok', 'ok', 'ok']);
    assert.match(step(result, 'clone').says, /with the team token/);
  });

  it('says when every credential is refused by git, and what to do', async () => {
    await fault({ path: '\\.git/', status: 403 });
    const sources = [source('app', [good]), source('team', [await accessToken()])];
    const clone = step(await check({ sources }), 'clone');
    assert.equal(clone.outcome, 'failed');
    assert.match(clone.says, /refused .* tried with the app token, then with the team token/);
    assert.match(clone.fix ?? '', /right to read repositories/);
  });

  it('names the missing permission when the branch may not be read', async () => {
    await fault({ path: '/2\\.0/repositories/.*/refs', status: 403 });
    const result = await check();
    assert.deepEqual(outcomes(result), ['failed', 'not_checked', 'ok']);
    assert.match(step(result, 'ref').says, /may not read this repository \(403\)/);
    assert.match(step(result, 'ref').fix ?? '', /Repositories: Read/);
  });

  it('says when the repository is gone', async () => {
    await bench.control('POST', 'repositories/delete', { repository: 'acme/site' });
    const ref = step(await check(), 'ref');
    assert.equal(ref.outcome, 'failed');
    assert.match(ref.says, /does not show us this repository/);
    assert.match(ref.fix ?? '', /still exists/);
  });

  it('lets trouble that passes stand in nobody’s way', async () => {
    await fault({ path: '/2\\.0/', status: 503 });
    const away = await check();
    assert.deepEqual(outcomes(away), ['not_checked', 'ok', 'ok']);
    assert.match(step(away, 'ref').says, /Could not be checked now/);
    assert.match(step(away, 'clone').says, /Git may fetch this repository/);
    await bench.control('DELETE', 'faults');
    await fault({ path: '/2\\.0/', status: 429 });
    assert.equal(step(await check(), 'ref').outcome, 'not_checked');
    await bench.control('DELETE', 'faults');
    await fault({ path: '\\.git/', status: 502 });
    assert.deepEqual(outcomes(await check()), ['ok', 'not_checked', 'ok']);
  });

  it('waits only so long for git', async () => {
    await fault({ path: '\\.git/', delay_ms: 5_000 });
    const started = Date.now();
    const result = await check({ gitMs: 500 });
    assert.ok(Date.now() - started < 3_000);
    assert.match(step(result, 'clone').says, /took too long/);
    assert.equal(step(result, 'clone').outcome, 'not_checked');
  });

  it('says when the server has no git', async () => {
    const clone = step(await check({ path: '/nonexistent' }), 'clone');
    assert.equal(clone.outcome, 'not_checked');
    assert.match(clone.says, /git is not installed/);
  });

  it('does not fail where nothing gives a credential yet', async () => {
    const result = await check({ sources: [] });
    assert.deepEqual(outcomes(result), ['not_checked', 'not_checked', 'ok']);
    assert.match(step(result, 'ref').says, /enable Slipway for it here, or install the app/);
  });

  it('fetches nothing for a backend that has access of its own', async () => {
    const result = await check({ backend: new FakeBackend() });
    assert.deepEqual(outcomes(result), ['ok', 'not_needed', 'ok']);
    assert.equal(await fetches(), 0);
  });

  it('hands the backend’s refusal on', async () => {
    backend.onCheck = { ok: false, problems: [{ field: 'folder', message: 'No such folder.' }] };
    const result = await check();
    assert.deepEqual(outcomes(result), ['ok', 'ok', 'failed']);
    assert.equal(step(result, 'backend').fix, 'No such folder.');
    assert.equal(result.check?.ok, false);
  });

  it('leaves what is no trouble of Bitbucket’s to whoever answers errors', async () => {
    const broken: TokenSource = {
      ...source('app', []),
      issue: () => Promise.reject(new TypeError('a bug')),
    };
    await assert.rejects(check({ sources: [broken] }), TypeError);
    const refused: TokenSource = {
      ...source('app', []),
      issue: () => Promise.reject(new BitbucketError('oauth_scope_missing', 'repository')),
    };
    const ref = step(await check({ sources: [refused] }), 'ref');
    assert.deepEqual([ref.outcome, /OAuth consumers/.test(ref.fix ?? '')], ['failed', true]);
  });
});
