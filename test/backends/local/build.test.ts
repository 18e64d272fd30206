import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { Fixture, noSignal, page } from './support/fixture.js';
import { isAlive } from './support/processes.js';

describe('local backend: building', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.open();
  });
  afterEach(() => fixture.close());

  it('runs the build command and serves the folder the build made', async () => {
    fixture.settings = {
      buildCommand: 'mkdir dist && printf "%s" "$GREETING $SLIPWAY_BRANCH" > dist/index.html',
      environment: '# words\nGREETING="hello you"\n',
    };
    // `public` is older than the build, so it is not what the build made.
    const end = await fixture.deployTree({ 'public/index.html': 'source', 'index.html': 'source' });
    assert.equal(await page(end.url), 'hello you main');
  });

  it('uses the build script of package.json, and npm ci when there is a lockfile', async () => {
    const name = { name: 'site', version: '1.0.0' };
    const end = await fixture.deployTree({
      'package.json': JSON.stringify({
        ...name,
        scripts: { build: 'node build.cjs', postinstall: 'node -e 0' },
      }),
      'package-lock.json': JSON.stringify({
        ...name,
        lockfileVersion: 3,
        packages: { '': { ...name, hasInstallScript: true } },
      }),
      // Without a package.json of its own above it, this file would be read as Slipway's kind of module.
      'build.cjs':
        "require('fs').mkdirSync('out'); require('fs').writeFileSync('out/index.html', 'by npm')",
    });
    assert.equal(end.reason, undefined);
    assert.equal(await page(end.url), 'by npm');
    const log = await fixture.logs(end.id);
    assert.match(log, /» Installing packages: npm ci\n/);
    assert.match(log, /» Building: npm run build\n/);
  });

  it('keeps the old page when the build breaks, and says which line broke it', async () => {
    const good = await fixture.deployTree({ 'index.html': 'good' });
    fixture.settings = {
      buildCommand: 'echo start; echo "Error: no such thing"; echo bye; exit 3',
    };
    const bad = await fixture.deployTree({ 'index.html': 'bad' });
    assert.equal(bad.state, 'failed');
    assert.match(bad.reason ?? '', /exited with code 3: Error: no such thing$/);
    assert.equal(bad.url, undefined);
    assert.deepEqual(bad.logTail?.slice(-4, -1), ['start', 'Error: no such thing', 'bye']);
    assert.equal(await page(good.url), 'good');
    assert.deepEqual(readdirSync(fixture.folder('work')), []);
  });

  it('names files from the top of the repository, and never says where on this machine they lie', async () => {
    fixture.settings = { buildCommand: 'node build.mjs' };
    const end = await fixture.deployTree({ 'build.mjs': "import './not-there.mjs';" });
    assert.match(end.reason ?? '', /Cannot find module 'not-there\.mjs' imported from build\.mjs$/);
    fixture.settings = { buildCommand: 'echo "in $PWD, at file://$PWD/a.js:1, $PWD-2"; exit 1' };
    const other = await fixture.deployTree({ 'index.html': 'x' });
    assert.match(await fixture.logs(other.id), /\nin \., at a\.js:1, \/\S+-2\n/);
  });

  it('names a missing program', async () => {
    fixture.settings = { buildCommand: 'no-such-program --now' };
    const end = await fixture.deployTree({ 'index.html': 'x' });
    assert.match(end.reason ?? '', /no-such-program is not installed on this machine/);
  });

  it('builds in the root folder, and refuses folders that lead out', async () => {
    fixture.settings = { rootFolder: 'apps/web', outputFolder: 'site' };
    const tree = { 'apps/web/site/index.html': 'web', 'index.html': 'top' };
    assert.equal(await page((await fixture.deployTree(tree)).url), 'web');

    fixture.settings = { rootFolder: 'apps/web' };
    const rootOut = await fixture.deployTree({ 'apps/web': { link: '../../../..' } });
    assert.match(rootOut.reason ?? '', /root folder apps\/web leads out of the repository/);

    fixture.settings = { outputFolder: 'site' };
    const outputOut = await fixture.deployTree({ site: { link: '/etc' } });
    assert.match(outputOut.reason ?? '', /output folder site leads out of the repository/);

    fixture.settings = { rootFolder: 'nowhere' };
    const missing = await fixture.deployTree({ 'index.html': 'x' });
    assert.match(missing.reason ?? '', /root folder nowhere is not in this commit/);
  });

  it('rejects settings that cannot work, before anything runs', async () => {
    fixture.settings = { rootFolder: '../..' };
    const outcome = await fixture.trigger(fixture.request('a'.repeat(40)));
    assert.equal(outcome.kind, 'rejected');
    assert.match(JSON.stringify(outcome), /must stay inside the repository/);
  });

  it('says what it looked for when it recognises nothing', async () => {
    const end = await fixture.deployTree({ 'readme.md': 'x' });
    assert.match(end.reason ?? '', /Looked for a web line in a Procfile.*index\.html/);
  });

  it('ends a build that takes too long, with everything it started', async () => {
    fixture.backend = fixture.open({ buildTimeoutMs: 700 });
    fixture.settings = { buildCommand: "trap '' TERM; sleep 60 & echo pid=$!; wait; wait" };
    const end = await fixture.deployTree({ 'index.html': 'x' });
    assert.match(end.reason ?? '', /took longer than 700 milliseconds and was ended/);
    assert.equal(isAlive(/pid=(\d+)/.exec(await fixture.logs(end.id))?.[1]), false);
  });

  it('keeps the end of an output that is too long, and says what it left out', async () => {
    fixture.backend = fixture.open({ logBytes: 100_000 });
    fixture.settings = { buildCommand: 'yes 0123456789abcdef | head -c 2999990; echo the end' };
    const end = await fixture.deployTree({ 'index.html': 'x' });
    assert.equal(end.state, 'live');
    const log = await fixture.logs(end.id);
    assert.ok(log.length < 300_000, `${log.length}`);
    assert.match(log, /» … the log is full; \d{7} bytes are left out here …\n/);
    assert.match(log, /\nthe end\n/);
    assert.ok(end.logTail?.includes('the end'));
  });

  it('masks secrets in log, tail and reason, also in base64', async () => {
    fixture.secrets = { secretEnvironment: 'TOKEN=tok-5up3r-s3cret' };
    fixture.settings = {
      buildCommand:
        'echo "plain $TOKEN"; printf "%s" "user:$TOKEN" | base64; printf "%s" "$TOKEN" | od -An -tx1 | tr -d " \\n"; echo; echo "error: $TOKEN"; exit 1',
    };
    const end = await fixture.deployTree({ 'index.html': 'x' });
    const all = `${await fixture.logs(end.id)}${JSON.stringify(end)}${fixture.logged.join('')}`;
    assert.match(end.reason ?? '', /exited with code 1: error: ••/);
    assert.match(all, /plain ••/);
    const base64 = Buffer.from('user:tok-5up3r-s3cret').toString('base64');
    for (const secret of ['tok-5up3r', base64, base64.slice(8, 24), '746f6b2d35757033']) {
      assert.equal(all.includes(secret), false, secret);
    }
  });

  it('cancels a build and everything it started', async () => {
    const good = await fixture.deployTree({ 'index.html': 'good' });
    fixture.settings = { buildCommand: 'sleep 60 & echo pid=$!; wait' };
    const request = fixture.request(fixture.git.commit({ 'index.html': 'bad' }));
    await fixture.trigger(request);
    const seen = await fixture.until(request.deploymentId, ({ logTail }) =>
      (logTail ?? []).some((line) => line.startsWith('pid=')),
    );
    assert.equal(seen.state, 'building');
    assert.match(seen.progress?.step ?? '', /^Building: sleep/);
    assert.deepEqual([seen.progress?.done, seen.progress?.total], [1, 4]);
    const cancelled = await fixture.backend.cancel?.(fixture.of(request.deploymentId), noSignal);
    assert.deepEqual(cancelled, { kind: 'cancelled' });
    const end = await fixture.observe(request.deploymentId);
    assert.deepEqual([end.state, end.reason], ['stopped', 'It was cancelled.']);
    assert.equal(isAlive(/pid=(\d+)/.exec(await fixture.logs(request.deploymentId))?.[1]), false);
    assert.equal(await page(good.url), 'good');
    const again = await fixture.backend.cancel?.(fixture.of(good.id), noSignal);
    assert.deepEqual(again, { kind: 'too_late' });
  });

  it('cancels also while somebody takes long to issue the credential', async () => {
    const request = fixture.request(fixture.git.commit({ 'index.html': 'x' }), {
      cloneCredential: () => new Promise(() => undefined),
    });
    await fixture.trigger(request);
    await fixture.until(request.deploymentId, ({ state }) => state === 'building');
    const cancelled = await fixture.backend.cancel?.(fixture.of(request.deploymentId), noSignal);
    assert.deepEqual(cancelled, { kind: 'cancelled' });
  });

  it('tells a tag from a branch', async () => {
    fixture.settings = { buildCommand: 'echo "tag=$SLIPWAY_TAG branch=$SLIPWAY_BRANCH"' };
    const end = await fixture.deployTree(
      { 'index.html': 'x' },
      { refType: 'tag', refName: 'v1.0' },
    );
    assert.match(await fixture.logs(end.id), /\ntag=v1\.0 branch=\n/);
  });

  it('lets builds of several targets wait for each other', async () => {
    fixture.backend = fixture.open({ concurrentBuilds: 1 });
    fixture.settings = { buildCommand: 'until [ -e "$HOME/go" ]; do sleep 0.05; done' };
    const commit = fixture.git.commit({ 'index.html': 'x' });
    const first = fixture.request(commit);
    await fixture.trigger(first);
    await fixture.until(first.deploymentId, ({ progress }) => progress?.done === 1);
    fixture.settings = {};
    const second = fixture.request(commit, { target: fixture.target('other') });
    await fixture.trigger(second);
    const waiting = await fixture.backend.observe?.(
      fixture.of(second.deploymentId, 'other'),
      noSignal,
    );
    assert.equal(waiting?.state, 'queued');
    assert.equal(waiting?.progress?.step, 'Waiting for another build on this machine');
    await fixture.backend.cancel?.(fixture.of(first.deploymentId), noSignal);
    const isLive = async () =>
      (await fixture.backend.observe?.(fixture.of(second.deploymentId, 'other'), noSignal))
        ?.state === 'live';
    await fixture.untilTrue(isLive);
    assert.ok(existsSync(fixture.folder('homes', 'build')));
  });
});
