import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GitUser } from '../../src/demo/git-user.js';
import { RawPanel } from '../support/e2e/panel.js';
import { ProcessWatch } from '../support/e2e/process-watch.js';
import { sendRaw } from '../support/e2e/raw-http.js';
import { filesIn, SecretSearch } from '../support/e2e/secret-search.js';
import { Stage } from '../support/e2e/stage.js';

/** Says its secret in every way a careless build might. */
const buildScript = `set -ex
env
echo "token is $API_TOKEN"
echo "https://host/?token=$API_TOKEN&x=1"
printf '%s' "$API_TOKEN" | base64 -w0; echo
printf 'user:%s' "$API_TOKEN" | base64 -w0; echo
printf '%s' "$API_TOKEN" | od -An -v -tx1 | tr -d ' \\n'; echo
node -e 'console.log(JSON.stringify(process.env)); console.log(encodeURIComponent(process.env.API_TOKEN))'
ls -la . .. || true; cat .git/config || true
mkdir -p dist
cp page.html dist/index.html
if grep -q BROKEN page.html; then echo "error: $API_TOKEN was refused by the server" >&2; exit 1; fi
`;

/** So does the app, for as long as it runs. */
const appScript = `import { createServer } from 'node:http';
console.log('starting with', process.env.API_TOKEN, JSON.stringify(process.env));
createServer((request, response) => {
  console.error('asked with', process.env.API_TOKEN);
  response.end('app');
}).listen(process.env.PORT, process.env.HOST);
`;

describe('secrets', function () {
  this.timeout(60_000);
  const masterKey = randomBytes(32);
  const tokenValue = `t0ken/${randomBytes(12).toString('base64')}+&"<ü>'${randomBytes(6).toString('hex')}`;
  const search = new SecretSearch();
  let stage: Stage;
  let watch: ProcessWatch;
  let panel: RawPanel;
  let panelUrl: string;
  let targetId: string;
  const commits: string[] = [];

  before(async () => {
    stage = await Stage.open({
      SLIPWAY_MASTER_KEY: masterKey.toString('base64'),
      SLIPWAY_LOG_LEVEL: 'trace',
    });
    watch = new ProcessWatch(stage.server.pid);
    const secret = { 'settings.secretEnvironment': `API_TOKEN=${tokenValue}` };
    const build = { 'settings.buildCommand': 'sh build.sh', ...secret };
    targetId = await stage.addTarget({ ...build, 'settings.outputFolder': 'dist' });
    const app = { name: 'App', branchPattern: 'app', 'settings.startCommand': 'node app.mjs' };
    await stage.addTarget({ ...secret, ...app });
    await stage.bench.control('POST', 'apps/reinstall', { workspace: 'acme' });

    const { ada } = stage.seed;
    const clone = await GitUser.clone(
      stage.bench.cloneUrl('ada', ada.git_password),
      join(stage.folder, 'clone'),
      { name: 'Ada Example', email: 'ada@example.com' },
    );
    const slow = await stage.fault({ path: '/site\\.git/', delay_ms: 150 });
    for (const word of ['Good', 'BROKEN']) {
      const files = { 'build.sh': buildScript, 'app.mjs': appScript, 'page.html': word };
      const commit = await clone.push(files, `Say ${word}`);
      commits.push(commit);
      if (commits.length === 1) await stage.bench.push({ branch: 'app', at: commit });
      else await stage.outcome(commit);
    }
    await stage.faultMet(slow);
    await stage.clearFaults();
    const deployed = await stage.outcomes(commits[0] ?? '', 2);
    for (const { state, reason, url } of deployed) {
      assert.equal(state, 'live', reason ?? '');
      await fetch(url ?? '');
    }
    for (const commit of commits) await stage.finalStatuses(commit);
    panelUrl = await stage.panelUrl();
    panel = await RawPanel.open(panelUrl);
    await watch.end();

    const bitbucket = await stage.bitbucketSecrets();
    assert.equal(bitbucket.installations.length, 1);
    assert.ok(bitbucket.tokens.length >= 2, 'a clone token and one for the API');
    search.add('the master key', masterKey);
    search.add('the master key as configured', masterKey.toString('base64'));
    search.add('the shared secret', bitbucket.installations[0]?.secret ?? '');
    for (const token of bitbucket.tokens) search.add('an access token', token);
    for (const password of bitbucket.gitPasswords) search.add('a git password', password);
    search.add("the target's secret variable", tokenValue);
  });

  after(async () => {
    await watch?.end();
    await stage?.close();
  });

  function assertNone(found: string[]): void {
    assert.deepEqual([...new Set(found)], []);
  }

  it('are what the search would find', () => {
    const plain = `x${tokenValue}y`;
    for (const form of [
      plain,
      Buffer.from(plain).toString('base64'),
      Buffer.from(`user:${plain}`).toString('base64url'),
      Buffer.from(plain).toString('hex'),
      encodeURIComponent(plain),
      JSON.stringify({ plain }),
      plain.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;'),
      masterKey.toString('hex').toUpperCase(),
      Buffer.concat([Buffer.alloc(3), masterKey]),
    ]) {
      assert.notDeepEqual(search.findIn(form), [], String(form));
    }
    const planted = join(stage.dataDir, 'planted');
    writeFileSync(planted, Buffer.concat([randomBytes(5_000), masterKey, randomBytes(5_000)]));
    assert.deepEqual(search.findInFolder(stage.dataDir), [`${planted}: the master key as bytes`]);
    writeFileSync(planted, '');
  });

  it('the round took place: built, deployed, refused', async () => {
    const rows = await stage.deployments();
    const of = (commit: string | undefined) =>
      rows.filter((row) => row.commit === commit).map(({ state }) => state);
    assert.deepEqual(of(commits[0]).sort(), ['live', 'live']);
    assert.deepEqual(of(commits[1]), ['failed']);
  });

  it('are not in what the server writes to stdout and stderr', () => {
    assert.ok(stage.server.log.length > 10);
    assertNone(search.findIn(stage.server.stderr));
    assert.equal(stage.server.stdout, '');
    const jwt = new URL(panelUrl).searchParams.get('jwt') ?? '';
    assert.ok(jwt.length > 20 && panel.session.length > 20);
    for (const token of [jwt, panel.session]) assert.ok(!stage.server.stderr.includes(token));
  });

  it('are not in any file of the data folder, while it runs and after it has stopped', async () => {
    assertNone(search.findInFolder(stage.dataDir));
    const files = filesIn(stage.dataDir).map(({ path }) => path);
    for (const kind of [
      'slipway.sqlite',
      'slipway.sqlite-wal',
      '.log',
      '.app.log',
      'target.json',
    ]) {
      assert.ok(
        files.some((path) => path.endsWith(kind)),
        `no file ${kind} to look into`,
      );
    }
    assert.deepEqual(
      files.filter((path) => path.includes('/.git/') || path.endsWith('master.key')),
      [],
    );
    await stage.server.stop();
    assertNone(search.findInFolder(stage.dataDir));
    await stage.start();
  });

  it('are not in any row of the database', async () => {
    const tables = await stage.rows("SELECT name FROM sqlite_master WHERE type = 'table'");
    assert.ok(tables.length > 8);
    for (const { name } of tables) {
      const rows = await stage.rows(`SELECT * FROM "${name}"`);
      assertNone(search.findIn(JSON.stringify(rows)));
      for (const row of rows) {
        for (const value of Object.values(row)) assertNone(search.findIn(String(value)));
      }
    }
    const [target] = await stage.rows('SELECT secrets_sealed FROM targets WHERE id = ?', targetId);
    assert.ok(String(target?.['secrets_sealed']).length > 40, 'it is there, sealed');
  });

  it('are not in the command line of anything it starts', function () {
    if (process.platform !== 'linux') {
      console.warn('      skipped: command lines are read from /proc');
      this.skip();
    }
    const lines = [...watch.commandLines];
    for (const seen of [/git fetch .*\/acme\/site\.git/, /build\.sh/, /app\.mjs/]) {
      assert.ok(
        lines.some((line) => seen.test(line)),
        `${seen.source} was not seen among\n${lines.join('\n')}`,
      );
    }
    assertNone(lines.flatMap((line) => search.findIn(line)));
  });

  it('are not in the panel, its fragments, logs or forms', async () => {
    const rows = await stage.rows('SELECT id, page_token FROM deployments');
    const pages: [string, string][] = [['the page', panel.html]];
    const fragments: [string, Record<string, string>][] = [
      ['deployments', { pages: '3' }],
      ['new-target', {}],
      ['target', { targetId }],
      ['target-form', { targetId, backend: 'local' }],
      ['settings', { targetId, backend: 'local' }],
      ...rows.map(({ id }): [string, Record<string, string>] => [
        'log',
        { deploymentId: String(id) },
      ]),
    ];
    const seen = await RawPanel.open(await stage.panelUrl());
    for (const [name, query] of fragments) {
      const { status, html } = await seen.fragment(name, query);
      assert.equal(status, 200, name);
      pages.push([name, html]);
    }
    const logs = pages.filter(([name]) => name === 'log').map(([, html]) => html);
    assert.ok(
      logs.some((html) => html.includes('token is •')),
      'the log shows that something was masked',
    );
    for (const [name, html] of pages) {
      assert.deepEqual(search.findIn(html), [], name);
    }
  });

  it('are not in what a refused or repeated form answers', async () => {
    const seen = await RawPanel.open(await stage.panelUrl());
    const form = {
      ...{ targetId, expectedVersion: '1', backend: 'local', branchPattern: 'main' },
      'settings.secretEnvironment': `API_TOKEN=${tokenValue}`,
      'settings.outputFolder': 'dist',
    };
    for (const [wrong, status] of [
      [{ ...form, name: '' }, 422],
      [{ ...form, name: 'x', 'settings.environment': `API_TOKEN=${tokenValue}` }, 422],
      [{ ...form, name: 'x', 'settings.secretEnvironment': tokenValue }, 422],
      [{ ...form, name: 'x', expectedVersion: '77' }, 409],
      [{ ...form, name: 'Production' }, 200],
    ] as const) {
      const answer = await seen.act('target/save', wrong);
      assert.equal(answer.status, status, answer.html);
      // What the person has just typed into a plain field comes back to be corrected; a secret field does not.
      if (!('settings.environment' in wrong)) assertNone(search.findIn(answer.html));
    }
    assertNone(search.findIn(stage.server.stderr));
  });

  it('are not on the public pages, in build statuses or in error pages', async () => {
    const rows = await stage.rows('SELECT page_token, state, reason FROM deployments');
    const reasons = rows.map(({ reason }) => String(reason));
    assert.ok(
      reasons.some((reason) => reason.includes('was refused by the server')),
      reasons.join(),
    );
    for (const { page_token: token } of rows) {
      for (const path of [`/d/${token}`, `/d/${token}/fragment`]) {
        const { status, text } = await sendRaw(stage.server.url, path);
        assert.equal(status, 200);
        assertNone(search.findIn(text));
      }
    }
    for (const commit of commits) {
      assertNone(search.findIn(JSON.stringify(await stage.statuses(commit))));
    }
    for (const path of ['/nothing', '/d/nothing-is-here-at-all', '/panel/repository?jwt=x']) {
      assertNone(search.findIn((await sendRaw(stage.server.url, path)).text));
    }
  });

  it('the master key is nowhere but in the environment it came in', () => {
    assert.ok(!existsSync(join(stage.dataDir, 'master.key')));
  });
});
