import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { defaultLimits } from '../../../src/backends/local/options.js';
import { Fixture, noSignal, page } from './support/fixture.js';

describe('local backend: life of a target', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.open();
  });
  afterEach(() => fixture.close());

  const rollback = (to: string, deploymentId = 'back') =>
    fixture.backend.rollback?.(
      {
        ...fixture.request('f'.repeat(40), { deploymentId }),
        toDeploymentId: to,
        toBackendRef: to,
      },
      noSignal,
    );

  /** The next thing asked of a target waits until the one before has tidied up. */
  const tidied = () => fixture.trigger(fixture.request('f'.repeat(40), { fencing: 0 }));

  it('deploys once, however often the same deployment is sent', async () => {
    fixture.settings = { buildCommand: 'sleep 0.3; echo built' };
    const request = fixture.request(fixture.git.commit({ 'index.html': 'x' }));
    const answers = await Promise.all([1, 2, 3].map(() => fixture.trigger(request)));
    for (const answer of answers) {
      assert.deepEqual(answer, { kind: 'accepted', backendRef: request.deploymentId });
    }
    assert.equal((await fixture.end(request.deploymentId)).state, 'live');
    assert.equal((await fixture.trigger(request)).kind, 'accepted');
    assert.equal((await fixture.observe(request.deploymentId)).state, 'live');
    assert.equal((await fixture.logs(request.deploymentId)).match(/^built$/gm)?.length, 1);
    assert.deepEqual(readdirSync(fixture.folder('releases')).length, 1);
  });

  it('has the record on disk before it answers', async () => {
    const request = fixture.request(fixture.git.commit({ 'index.html': 'x' }));
    await fixture.trigger(request);
    const record = fixture.folder('deployments', `${request.deploymentId}.json`);
    const saved = JSON.parse(readFileSync(record, 'utf8')) as { idempotencyKey: string };
    assert.equal(saved.idempotencyKey, request.idempotencyKey);
    await fixture.end(request.deploymentId);
  });

  it('refuses a worker whose lease is over, also after a restart', async () => {
    const commit = fixture.git.commit({ 'index.html': 'x' });
    await fixture.deploy(commit, { fencing: 7 });
    await fixture.backend.stop?.();
    fixture.backend = fixture.open();
    const outcome = await fixture.trigger(fixture.request(commit, { fencing: 6 }));
    assert.equal(outcome.kind, 'rejected');
    assert.equal((await fixture.deploy(commit, { fencing: 7 })).state, 'live');
  });

  it('runs one deployment of a target at a time', async () => {
    fixture.settings = { buildCommand: 'sleep 30' };
    const commit = fixture.git.commit({ 'index.html': 'x' });
    const first = fixture.request(commit);
    await fixture.trigger(first);
    assert.equal((await fixture.trigger(fixture.request(commit))).kind, 'retry');
    await fixture.backend.cancel?.(fixture.of(first.deploymentId), noSignal);
    assert.equal((await fixture.trigger(fixture.request(commit))).kind, 'accepted');
  });

  it('finds what was sent, and proves what was not', async () => {
    const end = await fixture.deployTree({ 'index.html': 'x' });
    const lookup = (id: string, target?: string) =>
      fixture.backend.lookup?.({ ...fixture.of(id, target), backendRef: null }, noSignal);
    assert.deepEqual(await lookup(end.id), { kind: 'found', backendRef: end.id });
    assert.deepEqual(await lookup('other'), { kind: 'absent' });
    assert.deepEqual(await lookup('other', 'never-seen'), { kind: 'absent' });
    assert.equal(existsSync(fixture.folder('..', 'never-seen')), false);
  });

  it('switches back to a kept release without building', async () => {
    fixture.settings = { buildCommand: 'date +%N > stamp.txt' };
    const one = await fixture.deployTree({ 'index.html': 'one' });
    const stamp = await page(`${one.url}stamp.txt`);
    await fixture.deployTree({ 'index.html': 'two' });
    assert.deepEqual(await rollback(one.id), { kind: 'accepted', backendRef: 'back' });
    const end = await fixture.end('back');
    assert.deepEqual([end.state, end.commit, end.url], ['live', one.commit, one.url]);
    assert.equal(await page(`${one.url}stamp.txt`), stamp);
    // A browser that still has `two` gets the older files all the same.
    const since = new Date(Date.now() - 60_000).toUTCString();
    const asked = await fetch(one.url ?? '', { headers: { 'if-modified-since': since } });
    assert.deepEqual([asked.status, await asked.text()], [200, 'one']);
    assert.equal((await rollback('back', 'again'))?.kind, 'accepted');
    assert.equal((await fixture.end('again')).state, 'live');
  });

  it('keeps as many releases as it should, never dropping the live one or the one before', async () => {
    assert.equal(defaultLimits.keepReleases, 5);
    fixture.backend = fixture.open({ keepReleases: 3 });
    const first = await fixture.deployTree({ 'index.html': '1' });
    for (const page of ['2', '3']) await fixture.deployTree({ 'index.html': page });
    await rollback(first.id);
    await fixture.end('back');
    const fourth = await fixture.deployTree({ 'index.html': '4' });
    // Release 1 was live just before 4, so 2 goes.
    await tidied();
    assert.deepEqual(numbers(fixture), [1, 3, 4]);
    await fixture.deployTree({ 'index.html': '5' });
    await tidied();
    assert.equal((await rollback(fourth.id, 'back-4'))?.kind, 'accepted');
    await fixture.end('back-4');
    assert.deepEqual(numbers(fixture), [3, 4, 5]);
    const gone = await rollback(first.id, 'back-1');
    assert.equal(gone?.kind, 'rejected');
    assert.match(JSON.stringify(gone), /no longer kept: the newest 3 are/);
  });

  it('serves again after a restart, on the same port and with the same address', async () => {
    const end = await fixture.deployTree({ 'index.html': 'still here' });
    await fixture.backend.stop?.();
    await assert.rejects(page(end.url));
    fixture.backend = fixture.open();
    await fixture.backend.start?.([fixture.target(), fixture.target('never-deployed')]);
    assert.equal(await page(end.url), 'still here');
    assert.equal((await fixture.observe(end.id)).url, end.url);
  });

  it('moves to another port when somebody took its own meanwhile, and says the new address', async () => {
    const end = await fixture.deployTree({ 'index.html': 'moved' });
    await fixture.backend.stop?.();
    const squatter = createServer().listen(Number(new URL(end.url ?? '').port), '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    fixture.backend = fixture.open();
    await fixture.backend.start?.([fixture.target()]);
    const { url } = await fixture.observe(end.id);
    assert.notEqual(url, end.url);
    assert.equal(await page(url), 'moved');
    await new Promise((resolve) => squatter.close(resolve));
  });

  it('marks what it stops as lost, so that it is sent again under the same key', async () => {
    fixture.settings = {
      buildCommand: '[ -e "$HOME/second" ] || { touch "$HOME/second"; echo begun; sleep 60; }',
    };
    const request = fixture.request(fixture.git.commit({ 'index.html': 'x' }));
    await fixture.trigger(request);
    // That it is its turn does not say that its shell has come so far.
    await fixture.untilTrue(async () => /^begun$/m.test(await fixture.logs(request.deploymentId)));
    await fixture.backend.stop?.();
    assert.equal((await fixture.trigger(request)).kind, 'retry');

    fixture.backend = fixture.open();
    await fixture.backend.start?.([fixture.target()]);
    assert.deepEqual(await fixture.observe(request.deploymentId), { state: 'queued', lost: true });
    const found = await fixture.backend.lookup?.(fixture.of(request.deploymentId), noSignal);
    assert.deepEqual(found, { kind: 'absent' });
    await fixture.trigger(request);
    assert.equal((await fixture.end(request.deploymentId)).state, 'live');
  });

  it('believes the link on disk about what is live', async () => {
    const end = await fixture.deployTree({ 'index.html': 'x' });
    await fixture.backend.stop?.();
    // As a crash between the switch and the last write leaves it.
    const file = fixture.folder('deployments', `${end.id}.json`);
    const record = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...record, state: 'deploying', finishedAt: null }));
    fixture.backend = fixture.open();
    assert.equal((await fixture.observe(end.id)).state, 'live');
  });

  it('removes everything of a target', async () => {
    const end = await fixture.deployTree({ 'index.html': 'x' });
    await fixture.backend.remove?.(fixture.target());
    await assert.rejects(page(end.url));
    assert.equal(existsSync(fixture.folder()), false);
    await fixture.backend.remove?.(fixture.target('never-seen'));
  });
});

function numbers(fixture: Fixture): number[] {
  return readdirSync(fixture.folder('releases'))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}
