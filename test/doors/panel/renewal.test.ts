import assert from 'node:assert/strict';
import { BitbucketError } from '../../../src/core/errors.js';
import { aRepository, aTarget, fakePanel, type FakePanel } from './support/fake-panel.js';
import { openPanel, panelClient, servePanel } from './support/serve-panel.js';
import type { PanelClient, ServedPanel } from './support/serve-panel.js';

const minute = 60_000;
const list = '/panel/fragments/deployments';

describe('a panel that is only watched', () => {
  let served: ServedPanel;
  let fake: FakePanel;
  let client: PanelClient;
  const open = async (over: Partial<FakePanel> = {}, where?: string): Promise<void> => {
    fake = fakePanel({ targets: [aTarget()], ...over });
    served = await servePanel(fake);
    client = await openPanel(served.url, where);
  };
  afterEach(async () => served.close());

  const next = async (headers: Record<string, string> = {}): Promise<string | null> =>
    (await client.get(list, headers)).headers.get('x-slipway-session');
  const goOnWith = (token: string | null): void => {
    assert.ok(token, 'a token for the next calls');
    client = panelClient(served.url, token);
  };

  it('gets its next session while it asks, and is still there after an hour', async () => {
    await open();
    assert.equal(await next(), null, 'a young session needs no other');
    for (let passed = 0; passed < 60; passed += 10) {
      served.clock.now += 10 * minute;
      goOnWith(await next());
    }
    assert.equal((await client.get(list)).status, 200);
    assert.equal((await client.post('target/remove', { targetId: 'T1' })).status, 200);
  });

  it('gets it with an answer that brings nothing new, too', async () => {
    await open();
    served.clock.now += 10 * minute;
    const first = await client.get(list);
    const etag = first.headers.get('etag') ?? '';
    const again = await client.get(list, { 'if-none-match': etag });
    assert.equal(again.status, 304);
    assert.ok(again.headers.get('x-slipway-session'));
  });

  it('ends with the proof it came with where Bitbucket may not be asked', async () => {
    await open({ permissionIs: 'unknown' });
    served.clock.now += 10 * minute;
    assert.equal((await client.post('target/remove', { targetId: 'T1' })).status, 200);
    assert.equal(await next(), null);
    served.clock.now += 5 * minute;
    assert.equal((await client.get(list)).status, 401);
  });

  it('does not carry that proof on: from then on only Bitbucket’s word makes an admin', async () => {
    await open();
    served.clock.now += 10 * minute;
    goOnWith(await next());
    fake.permissionIs = 'unknown';
    assert.equal((await client.post('target/remove', { targetId: 'T1' })).status, 403);
    assert.deepEqual(fake.calls, []);
  });

  it('is not renewed for somebody who may not read the repository any more, nor during an outage', async () => {
    await open();
    served.clock.now += 10 * minute;
    fake.permissionIs = 'none';
    assert.equal(await next(), null);
    fake.permissionIs = new BitbucketError('bitbucket_unavailable', 'away');
    assert.equal(await next(), null);
    fake.permissionIs = 'admin';
    fake.repositories = [aRepository({ workspaceUuid: '{ws-2}' })];
    assert.equal(await next(), null);
  });

  it('loses what its admin lost, and gains nothing', async () => {
    await open();
    served.clock.now += 10 * minute;
    fake.permissionIs = 'write';
    goOnWith(await next());
    fake.permissionIs = 'admin';
    assert.equal((await client.post('target/remove', { targetId: 'T1' })).status, 403);
  });

  it('of a reader’s page ends after 15 minutes: it names nobody to ask about', async () => {
    await open({}, '/panel/overview');
    served.clock.now += 10 * minute;
    assert.equal(await next(), null);
  });

  it('cannot be kept alive with a session that is over', async () => {
    await open();
    served.clock.now += 15 * minute;
    const answer = await client.get(list);
    assert.deepEqual([answer.status, answer.headers.get('x-slipway-session')], [401, null]);
  });
});
