import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as breath } from 'node:timers/promises';
import { noSignal, Fixture, page } from './support/fixture.js';

/** A small app; `body` can use `request`, `response` and `version`. */
function app(version: string, body = 'response.end(version)', more = ''): string {
  return `const http = require('http'); const version = ${JSON.stringify(version)};
const server = http.createServer((request, response) => { ${body} });
${more}
server.listen(Number(process.env.PORT), process.env.HOST, () => console.log('listening'));`;
}

function tree(script: string): Record<string, string> {
  return {
    Procfile: '# the app\nweb: node server.js\nworker: node nothing.js\n',
    'server.js': script,
  };
}

describe('local backend: started app', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.open();
  });
  afterEach(() => fixture.close());

  it('starts the web line of a Procfile with PORT, HOST and the target environment', async () => {
    fixture.settings = { environment: 'COLOR=blue' };
    fixture.secrets = { secretEnvironment: 'PASSWORD=hunter2222' };
    const body =
      'response.end([process.env.HOST, process.env.COLOR, process.env.PASSWORD, process.env.NODE_ENV, request.headers["x-forwarded-host"]].join())';
    const end = await fixture.deployTree(tree(app('1', body)));
    assert.equal(end.reason, undefined);
    const host = new URL(end.url ?? '').host;
    assert.equal(await page(end.url), `127.0.0.1,blue,hunter2222,production,${host}`);
    assert.match(await fixture.logs(end.id), /\nlistening\n/);
  });

  it('starts npm start, and passes bodies and answers through as they are', async () => {
    const body = `response.writeHead(201, { 'x-mine': request.method + request.url, 'set-cookie': ['a=1', 'b=2'] }); request.pipe(response)`;
    const end = await fixture.deployTree({
      'package.json': JSON.stringify({
        name: 'x',
        version: '1.0.0',
        scripts: { start: 'node s.cjs' },
      }),
      's.cjs': app('1', body),
    });
    const answer = await fetch(`${end.url}a?b=c`, { method: 'PUT', body: 'x'.repeat(100_000) });
    assert.deepEqual([answer.status, answer.headers.get('x-mine')], [201, 'PUT/a?b=c']);
    assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2']);
    assert.equal((await answer.text()).length, 100_000);
  });

  it('switches without an unanswered request, and lets running ones finish', async () => {
    const slow = `if (request.url === '/slow') setTimeout(() => response.end(version), 600); else response.end(version)`;
    fixture.backend = fixture.open({ drainMs: 5000 });
    const one = await fixture.deployTree(tree(app('one', slow)));
    const answers = [await page(one.url)];
    let isOver = false;
    const visitor = (async () => {
      while (!isOver) {
        answers.push(await page(one.url));
        await breath(5);
      }
    })();
    const request = fixture.request(fixture.git.commit(tree(app('two', slow))));
    await fixture.trigger(request);
    const late: Promise<string>[] = [];
    const asker = setInterval(() => late.push(page(`${one.url}slow`)), 100);
    const end = await fixture.end(request.deploymentId);
    clearInterval(asker);
    isOver = true;
    await visitor;
    assert.equal(end.state, 'live', end.reason);
    assert.equal(await page(one.url), 'two');
    for (const answer of answers) assert.match(answer, /^(one|two)$/);
    for (const answer of await Promise.all(late)) assert.match(answer, /^(one|two)$/);
  });

  it('keeps the old app when the new one is not healthy', async () => {
    const one = await fixture.deployTree(tree(app('one')));
    fixture.settings = { healthPath: '/healthz' };
    fixture.backend = await reopened(fixture, { healthDeadlineMs: 600 });
    const body = `response.statusCode = request.url === '/healthz' ? 503 : 200; response.end('two')`;
    const two = await fixture.deployTree(tree(app('two', body)));
    assert.equal(two.state, 'failed');
    assert.match(two.reason ?? '', /The app answered 503 at \/healthz and did not get well within/);
    assert.equal(await page(one.url), 'one');
  });

  it('keeps the old app when the new one dies or never listens', async () => {
    const one = await fixture.deployTree(tree(app('one')));
    const dying = await fixture.deployTree(tree(`throw new Error('no database at hand')`));
    assert.equal(dying.state, 'failed');
    assert.match(
      dying.reason ?? '',
      /stopped with code 1 before it could serve: Error: no database/,
    );
    fixture.backend = await reopened(fixture, { healthDeadlineMs: 500 });
    const deaf = await fixture.deployTree(tree(`setInterval(() => {}, 1000)`));
    assert.match(deaf.reason ?? '', /did not answer on the port given in PORT within/);
    // Answers first and dies a moment later: no traffic for it either.
    fixture.backend = await reopened(fixture, { minUptimeMs: 1500 });
    const brief = app('brief', 'response.end(version)', 'setTimeout(() => process.exit(7), 400);');
    assert.match((await fixture.deployTree(tree(brief))).reason ?? '', /stopped with code 7/);
    assert.equal(await page(one.url), 'one');
  });

  it('names files of an app that does not start from the top of the repository', async () => {
    const end = await fixture.deployTree(tree("require('./not-there.cjs')"));
    assert.match(end.reason ?? '', /Cannot find module/);
    const log = await fixture.logs(end.id);
    assert.equal(log.includes(fixture.dataDir), false, log);
  });

  it('starts an app again that dies, and says so in its log', async () => {
    const body = `if (request.url === '/die') process.exit(9); response.end(String(process.pid))`;
    const end = await fixture.deployTree(tree(app('1', body)));
    const before = await page(end.url);
    await assert.doesNotReject(page(`${end.url}die`));
    let after = '';
    const deadline = Date.now() + 5000;
    while (!/^\d+$/.test(after) && Date.now() < deadline) after = await page(end.url);
    assert.match(after, /^\d+$/);
    assert.notEqual(after, before);
    assert.match(
      await fixture.logs(end.id),
      /» The app stopped with code 9; it is started again in/,
    );
  });

  it('keeps the cookies of Slipway from apps on the same host, both ways', async () => {
    const body = `response.setHeader('set-cookie', ['slipway_session=evil', 'mine=2']); response.end(request.headers.cookie ?? 'none')`;
    const end = await fixture.deployTree(tree(app('1', body)));
    const cookie = 'a=1; slipway_session=secret; __Host-slipway=x; b=2';
    const answer = await fetch(end.url ?? '', { headers: { cookie } });
    assert.equal(await answer.text(), 'a=1; b=2');
    assert.deepEqual(answer.headers.getSetCookie(), ['mine=2']);
    assert.equal(await page(end.url), 'none');
  });

  it('shows no source of an app, before or after a site', async () => {
    const site = await fixture.deployTree({ 'index.html': 'site', 'server.js': 'public' });
    const request = fixture.request(fixture.git.commit(tree(app('app'))));
    // The first and the last answer are certain; the visitor looks for what must not come in between.
    const answers = new Set([await page(`${site.url}server.js`)]);
    await fixture.trigger(request);
    let isOver = false;
    const visitor = (async () => {
      while (!isOver) {
        answers.add(await page(`${site.url}server.js`));
        await breath(5);
      }
    })();
    const end = await fixture.end(request.deploymentId);
    isOver = true;
    await visitor;
    assert.equal(end.state, 'live', end.reason);
    answers.add(await page(`${site.url}server.js`));
    assert.deepEqual(answers, new Set(['public', 'app']));
  });

  it('passes WebSockets through', async () => {
    const more = `server.on('upgrade', (request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n');
      socket.on('data', (data) => socket.write('echo ' + data)); });`;
    const end = await fixture.deployTree(tree(app('1', 'response.end(version)', more)));
    const socket = connect(Number(new URL(end.url ?? '').port), '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    const [head] = (await once(socket, 'data')) as [Buffer];
    assert.match(head.toString(), /^HTTP\/1\.1 101 /);
    socket.write('hello');
    const [said] = (await once(socket, 'data')) as [Buffer];
    assert.equal(said.toString(), 'echo hello');
    socket.destroy();
  });

  it('answers 502 while the app is away, and ends everything when Slipway stops', async () => {
    const body = `if (request.url === '/die') process.exit(1); response.end(String(process.pid))`;
    fixture.backend = await reopened(fixture, { restartFirstMs: 60_000, restartMaxMs: 60_000 });
    const end = await fixture.deployTree(tree(app('1', body)));
    const pid = Number(await page(end.url));
    await page(`${end.url}die`);
    let status = 0;
    while (status !== 502) status = (await fetch(end.url ?? '')).status;
    await fixture.backend.stop?.();
    assert.throws(() => process.kill(pid, 0));
    await assert.rejects(page(end.url));
  });

  it('switches between a site and an app, and back by rollback', async () => {
    const site = await fixture.deployTree({ 'index.html': 'site' });
    const live = await fixture.deployTree(tree(app('app')));
    assert.equal(await page(live.url), 'app');
    const request = {
      ...fixture.request('f'.repeat(40), { deploymentId: 'back' }),
      toDeploymentId: site.id,
      toBackendRef: site.id,
    };
    await fixture.backend.rollback?.(request, noSignal);
    assert.equal((await fixture.end('back')).state, 'live');
    assert.equal(await page(live.url), 'site');
  });
});

/** The same folder with other limits, serving again what it served. */
async function reopened(
  fixture: Fixture,
  limits: Parameters<Fixture['open']>[0],
): Promise<Fixture['backend']> {
  await fixture.backend.stop?.();
  const backend = fixture.open(limits);
  await backend.start?.([fixture.target()]);
  return backend;
}
