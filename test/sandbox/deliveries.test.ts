import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';

import { at, Bench, FakeApp, installIn, textAt, type DeliveryAnswer } from './support.js';

const events = '/connect/events';

describe('sandbox: deliveries', () => {
  let bench: Bench;
  let app: FakeApp;

  beforeEach(async () => {
    bench = await Bench.start();
    app = await FakeApp.start();
    await bench.seed();
    await installIn(bench, app);
  });

  afterEach(async () => {
    await bench.stop();
    await app.stop();
  });

  const last = async (): Promise<DeliveryAnswer> => {
    const found = (await bench.deliveries()).at(-1);
    assert.ok(found, 'no delivery');
    return found;
  };
  const pushedNames = () =>
    app.events().map((e) => textAt(e.json, 'data.push.changes.0.commits.0.message').trim());

  it('carries the documented headers', async () => {
    await bench.commit();
    await bench.idle();
    const headers = app.events()[0]?.headers ?? {};
    const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
    assert.equal(headers['user-agent'], 'Bitbucket-Webhooks/2.0');
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['x-event-key'], 'repo:push');
    assert.match(String(headers['x-hook-uuid']), uuid);
    assert.match(String(headers['x-request-uuid']), uuid);
    assert.equal(headers['x-attempt-number'], '1');
    assert.match(String(headers['x-event-time']), /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/);
    assert.match(String(headers['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assert.match(String(headers['x-b3-traceid']), /^[0-9a-f]{32}$/);
    assert.equal(headers['x-hub-signature'], undefined);
    const recorded = await last();
    assert.equal(recorded.attempts[0]?.request_headers['Authorization'], 'JWT ***');
    assert.equal(app.events()[0]?.raw.toString(), recorded.body);
    assert.ok(!recorded.body.includes('\n'), 'the JSON is not compact');
  });

  it('repeats a 5xx at once, three times in all, with the same X-Request-UUID', async () => {
    app.answers.set(events, 503);
    await bench.commit();
    await bench.idle();
    const headers = app.events().map((e) => e.headers);
    assert.deepEqual(
      headers.map((h) => h['x-attempt-number']),
      ['1', '2', '3'],
    );
    assert.equal(new Set(headers.map((h) => h['x-request-uuid'])).size, 1);
    assert.equal(new Set(app.events().map((e) => e.raw.toString())).size, 1);
    const { state, attempts } = await last();
    assert.equal(state, 'failed');
    assert.deepEqual(
      attempts.map((a) => a.status),
      [503, 503, 503],
    );
  });

  it('stops repeating once the app answers', async () => {
    let first = true;
    app.answers.set(events, () => {
      const status = first ? 500 : 204;
      first = false;
      return status;
    });
    await bench.commit();
    await bench.idle();
    assert.equal(app.events().length, 2);
    assert.equal((await last()).state, 'delivered');
  });

  it('does not repeat 3xx and 4xx', async () => {
    for (const status of [301, 401, 404, 429]) {
      app.received.length = 0;
      app.answers.set(events, status);
      await bench.commit();
      await bench.idle();
      assert.equal(app.events().length, 1, String(status));
    }
  });

  it('gives up on slow answers; whether it repeats them is a switch', async () => {
    await bench.control('POST', 'settings', { delivery_timeout_ms: 100, retry_timeouts: false });
    const hung: (() => void)[] = [];
    app.answers.set(events, () => new Promise((resolve) => hung.push(() => resolve(204))));
    await bench.commit();
    await bench.idle();
    assert.deepEqual(
      (await last()).attempts.map((a) => a.error),
      ['TIMEOUT'],
    );
    await bench.control('POST', 'settings', { retry_timeouts: true });
    await bench.commit();
    await bench.idle();
    assert.equal((await last()).attempts.length, 3);
    for (const release of hung) release();
  });

  it('repeats failed connections, also by switch', async () => {
    await app.stop();
    await bench.commit();
    await bench.idle();
    assert.deepEqual(
      (await last()).attempts.map((a) => a.error),
      ['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'],
    );
    await bench.control('POST', 'settings', { retry_network_errors: false });
    await bench.commit();
    await bench.idle();
    assert.equal((await last()).attempts.length, 1);
    app = await FakeApp.start();
  });

  it('sends nothing above 256 KB', async () => {
    await bench.push({ files: { a: '1' }, message: 'x'.repeat(60 * 1024) });
    await bench.idle();
    const delivery = await last();
    assert.equal(delivery.state, 'too_large');
    assert.ok(delivery.bytes > 256 * 1024);
    assert.equal(app.events().length, 0);
  });

  it('keeps the order of one hook', async () => {
    let slow = true;
    app.answers.set(events, async () => {
      if (slow) {
        slow = false;
        await bench.commit({ message: 'second' });
      }
      return 204;
    });
    await bench.commit({ message: 'first' });
    await bench.idle();
    assert.deepEqual(pushedNames(), ['first', 'second']);
  });

  it('can lose, double, delay and reorder', async () => {
    const fault = (body: Record<string, unknown>) =>
      bench.control('POST', 'faults', { on: 'delivery', times: 1, ...body });
    await fault({ drop: true });
    await bench.commit({ message: 'lost' });
    await fault({ duplicate: 'same_id' });
    await bench.commit({ message: 'doubled' });
    await bench.idle();
    assert.deepEqual(pushedNames(), ['doubled', 'doubled']);
    const ids = app.events().map((e) => e.headers['x-request-uuid']);
    assert.equal(ids[0], ids[1]);

    app.received.length = 0;
    await fault({ duplicate: 'new_id' });
    await bench.commit({ message: 'twice' });
    await bench.idle();
    assert.notEqual(
      app.events()[0]?.headers['x-request-uuid'],
      app.events()[1]?.headers['x-request-uuid'],
    );

    app.received.length = 0;
    await fault({ reorder: true });
    await bench.commit({ message: 'older' });
    await bench.idle();
    assert.deepEqual(pushedNames(), []);
    await bench.commit({ message: 'newer' });
    await bench.idle();
    assert.deepEqual(pushedNames(), ['newer', 'older']);

    app.received.length = 0;
    await fault({ delay_ms: 1_500 });
    await bench.commit({ message: 'late' });
    await bench.commit({ message: 'early' });
    await bench.idle();
    assert.deepEqual(pushedNames(), ['early', 'late']);
  });

  it('lets a held delivery go on request', async () => {
    await bench.control('POST', 'faults', { on: 'delivery', reorder: true, times: 1 });
    await bench.commit({ message: 'held' });
    assert.equal((await last()).state, 'held');
    await bench.control('POST', 'deliveries/release');
    await bench.idle();
    assert.deepEqual(pushedNames(), ['held']);
  });

  it('resends with the same X-Request-UUID and a fresh JWT', async () => {
    await bench.commit();
    await bench.idle();
    const { id, request_uuid } = await last();
    await bench.control('POST', 'clock', { offset_ms: 60_000 });
    await bench.control('POST', `deliveries/${id}/resend`);
    await bench.idle();
    const [first, second] = app.events();
    assert.equal(second?.headers['x-request-uuid'], request_uuid);
    assert.equal(second?.raw.toString(), first?.raw.toString());
    assert.notEqual(second?.headers.authorization, first?.headers.authorization);
    assert.equal((await last()).resend_of, id);
  });

  it('sends the older bare body and gzip by switch', async () => {
    await bench.control('POST', 'settings', { event_wrapper: false });
    await bench.commit();
    await bench.idle();
    assert.ok(at(app.events()[0]?.json, 'push.changes'));
    await bench.control('POST', 'settings', { delivery_gzip: true });
    await bench.commit();
    await bench.idle();
    const zipped = app.events()[1];
    assert.equal(zipped?.headers['content-encoding'], 'gzip');
    const body: unknown = JSON.parse(gunzipSync(zipped?.raw ?? Buffer.alloc(0)).toString());
    assert.ok(at(body, 'push.changes'));
  });

  it('announces renames, transfers and deletions', async () => {
    await bench.control('POST', 'repositories/rename', {
      repository: 'acme/site',
      name: 'Web site',
      user: 'ada',
    });
    await bench.idle();
    const updated = at(app.events('repo:updated')[0]?.json, 'data');
    assert.deepEqual(at(updated, 'changes.full_name'), {
      new: 'acme/web-site',
      old: 'acme/site',
    });
    assert.deepEqual(at(updated, 'changes.name'), { new: 'Web site', old: 'site' });
    assert.equal(at(updated, 'repository.full_name'), 'acme/web-site');

    await bench.control('POST', 'workspaces', { slug: 'other', owner: 'bob' });
    await bench.control('POST', 'repositories/transfer', {
      repository: 'acme/web-site',
      to: 'other',
      user: 'ada',
    });
    await bench.idle();
    const moved = at(app.events('repo:transfer')[0]?.json, 'data');
    assert.equal(at(moved, 'repository.full_name'), 'other/web-site');
    assert.equal(at(moved, 'previous_workspace.slug'), 'acme');

    await bench.control('POST', 'repositories', { workspace: 'acme', slug: 'doomed' });
    await bench.control('POST', 'repositories/delete', { repository: 'acme/doomed', user: 'ada' });
    await bench.idle();
    const deleted = at(app.events('repo:deleted')[0]?.json, 'data');
    assert.equal(at(deleted, 'repository.full_name'), 'acme/doomed');
    assert.equal(
      (await bench.tryControl('GET', 'repositories?repository=acme/doomed')).status,
      404,
    );
  });
});
