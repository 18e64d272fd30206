import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { resolve } from 'node:path';

import { seedSample, startSandbox } from '../../src/sandbox/index.js';
import { at, Bench, call, FakeApp, git, installIn, listAt, textAt, withFolder } from './support.js';

describe('sandbox: control API and life cycle', () => {
  let bench: Bench;

  beforeEach(async () => {
    bench = await Bench.start();
  });

  afterEach(async () => {
    await bench.stop();
  });

  it('explains mistakes', async () => {
    await bench.seed();
    const cases: [string, string, unknown, number, RegExp][] = [
      ['POST', 'push', { repository: 'acme/none' }, 404, /no repository "acme\/none"/],
      ['POST', 'push', { repository: 'acme/site', branch: 'a..b' }, 400, /not a valid branch/],
      ['POST', 'push', { repository: 'acme/site', files: { '../x': '' } }, 400, /not a path/],
      [
        'POST',
        'push',
        { repository: 'acme/site', files: { '.git/config': '' } },
        400,
        /not a path/,
      ],
      ['POST', 'push', { repository: 'acme/site', tag: 'x', at: 'none' }, 404, /no commit/],
      ['POST', 'push', { repository: 'acme/site', parent: null }, 409, /not a fast-forward/],
      ['POST', 'users', { nickname: 'ada' }, 409, /exists/],
      ['POST', 'workspaces', { slug: '2.0' }, 400, /cannot be/],
      ['POST', 'repositories', { workspace: 'acme', slug: 'site' }, 409, /exists/],
      ['POST', 'settings', { nope: 1 }, 400, /unknown setting/],
      ['POST', 'settings', { jwt_aud: 'maybe' }, 400, /one of/],
      ['POST', 'faults', { path: '(' }, 400, /regular expression/],
      ['GET', 'nothing', undefined, 404, /no \/_control\/nothing/],
      ['GET', 'push', undefined, 405, /POST/],
    ];
    for (const [method, path, body, status, text] of cases) {
      const answer = await bench.tryControl(method, path, body);
      assert.equal(answer.status, status, `${path} ${JSON.stringify(body)}: ${answer.text}`);
      assert.match(textAt(answer.json, 'error.message'), text);
    }
    // Nothing of it has moved a branch.
    const main = await bench.control('GET', 'repositories?repository=acme/site');
    assert.match(textAt(main, 'main'), /^[0-9a-f]{40}$/);
  });

  it('does not answer to other hosts’ pages', async () => {
    const evil = { Origin: 'https://evil.example' };
    assert.equal((await call(`${bench.url}/_control/state`, { headers: evil })).status, 403);
    const { port } = new URL(bench.url);
    assert.equal((await call(`http://localhost:${port}/_control/state`)).status, 200);
  });

  it('writes files as they are, also binary and deleted ones', async () => {
    const { ada } = await bench.seed();
    await bench.push({ files: { 'a b/"q".txt': 'quoted\n', bin: { base64: 'AP9/' } } });
    await bench.push({ files: { 'index.html': null } });
    await withFolder(async (folder) => {
      await git(folder, 'clone', '-q', bench.cloneUrl('ada', ada.git_password), 'site');
      const site = resolve(folder, 'site');
      assert.equal(await readFile(resolve(site, 'a b/"q".txt'), 'utf8'), 'quoted\n');
      assert.deepEqual(await readFile(resolve(site, 'bin')), Buffer.from([0, 255, 127]));
      await assert.rejects(stat(resolve(site, 'index.html')));
      assert.equal(
        (await git(site, 'log', '-1', '--format=%an <%ae>')).trim(),
        'Ada Example <ada@example.com>',
      );
    });
  });

  it('injects faults before and after the fact', async () => {
    const { first } = await bench.seed();
    const token = await bench.userToken('ada');
    const path = `repositories/acme/site/commit/${first}/statuses/build`;
    const post = () =>
      bench.rest(path, token, {
        method: 'POST',
        body: { key: 'k', state: 'FAILED', url: 'http://127.0.0.1/' },
      });
    const written = async () =>
      listAt(await bench.control('GET', 'statuses?repository=acme/site'), 'statuses').length;
    await bench.control('POST', 'faults', {
      method: 'POST',
      path: '/statuses/build$',
      status: 503,
      body: { type: 'error' },
      headers: { 'Retry-After': '7' },
      times: 1,
    });
    const refused = await post();
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('retry-after'), '7');
    assert.equal(await written(), 0);
    assert.equal((await post()).status, 201);
    await bench.control('POST', 'faults', {
      path: 'statuses',
      when: 'after',
      drop: true,
      times: 1,
    });
    await assert.rejects(post(), /fetch failed/);
    assert.equal(await written(), 2);

    const started = Date.now();
    await bench.control('POST', 'faults', { path: '^/2.0/user', delay_ms: 80, times: 1 });
    assert.equal((await bench.rest('user', token)).status, 200);
    assert.ok(Date.now() - started >= 80);

    await bench.control('POST', 'faults', { path: '^/acme/site.git', status: 500 });
    const gitAnswer = await call(`${bench.url}/acme/site.git/info/refs?service=git-upload-pack`);
    assert.equal(gitAnswer.status, 500);
    await bench.control('DELETE', 'faults');
    const calls = listAt(await bench.control('GET', 'calls'), 'calls');
    assert.equal(at(calls[0], 'status'), 503);
    assert.equal(typeof at(calls[0], 'fault'), 'number');
    assert.equal(at(calls[1], 'fault'), null);
    const lastId = Number(at(calls.at(-1), 'id'));
    assert.deepEqual(listAt(await bench.control('GET', `calls?since=${lastId}`), 'calls'), []);
  });

  it('forgets everything on reset', async () => {
    await bench.seed();
    await bench.control('POST', 'settings', { token_long: true });
    await bench.control('POST', 'reset');
    const state = await bench.control('GET', 'state');
    assert.deepEqual(at(state, 'users'), []);
    assert.deepEqual(at(state, 'repositories'), []);
    assert.equal(at(state, 'settings.token_long'), false);
    await bench.seed();
  });

  it('survives a restart with the same repositories, secrets and tokens', async () => {
    await withFolder(async (folder) => {
      const app = await FakeApp.start();
      const dataDir = resolve(folder, 'data');
      const before = await Bench.start({ dataDir });
      const { ada } = await before.seed();
      await installIn(before, app);
      const token = textAt((await app.token(before)).json, 'access_token');
      const commit = await before.commit();
      await before.rest(`repositories/acme/site/commit/${commit}/statuses/build`, token, {
        method: 'POST',
        body: { key: 'k', state: 'FAILED', url: 'http://127.0.0.1/' },
      });
      await before.stop();

      const after = await Bench.start({ dataDir, port: before.sandbox.port });
      const path = `repositories/acme/site/commit/${commit}/statuses`;
      const statuses = await after.rest(path, token);
      assert.equal(at(statuses.json, 'values.0.state'), 'FAILED');
      assert.equal((await app.token(after)).status, 200);
      await git(folder, 'clone', '-q', after.cloneUrl('ada', ada.git_password), 'site');
      const next = await after.commit();
      await after.idle();
      assert.equal(at(app.events().at(-1)?.json, 'data.push.changes.0.new.target.hash'), next);
      const mode = (await stat(resolve(dataDir, 'sandbox.json'))).mode & 0o777;
      assert.equal(mode, 0o600);
      await after.stop();
      await app.stop();
    });
  });

  it('removes its temporary folder, and stops with requests hanging', async () => {
    const own = await startSandbox();
    await seedSample(own);
    await call(`${own.url}/_control/faults`, {
      method: 'POST',
      body: { path: '^/2.0/user', delay_ms: 60_000 },
    });
    const hanging = call(`${own.url}/2.0/user`).catch(() => 'cut');
    const started = Date.now();
    await own.stop();
    assert.equal(await hanging, 'cut');
    assert.ok(Date.now() - started < 2_000);
    await assert.rejects(stat(own.dataDir));
    await own.stop();
  });

  it('says so when the port is taken', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await assert.rejects(startSandbox({ port }), new RegExp(`Port ${port} is in use`));
    other.close();
    await once(other, 'close');
  });

  it('seeds the sample once, and again without harm', async () => {
    const first = await seedSample(bench.sandbox);
    const second = await seedSample(bench.sandbox);
    assert.deepEqual(second, first);
    assert.deepEqual(
      first.users.map((user) => user.nickname),
      ['ada', 'bob'],
    );
    const state = await bench.control('GET', 'state');
    assert.equal(listAt(state, 'repositories').length, 1);
  });

  it('runs as a command until SIGTERM', async () => {
    const script =
      `import { runSandboxCommand } from './src/sandbox/command.ts';` +
      `process.exitCode = await runSandboxCommand(['--port', '0', '--quiet']);`;
    const root = resolve(import.meta.dirname, '../..');
    const child = spawn(
      process.execPath,
      ['--import=tsx', '--input-type=module', '--eval', script],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    const url = await new Promise<string>((done, fail) => {
      child.once('exit', (code) => fail(new Error(`ended with ${code}: ${output}`)));
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('Ctrl-C')) done(/pages +(\S+)\//.exec(output)?.[1] ?? '');
      });
    });
    assert.match(output, /git clone http:\/\/ada:\S+@127\.0\.0\.1:\d+\/acme\/site\.git/);
    assert.equal((await call(`${url}/acme/site`)).status, 200);
    child.removeAllListeners('exit');
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, 0);
  });
});
