import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BackendDeployment } from '../../../src/core/backend.js';
import { digitaloceanConnection } from '../../../src/backends/digitalocean/settings.js';
import { openBench, repository, token, type DigitalOceanBench } from './support/bench.js';

const signal = () => AbortSignal.timeout(10_000);

describe('DigitalOcean App Platform', () => {
  let bench: DigitalOceanBench;
  let now: number;
  beforeEach(async () => {
    now = Date.UTC(2026, 10, 23, 9);
    bench = await openBench({ clock: () => now });
  });
  afterEach(() => bench.close());

  const sent = (backendRef: string | null): BackendDeployment => {
    const { deploymentId, target, commit } = bench.request();
    return { deploymentId, target, commit, backendRef };
  };
  const trigger = async (): Promise<string> => {
    const outcome = await bench.backend.trigger(bench.request(), signal());
    assert.equal(outcome.kind, 'accepted', JSON.stringify(outcome));
    return outcome.kind === 'accepted' ? outcome.backendRef : '';
  };
  const observe = (ref: string) => bench.backend.observe?.(sent(ref), signal());
  const deployed = async (): Promise<string> => {
    const ref = await trigger();
    await bench.fake.finish();
    return ref;
  };
  const rollback = (toBackendRef: string) => {
    const { deploymentId, target, commit, idempotencyKey, fencing } = bench.request();
    const asked = { deploymentId, target, commit, idempotencyKey, fencing, backendRef: null };
    return bench.backend.rollback?.(
      { ...asked, toDeploymentId: 'd_0', toBackendRef, isRollback: true },
      signal(),
    );
  };

  it('follows every phase, with the step that runs, to an address', async () => {
    const ref = await trigger();
    const seen = [];
    for (let phase = 0; phase < 5; phase += 1) {
      seen.push(await observe(ref));
      await bench.fake.advance();
    }
    const states = seen.map((one) => one?.state);
    assert.deepEqual(states, ['queued', 'building', 'deploying', 'deploying', 'live']);
    assert.equal(seen[1]?.progress?.step, 'Building service web');
    assert.match(seen[4]?.url ?? '', /\/apps\//);
    assert.equal(seen[4]?.commit, bench.commit);
  });

  it('asks every 5 seconds, later less often, and gives up after 75 minutes', async () => {
    const ref = await trigger();
    const waits = [];
    for (const minutes of [0, 2, 20, 76]) {
      now = Date.UTC(2026, 10, 23, 9, minutes);
      const seen = await observe(ref);
      waits.push(seen?.pollAfterMs ?? seen?.state);
    }
    assert.deepEqual(waits, [5_000, 10_000, 30_000, 'stopped']);
  });

  it('says which commit was built, where that is another one', async () => {
    bench.code.head = 'b'.repeat(40);
    const ref = await deployed();
    assert.equal((await observe(ref))?.commit, 'b'.repeat(40));
  });

  it('tells the innermost failure and the end of the log, and keeps no address of it', async () => {
    bench.code.result = { ok: false, log: ['one', `token ${token}`, 'oh no'], message: 'exit 1' };
    const ref = await deployed();
    const seen = await observe(ref);
    assert.equal(seen?.state, 'failed');
    assert.equal(seen?.reason, 'exit 1 (Building service web)');
    assert.deepEqual(seen?.logTail, ['one', 'token [hidden]', 'oh no']);
    assert.doesNotMatch(JSON.stringify(seen), /log-files|signature/);
    const file = bench.fake.calls.find(({ path }) => path.startsWith('/log-files/'));
    assert.ok(file, 'the file was read');
  });

  it('shows what is being built, from a stream that does not end, and keeps no address of it', async () => {
    const stream = http.createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write(`compiling\ntoken ${token}\n`);
    });
    await once(stream.listen(0, '127.0.0.1'), 'listening');
    try {
      const ref = await trigger();
      for (const one of bench.app.deployments) one.phase = 'BUILDING';
      const { port } = stream.address() as AddressInfo;
      const places = { live_url: `http://127.0.0.1:${port}/stream?token=live-secret` };
      bench.fake.faults.add({
        kind: 'status',
        status: 200,
        path: /\/logs$/,
        body: places,
        times: 9,
      });
      const seen = await observe(ref);
      assert.equal(seen?.state, 'building');
      assert.deepEqual(seen?.logTail, ['compiling', 'token [hidden]']);
      assert.doesNotMatch(JSON.stringify(seen), /live-secret/);
      const log = await bench.backend.logs?.(sent(ref), signal());
      assert.match(log ?? '', /^compiling\ntoken \[hidden\]\n/);
    } finally {
      stream.closeAllConnections();
      stream.close();
    }
  });

  it('names the scope that is missing to deploy, and leaves the connection to those who read', async () => {
    const ref = await trigger();
    bench.fake.account.tokens[0] = { token, scopes: ['app:read'] };
    const refused = await bench.backend.trigger(bench.request(), signal());
    assert.ok(refused.kind === 'rejected', JSON.stringify(refused));
    assert.match(refused.reason, /needs the scope app:update/);
    assert.equal(refused.needsReconnect, undefined);
    assert.notEqual((await observe(ref))?.state, 'unchanged');
    bench.fake.account.tokens[0] = { token, scopes: ['app:update'] };
    const blind = await bench.backend.trigger(bench.request(), signal());
    assert.equal(blind.kind === 'rejected' && blind.needsReconnect, true);
  });

  it('says whose token it is where the token may tell', async () => {
    const { account } = bench.backend;
    const untold = await account?.test(bench.connection, signal());
    assert.deepEqual(untold, { ok: true, account: null, expiresAt: null });
    bench.fake.account.tokens[0] = { token, scopes: ['app:read', 'account:read'] };
    const told = await account?.test(bench.connection, signal());
    assert.deepEqual(told, { ok: true, account: 'Harbour Team', expiresAt: null });
  });

  it('finds an app that it made by its name, whatever page it is on', async () => {
    for (let count = 0; count < 60; count += 1) {
      bench.fake.account.addApp({ name: `other-${count}`, services: [] });
    }
    bench.fake.account.addApp({ ...bench.app.spec, name: 'late-app' });
    const wish = {
      repository: { fullName: repository, name: 'ferry-desk' },
      ...{ branch: 'main', name: 'late-app' },
    };
    const before = bench.fake.account.apps.length;
    const found = await bench.backend.account?.creation?.create(bench.connection, wish, signal());
    assert.equal(found?.kind, 'created', JSON.stringify(found));
    assert.equal(bench.fake.account.apps.length, before);
    const pages = bench.fake.calls.filter(({ path }) => path === '/v2/apps');
    assert.ok(pages.length > 1);
  });

  it('has no log for a phase that was never reached', async () => {
    assert.equal(await bench.backend.logs?.(sent(await trigger()), signal()), null);
  });

  it('holds pushes while the app is pinned, and unpins it when deploys are resumed', async () => {
    const first = await deployed();
    bench.code.head = 'b'.repeat(40);
    await deployed();
    const back = await rollback(first);
    assert.equal(back?.kind, 'accepted', JSON.stringify(back));
    await bench.fake.finish();
    const held = await bench.backend.trigger(bench.request(), signal());
    assert.ok(held.kind === 'rejected' && held.isHeld, JSON.stringify(held));
    assert.deepEqual(await bench.backend.resume?.(bench.target, signal()), { kind: 'done' });
    assert.equal(bench.app.pinned, null);
    await trigger();
    assert.deepEqual(await bench.backend.resume?.(bench.target, signal()), { kind: 'done' });
  });

  it('undoes a rollback by going to what was there before it', async () => {
    const first = await deployed();
    const second = await deployed();
    await rollback(first);
    await bench.fake.finish();
    const undone = await rollback(second);
    assert.equal(undone?.kind, 'accepted', JSON.stringify(undone));
    assert.ok(bench.fake.calls.some(({ path }) => path.endsWith('/rollback/revert')));
    assert.equal(bench.app.pinned, null);
  });

  it('says why a release cannot be gone back to', async () => {
    bench.code.result = { ok: false, log: [], message: 'exit 1' };
    const failed = await deployed();
    const outcome = await rollback(failed);
    assert.equal(outcome?.kind, 'rejected');
    assert.match(JSON.stringify(outcome), /never went live/);
  });

  it('warns of deploy on push, and turns that off and nothing else', async () => {
    const [web] = bench.app.spec['services'] as { bitbucket: Record<string, unknown> }[];
    assert.ok(web);
    web.bitbucket['deploy_on_push'] = true;
    const before = structuredClone(bench.app.spec);
    const checked = await bench.backend.check(bench.target, signal());
    const [warning] = checked.ok ? (checked.warnings ?? []) : [];
    assert.match(warning?.message ?? '', /deploy twice/);
    await bench.backend.fix?.(bench.target, warning?.fix?.id ?? '', signal());
    const expected = JSON.stringify(before).replace(
      '"deploy_on_push":true',
      '"deploy_on_push":false',
    );
    assert.equal(JSON.stringify(bench.app.spec), expected);
  });

  it('refuses an app that is not built from the repository, and a branch that has moved away', async () => {
    const target = { ...bench.target, repository: { fullName: 'acme/else' } };
    const checked = await bench.backend.check(target, signal());
    assert.match(JSON.stringify(checked), /No part of this app is built from acme\/else/);
    const moved = await bench.backend.trigger(bench.request({ refName: 'dev' }), signal());
    assert.match(JSON.stringify(moved), /builds the branch main now, not dev/);
    assert.equal(bench.app.deployments.length, 0);
  });

  it('recognises a refresh token, and half a one', () => {
    const problem = (text: string) =>
      digitaloceanConnection.safeParse({ token: text }).error?.issues[0]?.message ?? '';
    assert.match(problem(`dor_v1_${'a'.repeat(64)}`), /refresh token/);
    assert.match(problem('dop_v1_ab'), /not a whole access token/);
    assert.equal(problem(token), '');
  });

  it('lists apps by page, with their parts and source', async () => {
    for (let one = 0; one < 60; one += 1) bench.fake.account.addApp({ name: `app-${one}` });
    const list = (cursor: string | null) =>
      bench.backend.account?.listTargets?.(bench.connection, { cursor }, signal());
    const first = await list(null);
    assert.ok(first?.ok && first.choices.length === 50, JSON.stringify(first));
    assert.deepEqual(first.choices[0]?.parts, [
      `web: service from Bitbucket ${repository}, branch main`,
    ]);
    const second = await list(first.next);
    assert.deepEqual(second?.ok && [second.choices.length, second.next], [11, null]);
  });

  it('keeps below both limits by not sending, and waits as long as it is told', async () => {
    const list = () =>
      bench.backend.account?.listTargets?.(bench.connection, { cursor: null }, signal());
    for (let call = 0; call < 240; call += 1) assert.ok((await list())?.ok, String(call));
    const before = bench.fake.calls.length;
    const outcome = await bench.backend.trigger(bench.request(), signal());
    assert.ok(outcome.kind === 'retry' && outcome.isBusy && outcome.retryAfterMs === 60_000);
    assert.equal(bench.fake.calls.length, before);
    now += 60_000;
    // Over the hour's limit only the reset is named.
    const reset = String(now / 1000 + 120);
    const headers = { 'ratelimit-reset': reset };
    bench.fake.faults.add({ path: /deployments$/, kind: 'status', status: 429, headers });
    const limited = await bench.backend.trigger(bench.request(), signal());
    assert.equal(limited.kind === 'retry' && limited.retryAfterMs, 120_000);
    const again = await bench.backend.trigger(bench.request(), signal());
    assert.equal(again.kind === 'retry' && again.retryAfterMs, 120_000);
  });

  it('shows what an app would be and cost, makes it once, and finds it after a lost answer', async () => {
    const creation = bench.backend.account?.creation;
    assert.ok(creation);
    const wish = { repository: { fullName: repository, name: 'ferry-desk' }, branch: 'main' };
    const named = { ...wish, name: 'new-app' };
    assert.equal((await creation.propose(bench.connection, named, signal())).kind, 'pending');
    assert.deepEqual(await creation.propose(bench.connection, named, signal()), {
      ...{ kind: 'proposed', parts: ['web: service'], cost: '5 USD a month', warnings: [] },
    });
    assert.equal(bench.fake.account.apps.length, 1);
    bench.fake.faults.add({ path: /^\/v2\/apps$/, method: 'POST', kind: 'drop_after' });
    const lost = await creation.create(bench.connection, named, signal());
    assert.equal(lost.kind, 'unknown');
    const found = await creation.create(bench.connection, named, signal());
    assert.equal(found.kind, 'created', JSON.stringify(found));
    assert.equal(bench.fake.account.apps.length, 2);
    const taken = await creation.propose(
      bench.connection,
      { ...wish, name: 'ferry-desk' },
      signal(),
    );
    assert.match(JSON.stringify(taken), /“ferry-desk-2” is free/);
  });

  it('says which right is missing when the token may not create apps', async () => {
    bench.fake.account.tokens[0] = { token, scopes: ['app:read', 'app:update'] };
    const wish = {
      repository: { fullName: repository, name: 'x' },
      branch: 'main',
      name: 'new-app',
    };
    const { creation } = bench.backend.account ?? {};
    await creation?.propose(bench.connection, wish, signal());
    const refused = await creation?.create(bench.connection, wish, signal());
    assert.match(JSON.stringify(refused), /also needs app:create/);
  });
});
