import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';

import { at, Bench, call, FakeApp, listAt, textAt, type Answer, type Seed } from './support.js';

const hooks = 'repositories/acme/site/hooks';
const events = ['repo:push', 'repo:updated', 'repo:transfer', 'repo:deleted'];

describe('sandbox: webhooks', () => {
  let bench: Bench;
  let app: FakeApp;
  let seed: Seed;
  let token: string;

  beforeEach(async () => {
    bench = await Bench.start();
    app = await FakeApp.start();
    seed = await bench.seed();
    token = await bench.userToken('ada', 'account repository webhook');
  });

  afterEach(async () => {
    await bench.stop();
    await app.stop();
  });

  const body = (changes: object = {}) => ({
    description: 'Deployer',
    url: `${app.url}/hooks/1`,
    active: true,
    secret: 's3cret',
    events,
    ...changes,
  });
  const create = (changes: object = {}, who = token): Promise<Answer> =>
    bench.rest(hooks, who, { method: 'POST', body: body(changes) });
  const made = async (changes: object = {}): Promise<string> => {
    const answer = await create(changes);
    assert.equal(answer.status, 201, answer.text);
    return textAt(answer.json, 'uuid');
  };
  const one = (uuid: string, options: Parameters<Bench['rest']>[2] = {}) =>
    bench.rest(`${hooks}/${encodeURIComponent(uuid)}`, token, options);
  const sent = async () => {
    await bench.idle();
    return app.received;
  };

  it('are created with what the API shows of them, never the secret', async () => {
    const answer = await create();
    assert.equal(answer.status, 201);
    assert.equal(at(answer.json, 'type'), 'webhook_subscription');
    assert.equal(at(answer.json, 'secret_set'), true);
    assert.equal(at(answer.json, 'secret'), undefined);
    assert.deepEqual(at(answer.json, 'events'), events);
    assert.equal(at(answer.json, 'subject.uuid'), seed.repository.uuid);
    const self = textAt(answer.json, 'links.self.href');
    assert.equal(answer.headers.get('location'), self);
    assert.match(self, /%7B/);
    const read = await call(self, { headers: { Authorization: `Bearer ${token}` } });
    assert.deepEqual(read.json, answer.json);
    const list = await bench.rest(hooks, token);
    assert.deepEqual(at(list.json, 'values.0'), answer.json);
    assert.ok(!list.text.includes('s3cret'));
  });

  it('deliver the bare payload, signed over its bytes', async () => {
    const uuid = await made();
    await bench.commit({ message: 'Grüße' });
    const [request] = await sent();
    assert.ok(request);
    const digest = createHmac('sha256', 's3cret').update(request.raw).digest('hex');
    assert.equal(request.headers['x-hub-signature'], `sha256=${digest}`);
    assert.equal(request.headers['x-hook-uuid'], uuid.slice(1, -1));
    assert.match(String(request.headers['x-request-uuid']), /^[0-9a-f-]{36}$/);
    assert.equal(request.headers['x-attempt-number'], '1');
    assert.equal(request.headers['x-event-key'], 'repo:push');
    assert.equal(at(request.json, 'push.changes.0.new.name'), 'main');
    assert.equal(at(request.json, 'event'), undefined);
  });

  it('sign what is inside a compressed body', async () => {
    await bench.control('POST', 'settings', { delivery_gzip: true });
    await made();
    await bench.commit();
    const [request] = await sent();
    const [delivery] = await bench.deliveries();
    const digest = createHmac('sha256', 's3cret')
      .update(delivery?.body ?? '')
      .digest('hex');
    assert.equal(request?.headers['content-encoding'], 'gzip');
    assert.equal(request.headers['x-hub-signature'], `sha256=${digest}`);
  });

  it('are tried three times on 5xx, with one request id', async () => {
    app.answers.set('/hooks/1', 503);
    await made();
    await bench.commit();
    const requests = await sent();
    assert.deepEqual(
      requests.map((r) => r.headers['x-attempt-number']),
      ['1', '2', '3'],
    );
    assert.equal(new Set(requests.map((r) => r.headers['x-request-uuid'])).size, 1);
  });

  it('can be doubled, and then deliver twice with different ids', async () => {
    await made();
    await made();
    await bench.commit();
    const requests = await sent();
    assert.equal(requests.length, 2);
    assert.equal(new Set(requests.map((r) => r.headers['x-request-uuid'])).size, 2);
    assert.equal(new Set(requests.map((r) => r.headers['x-hook-uuid'])).size, 2);
  });

  it('keep their secret on update unless one is sent; null or "" removes it', async () => {
    const uuid = await made();
    const put = async (changes: object) => {
      const { secret: _secret, ...rest } = body();
      const answer = await one(uuid, { method: 'PUT', body: { ...rest, ...changes } });
      assert.equal(answer.status, 200, answer.text);
      return at(answer.json, 'secret_set');
    };
    assert.equal(await put({ events: ['repo:push'] }), true);
    await bench.commit();
    assert.ok((await sent()).at(-1)?.headers['x-hub-signature']);
    assert.equal(await put({ secret: '' }), false);
    await bench.commit();
    assert.equal((await sent()).at(-1)?.headers['x-hub-signature'], undefined);
    assert.equal(await put({ secret: 'other' }), true);
    assert.equal(await put({ secret: null }), false);
  });

  it('switched off or deleted they are silent', async () => {
    const uuid = await made();
    await bench.control('POST', 'hooks/update', { uuid, active: false });
    assert.equal(at((await one(uuid)).json, 'active'), false);
    await bench.commit();
    assert.equal((await sent()).length, 0);
    const deleted = await one(uuid, { method: 'DELETE' });
    assert.equal(deleted.status, 204);
    assert.equal(deleted.text, '');
    assert.equal((await one(uuid)).status, 404);
    assert.deepEqual(at(await bench.control('GET', 'hooks?repository=acme/site'), 'hooks'), []);
  });

  it('get only the events they ask for', async () => {
    await made({ events: ['repo:updated'] });
    await bench.commit();
    await bench.control('POST', 'repositories/rename', { repository: 'acme/site', name: 'Web' });
    assert.deepEqual(
      (await sent()).map((r) => r.headers['x-event-key']),
      ['repo:updated'],
    );
  });

  it('move along with the repository, and hear of it once', async () => {
    await bench.control('POST', 'workspaces', { slug: 'other', owner: 'ada' });
    await made();
    await bench.control('POST', 'repositories/transfer', { repository: 'acme/site', to: 'other' });
    const requests = await sent();
    assert.deepEqual(
      requests.map((r) => r.headers['x-event-key']),
      ['repo:transfer'],
    );
    const list = await bench.rest('repositories/other/site/hooks', token);
    assert.equal(listAt(list.json, 'values').length, 1);
  });

  it('tell of the repository’s end, or not, by switch', async () => {
    await made();
    await bench.control('POST', 'repositories/delete', { repository: 'acme/site' });
    assert.equal((await sent()).at(-1)?.headers['x-event-key'], 'repo:deleted');
    await bench.control('POST', 'repositories', { workspace: 'acme', slug: 'site' });
    await made();
    await bench.control('POST', 'settings', { deleted_reaches_hooks: false });
    await bench.control('POST', 'repositories/delete', { repository: 'acme/site' });
    assert.equal((await sent()).length, 1);
  });

  it('need an administrator, the webhook scope, and the scope of each event', async () => {
    await bench.control('POST', 'permissions', {
      repository: 'acme/site',
      user: 'bob',
      permission: 'write',
    });
    const bob = await bench.userToken('bob', 'account repository webhook');
    assert.equal((await create({}, bob)).status, 403);
    assert.equal((await bench.rest(hooks, bob)).status, 403);
    const without = await create({}, await bench.userToken('ada', 'account repository'));
    assert.deepEqual(at(without.json, 'error.detail'), {
      granted: ['account', 'repository'],
      required: ['webhook'],
    });
    const events = ['repo:push', 'pullrequest:created'];
    const partly = await create({ events });
    assert.deepEqual(at(partly.json, 'error.detail.required'), [
      'webhook',
      'repository',
      'pullrequest',
    ]);
  });

  it('are refused with the fields that are wrong', async () => {
    const wrong: [object, string][] = [
      [{ url: 'ftp://x' }, 'url'],
      [{ url: undefined }, 'url'],
      [{ events: [] }, 'events'],
      [{ events: ['repo:pushed'] }, 'events'],
      [{ events: ['repo:created'] }, 'events'],
      [{ events: ['repo:push', 'repo:push'] }, 'events'],
      [{ secret: 'x'.repeat(129) }, 'secret'],
      [{ active: 'yes' }, 'active'],
    ];
    for (const [changes, field] of wrong) {
      const answer = await create(changes);
      assert.equal(answer.status, 400, JSON.stringify(changes));
      assert.ok(at(answer.json, `error.fields.${field}`), answer.text);
    }
  });

  it('are at most fifty', async () => {
    for (let i = 0; i < 50; i += 1) await made({ url: `${app.url}/hooks/${i}` });
    const answer = await create();
    assert.equal(answer.status, 400);
    assert.match(textAt(answer.json, 'error.message'), /at most 50/);
    assert.equal(at((await bench.rest(`${hooks}?pagelen=100`, token)).json, 'size'), 50);
  });

  it('of a workspace fire for all its repositories', async () => {
    const answer = await bench.rest('workspaces/acme/hooks', token, {
      method: 'POST',
      body: body({ events: ['repo:push', 'repo:created'] }),
    });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(at(answer.json, 'subject_type'), 'workspace');
    await bench.commit();
    assert.equal((await sent()).length, 1);
    const bob = await bench.userToken('bob', 'webhook repository account');
    assert.equal((await bench.rest('workspaces/acme/hooks', bob)).status, 403);
  });

  it('have a public catalogue of events', async () => {
    const known = await call(`${bench.url}/2.0/hook_events/repository?pagelen=100`);
    const names = listAt(known.json, 'values').map((value) => at(value, 'event'));
    assert.ok(names.includes('repo:push'));
    assert.ok(!names.includes('repo:created'));
    assert.ok(at((await call(`${bench.url}/2.0/hook_events`)).json, 'workspace.events.href'));
    assert.equal((await call(`${bench.url}/2.0/hook_events/team`)).status, 404);
  });

  it('stand on the settings page with every request', async () => {
    const uuid = await made({ description: 'Deploys <here>' });
    await bench.commit();
    await bench.idle();
    const page = await call(`${bench.url}/acme/site/admin/webhooks?as=ada`);
    assert.match(page.text, /Deploys &lt;here&gt;/);
    assert.match(page.text, /Active/);
    const requests = await call(
      `${bench.url}/acme/site/admin/webhooks/${encodeURIComponent(uuid)}?as=ada`,
    );
    assert.match(requests.text, /X-Hub-Signature: sha256=/);
    assert.match(requests.text, /repo:push/);
    assert.ok(!requests.text.includes('s3cret'));
    assert.equal((await call(`${bench.url}/acme/site/admin/webhooks?as=bob`)).status, 403);
  });
});
