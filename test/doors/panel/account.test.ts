import assert from 'node:assert/strict';
import type { TargetChoice } from '../../../src/core/backend.js';
import { textOfHtml, unescapeHtml } from '../../support/e2e/panel.js';
import { aBackend, aConnection, aTarget, appBackend, fakePanel } from './support/fake-panel.js';
import type { FakePanel } from './support/fake-panel.js';
import { openPanel, servePanel } from './support/serve-panel.js';
import type { PanelClient, ServedPanel } from './support/serve-panel.js';

const shop: TargetChoice = {
  ...{
    id: 'app-1',
    label: 'Shop <b>',
    parts: ['web: service from Bitbucket acme/shop, branch trunk'],
  },
  ...{ repository: 'ACME/shop', branch: 'trunk', url: null },
};
const other: TargetChoice = { ...shop, id: 'app-2', label: 'Other', repository: 'acme/other' };

describe('panel: a backend with accounts', () => {
  let served: ServedPanel;
  let fake: FakePanel;
  let client: PanelClient;
  const open = async (over: Partial<FakePanel> = {}): Promise<void> => {
    fake = fakePanel({ backends: [aBackend(), appBackend], connections: [aConnection()], ...over });
    served = await servePanel(fake);
    client = await openPanel(served.url);
  };
  afterEach(async () => served.close());

  const settings = async (query = ''): Promise<string> => {
    const answer = await client.get(`/panel/fragments/settings?backend=apps&targetId=${query}`);
    assert.equal(answer.status, 200);
    return answer.text();
  };

  it('says where a connection comes from when there is none', async () => {
    await open({ connections: [aConnection({ workspaceUuid: '{other}' })] });
    const text = textOfHtml(await settings());
    assert.match(text, /no connection to App cloud yet.*An admin of the workspace adds one/);
  });

  it('lists what the only connection has, what this repository builds first, with its parts', async () => {
    await open({ listing: { ok: true, choices: [other, shop], next: '2' } });
    const html = await settings();
    const text = textOfHtml(html);
    assert.match(
      text,
      /Shop <b> web: service from Bitbucket acme\/shop, branch trunk Builds the branch trunk of this repository\..*Other .*Not built from this repository/,
    );
    assert.doesNotMatch(html, /<b>/);
    assert.match(unescapeHtml(html), /cursor=2/);
    assert.match(html, /name="settings\.app" value="app-1"/);
  });

  it('wants a choice among several, and says which one is broken', async () => {
    const broken = aConnection({ id: 'K2', name: 'Old', state: 'broken' });
    await open({
      connections: [aConnection(), broken],
      listing: { ok: true, choices: [shop], next: null },
    });
    const text = textOfHtml(await settings());
    assert.match(text, /Team ada@example\.com Old broken: a workspace admin has to repair it/);
    assert.doesNotMatch(text, /Shop/);
    assert.match(textOfHtml(await settings('&connectionId=K1')), /Shop/);
  });

  it('lets the value be typed when there is no list', async () => {
    await open({ listing: { ok: false, refused: false, reason: 'It does not answer.' } });
    const html = await settings();
    assert.match(textOfHtml(html), /It does not answer\./);
    assert.match(html, /type="text"[^>]*name="settings\.app"/);
  });

  it('keeps what was chosen before, also when it is on no page that is shown', async () => {
    const target = aTarget({ backend: 'apps', connectionId: 'K1', settings: { app: 'app-9' } });
    await open({ targets: [target], listing: { ok: true, choices: [shop], next: null } });
    const answer = await client.get('/panel/fragments/target-form?targetId=T1');
    const html = await answer.text();
    assert.match(html, /value="app-9" checked/);
    assert.match(html, /name="connectionId" value="K1" checked/);
  });

  it('hands the connection over, and shows warnings with what can be done about them', async () => {
    const fix = { id: 'off', label: 'Turn that off' };
    await open({ warnings: [{ message: 'It would deploy twice.', fix }] });
    const form = { targetId: '', backend: 'apps', name: 'Production', branchPattern: 'trunk' };
    const chosen = { connectionId: 'K1', 'settings.app': 'app-1' };
    const answer = await client.post('target/save', { ...form, ...chosen });
    assert.match(textOfHtml(await answer.text()), /It would deploy twice\. Turn that off/);
    const saved = fake.calls[0]?.input as { connectionId: string; settings: object };
    assert.equal(saved.connectionId, 'K1');
    assert.deepEqual(saved.settings, { app: 'app-1' });
    const fixed = await client.post('target/fix', { targetId: 'T1', fix: 'off' });
    assert.equal(fixed.status, 200);
    assert.match(textOfHtml(await fixed.text()), /Changed at the backend/);
    assert.equal(fake.calls.at(-1)?.name, 'fixTarget');
  });

  it('creates only after the price was shown, and chooses what was made', async () => {
    await open({ listing: { ok: true, choices: [shop], next: null } });
    const at = { backend: 'apps', connectionId: 'K1' };
    assert.match(unescapeHtml(await settings()), /fragments\/creation\?[^"]*connectionId=K1/);
    const first = await client.get(
      `/panel/fragments/creation?${new URLSearchParams(at).toString()}`,
    );
    assert.match(await first.text(), /name="name" value="shop"[\s\S]*Show what it would be/);
    const wish = { ...at, name: 'shop', branch: 'main' };
    const pending = await client.post('creation/propose', wish);
    assert.match(textOfHtml(await pending.text()), /It is looking\. Ask again/);
    fake.proposal = {
      kind: 'proposed',
      parts: ['web: service'],
      cost: '5 USD a month',
      warnings: [],
    };
    const proposed = await client.post('creation/propose', wish);
    assert.match(
      textOfHtml(await proposed.text()),
      /web: service It costs 5 USD a month.*app:create.*Create it/,
    );
    fake.created = { kind: 'refused', reason: 'Not allowed.' };
    assert.equal((await client.post('creation/create', wish)).status, 422);
    fake.created = { kind: 'created', choice: shop };
    const created = await client.post('creation/create', wish);
    const html = await created.text();
    assert.match(textOfHtml(html), /Shop <b> was created and is chosen/);
    assert.match(html, /id="settings-new" data-oob/);
    assert.match(html, /name="settings\.app" value="app-1" checked/);
  });
});
