import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { BitbucketError } from '../../../src/core/errors.js';
import { CredentialLog } from './support/credential-log.js';
import { Fixture, page } from './support/fixture.js';

describe('local backend: fetching the commit', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.open();
  });
  afterEach(() => fixture.close());

  it('digs through the branch when the server hands out no commit by its hash', async () => {
    fixture.git.allowsHashes = false;
    const wanted = fixture.git.commit({ 'index.html': 'wanted' });
    for (let count = 0; count < 3; count += 1)
      fixture.git.commit({ 'index.html': `later ${count}` });
    const end = await fixture.deploy(wanted);
    assert.equal(end.reason, undefined);
    assert.equal(await page(end.url), 'wanted');
  });

  it('waits for a commit that is not there yet', async () => {
    fixture.backend = fixture.open({ notFoundRetryMs: 15_000 });
    fixture.git.commit({ 'index.html': 'old' });
    const commit = fixture.git.commit({ 'index.html': 'new' }, { push: false });
    const request = fixture.request(commit);
    await fixture.trigger(request);
    await fixture.until(request.deploymentId, ({ progress }) => /yet/.test(progress?.step ?? ''));
    fixture.git.push();
    const end = await fixture.end(request.deploymentId);
    assert.equal(await page(end.url), 'new');
  });

  it('says so when the commit never comes', async () => {
    fixture.git.commit({ 'index.html': 'old' });
    const end = await fixture.deploy('d'.repeat(40));
    assert.equal(end.state, 'failed');
    assert.match(end.reason ?? '', /no longer has commit ddddddd on main/);
  });

  it('asks for a fresh credential when one is refused', async () => {
    const credentials = new CredentialLog(fixture.git, ['stale', 'stale-too']);
    const end = await fixture.deployTree({ 'index.html': 'x' }, credentials.patch());
    assert.equal(end.state, 'live');
    const refused = credentials.asked.map((options) =>
      (options?.refused ?? []).map(({ password }) => password),
    );
    assert.deepEqual(refused, [[], ['stale'], ['stale', 'stale-too']]);
  });

  it('gives up after so many refusals, in words that help', async () => {
    fixture.backend = fixture.open({ credentialTries: 3 });
    const credentials = new CredentialLog(fixture.git, ['bad', 'bad', 'bad', 'bad']);
    const end = await fixture.deployTree({ 'index.html': 'x' }, credentials.patch());
    assert.equal(end.state, 'failed');
    assert.match(end.reason ?? '', /refused to let us fetch.*Check that Slipway may still read it/);
    assert.equal(credentials.asked.length, 3);
  });

  it('gives up at once when no credential is left', async () => {
    const credentials = new CredentialLog(fixture.git, ['bad', 'bad-too']);
    const patch = credentials.patch();
    const end = await fixture.deployTree(
      { 'index.html': 'x' },
      {
        cloneCredential: async (options) => {
          if (options?.refused?.length === 2) throw new BitbucketError('bitbucket_refused', 'all');
          assert.ok(patch.cloneCredential);
          return patch.cloneCredential(options);
        },
      },
    );
    assert.equal(end.state, 'failed');
    assert.match(end.reason ?? '', /refused to let us fetch/);
    assert.equal(credentials.asked.length, 2);
  });

  for (const [what, kind, expected] of [
    ['is to be sent again when what a person allowed was all there is, and ended', 'oauth', 'lost'],
    ["fails when an app's own credential was refused before that", 'app', 'failed'],
  ] as const) {
    it(what, async () => {
      const credentials = new CredentialLog(fixture.git, ['revoked']);
      const commit = fixture.git.commit({ 'index.html': 'x' });
      const { cloneCredential } = credentials.patch();
      assert.ok(cloneCredential);
      const request = fixture.request(commit, {
        cloneCredential: async (options) => {
          if (options?.refused) throw new BitbucketError('oauth_grant_refused', 'it was revoked.');
          return { ...(await cloneCredential(options)), kind };
        },
      });
      await fixture.trigger(request);
      const seen = await fixture.until(
        request.deploymentId,
        (one) => one.lost === true || one.state === 'failed',
      );
      assert.equal(seen.lost === true ? 'lost' : seen.state, expected);
      if (expected !== 'lost') return;
      assert.match(await fixture.logs(request.deploymentId), /until they sign in again/);
      const again = fixture.request(commit, { deploymentId: request.deploymentId });
      assert.equal((await fixture.trigger(again)).kind, 'accepted');
      assert.equal((await fixture.end(request.deploymentId)).state, 'live');
    });
  }

  it('sits out a short outage', async () => {
    const commit = fixture.git.commit({ 'index.html': 'x' });
    fixture.git.outages = 3;
    const end = await fixture.deploy(commit);
    assert.equal(end.state, 'live', end.reason);
  });

  it('leaves the credential nowhere on disk and in no log', async () => {
    fixture.settings = { buildCommand: 'env; cp -r . /tmp/$$ 2>/dev/null; rm -rf /tmp/$$; ls -a' };
    fixture.git.password = 'very-secret-clone-word';
    const end = await fixture.deployTree({ 'index.html': 'x' });
    assert.equal(end.state, 'live');
    const basic = Buffer.from(`x-token-auth:${fixture.git.password}`).toString('base64');
    const log = await fixture.logs(end.id);
    assert.match(log, /SOURCE_COMMIT=/);
    for (const secret of [fixture.git.password, basic]) {
      assert.equal(grep(secret, fixture.dataDir), '');
      assert.doesNotMatch(log, new RegExp(secret));
      assert.doesNotMatch(fixture.logged.join('\n'), new RegExp(secret));
    }
    assert.doesNotMatch(log, /GIT_CONFIG_VALUE|\.git$/m);
  });

  it('fetches over https only, unless Bitbucket is on this machine', async () => {
    const commit = fixture.git.commit({ 'index.html': 'x' });
    fixture.backend = fixture.open({}, { allowPlainHttpGit: false });
    const end = await fixture.deploy(commit);
    assert.match(end.reason ?? '', /not https/);
    const file = fixture.request(commit, {
      repository: { uuid: '{r}', fullName: 'a/b', cloneUrl: 'file:///etc' },
    });
    await fixture.trigger(file);
    assert.match((await fixture.end(file.deploymentId)).reason ?? '', /not https/);
    assert.equal(fixture.git.requests, 0);
  });

  it('takes nothing but a whole hash for a commit', async () => {
    for (const commit of ['--upload-pack=x', 'abc', 'A'.repeat(40)]) {
      assert.equal((await fixture.trigger(fixture.request(commit))).kind, 'rejected');
    }
  });
});

/** Names of the files that hold a text anywhere. */
function grep(text: string, folder: string): string {
  try {
    return execFileSync('grep', ['-rlaF', text, folder], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
