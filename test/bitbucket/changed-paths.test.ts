import assert from 'node:assert/strict';
import { createTokens } from '../../src/bitbucket/tokens.js';
import type { Repository } from '../../src/core/model/index.js';
import { BitbucketError } from '../../src/core/errors.js';
import type { Bitbucket } from '../../src/core/ports.js';
import { Bench } from '../sandbox/support.js';
import { Peer, repository, repositoryPath, type Answer } from './peer.js';

const [older, newer] = ['a'.repeat(40), 'b'.repeat(40)];

describe('changed files and heads', () => {
  describe('as it is asked', () => {
    let peer: Peer;
    let bitbucket: Bitbucket;

    beforeEach(async () => {
      peer = new Peer();
      await peer.start();
      bitbucket = peer.client().bitbucket;
    });
    afterEach(() => peer.stop());

    function apiAnswers(answer: (turn: number) => Answer): void {
      let turn = 0;
      peer.answer = (seen) => (seen.url.startsWith('/2.0/') ? answer(turn++) : null);
    }
    const changed = () => bitbucket.changedPaths(repository, older, newer);
    const file = (path: string) => ({ old: { path }, new: { path } });

    it('is one call, new commit first, between the two trees, with nothing but the paths', async () => {
      const moved = { old: { path: 'web/a' }, new: { path: 'api/a' } };
      apiAnswers(() => ({
        body: { values: [moved, { old: null, new: { path: 'added' } }, { old: { path: 'gone' } }] },
      }));
      assert.deepEqual(await changed(), ['web/a', 'api/a', 'added', 'gone']);
      const [path, query] = peer.api[0]?.url.split('?') ?? [];
      assert.equal(path, `${repositoryPath}/diffstat/${newer}..${older}`);
      assert.deepEqual(Object.fromEntries(new URLSearchParams(query)), {
        topic: 'false',
        pagelen: '500',
        fields: 'next,values.old.path,values.new.path',
      });
    });

    it('follows pages to the end', async () => {
      const next = `${peer.baseUrl}${repositoryPath}/diffstat/x?page=2`;
      apiAnswers((turn) =>
        turn < 2
          ? { body: { next, values: [file(`page-${turn}`)] } }
          : { body: { values: [file('last')] } },
      );
      assert.deepEqual(await changed(), ['page-0', 'page-1', 'last']);
    });

    it('goes on behind a page that is empty', async () => {
      const next = `${peer.baseUrl}${repositoryPath}/diffstat/x?page=2`;
      apiAnswers((turn) =>
        turn === 0 ? { body: { next, values: [] } } : { body: { values: [file('web/last')] } },
      );
      assert.deepEqual(await changed(), ['web/last']);
    });

    it('cannot be known where an entry names no file', async () => {
      apiAnswers(() => ({ body: { values: [file('docs/a'), { old: null, new: null }] } }));
      assert.equal(await changed(), null);
    });

    it('is given up for a change of more than 10,000 files: that touches everything somewhere', async () => {
      const next = `${peer.baseUrl}${repositoryPath}/diffstat/x?page=2`;
      apiAnswers((turn) => ({ body: { next, values: [file(`f${turn}`)] } }));
      assert.equal(await changed(), null);
      assert.equal(peer.api.length, 20);
    });

    for (const [what, answer] of [
      ['a commit that is gone', { status: 404, body: { error: { message: 'Commit not found' } } }],
      ['a spec that Bitbucket does not take', { status: 400, body: { error: {} } }],
      ['a difference that takes Bitbucket too long', { status: 555, body: 'timeout' }],
    ] as const) {
      it(`cannot be known for ${what}`, async () => {
        apiAnswers(() => answer);
        assert.equal(await changed(), null);
      });
    }

    it('heads are listed a hundred a call, over pages, with nothing but name and hash', async () => {
      const next = `${peer.baseUrl}${repositoryPath}/refs/branches?page=2`;
      const ref = (name: string, hash: string) => ({ name, target: { hash } });
      apiAnswers((turn) =>
        turn === 0
          ? { body: { next, values: [ref('main', newer)] } }
          : { body: { values: [ref('other', older)] } },
      );
      const heads = await bitbucket.heads(repository, 'branch');
      assert.deepEqual(
        [...heads],
        [
          ['main', newer],
          ['other', older],
        ],
      );
      const [path, query] = peer.api[0]?.url.split('?') ?? [];
      assert.equal(path, `${repositoryPath}/refs/branches`);
      assert.deepEqual(Object.fromEntries(new URLSearchParams(query)), {
        pagelen: '100',
        fields: 'next,values.name,values.target.hash',
      });
    });

    it('is waited for where Bitbucket is away: that says nothing about the files', async () => {
      apiAnswers(() => ({ status: 503, body: 'away' }));
      await assert.rejects(
        changed(),
        (error: unknown) =>
          error instanceof BitbucketError && error.code === 'bitbucket_unavailable',
      );
    });
  });

  describe('as git has it, through the sandbox', function () {
    this.timeout(30_000);
    let bench: Bench;
    let peer: Peer;
    let bitbucket: Bitbucket;
    let site: Repository;
    let first: string;

    before(async () => {
      bench = await Bench.start();
      const seed = await bench.seed();
      first = seed.first;
      const token = await bench.userToken('ada');
      peer = new Peer();
      await peer.start();
      const issued = { value: token, expiresAt: Date.now() + 3_600_000 };
      const source = { id: 'test', kind: 'app', name: 'a test' } as const;
      const tokens = createTokens({
        sources: [{ ...source, issue: () => Promise.resolve(issued) }],
        clock: Date.now,
      });
      const [siteUrl, apiUrl] = [bench.url, bench.url];
      bitbucket = peer.client({ siteUrl, apiUrl, tokens, clock: Date.now }).bitbucket;
      const { workspaces } = await bench.control<{ workspaces: { uuid: string }[] }>(
        'GET',
        'state',
      );
      const workspaceUuid = workspaces[0]?.uuid ?? '';
      site = { ...repository, uuid: seed.repository.uuid, workspaceUuid };
    });

    after(async () => {
      peer?.stop();
      await bench?.stop();
    });

    const changed = async (from: string, to: string) =>
      (await bitbucket.changedPaths(site, from, to))?.sort();

    it('a rename counts on both sides', async () => {
      const before = await bench.commit({
        files: { 'web/page.html': 'long enough to be known\n' },
      });
      const after = await bench.commit({
        files: { 'web/page.html': null, 'api/page.html': 'long enough to be known\n' },
      });
      assert.deepEqual(await changed(before, after), ['api/page.html', 'web/page.html']);
    });

    it('a new branch is compared with what is live, not with where it began', async () => {
      const live = await bench.commit({ files: { 'main.txt': 'main\n' } });
      const branched = await bench.commit({
        ...{ branch: 'topic', parent: first, files: { 'topic.txt': 'topic\n' } },
      });
      const paths = await changed(live, branched);
      assert.ok(paths?.includes('topic.txt') && paths.includes('main.txt'), String(paths));
    });

    it('what came in from another branch counts, whatever the push that brought it', async () => {
      const live = await bench.commit({ files: { 'one.txt': '1\n' } });
      await bench.commit({ branch: 'side', parent: live, files: { 'side/two.txt': '2\n' } });
      const side = await bench.commit({ branch: 'side', files: { 'side/three.txt': '3\n' } });
      await bench.push({ branch: 'main', at: side });
      assert.deepEqual(await changed(live, side), ['side/three.txt', 'side/two.txt']);
    });

    it('a force push back is a change like any other', async () => {
      const kept = await bench.commit({ files: { 'kept.txt': '1\n' } });
      const dropped = await bench.commit({ files: { 'dropped.txt': '1\n' } });
      await bench.push({ branch: 'main', at: kept, force: true });
      assert.deepEqual(await changed(dropped, kept), ['dropped.txt']);
    });

    it('cannot be known from a commit that Bitbucket does not have', async () => {
      assert.equal(await changed('1'.repeat(40), first), undefined);
    });

    it('heads are those of branches, or of tags, by their whole names', async () => {
      await bench.push({
        changes: [
          { branch: 'a/b', at: first },
          { tag: 'v1', at: first },
        ],
      });
      const head = await bench.commit();
      const heads = await bitbucket.heads(site, 'branch');
      assert.deepEqual([heads.get('main'), heads.get('a/b')], [head, first]);
      assert.deepEqual([...(await bitbucket.heads(site, 'tag'))], [['v1', first]]);
    });
  });
});
