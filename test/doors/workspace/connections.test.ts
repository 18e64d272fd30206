import assert from 'node:assert/strict';
import { AccountBackend } from '../../support/account-backend.js';
import { createEngine, workspaceUuid, type Engine } from '../../support/engine.js';
import { textOfHtml } from '../../support/e2e/panel.js';
import { serveWorkspace, type ServedWorkspace } from './serve-workspace.js';

const typed = {
  ...{ connectionId: '', expectedVersion: '0', backend: 'account', name: 'Team <b>' },
  'settings.token': 'token-of-the-team',
};

describe('workspace page: connections', () => {
  let backend: AccountBackend;
  let engine: Engine;
  let served: ServedWorkspace;
  let session: string;
  beforeEach(async () => {
    backend = new AccountBackend();
    engine = await createEngine({ backend });
    served = await serveWorkspace(engine, { backends: [backend] });
    session = (await served.page()).session;
  });
  afterEach(async () => {
    await served.close();
    await engine.close();
  });

  const act = (name: string, fields: object) =>
    served.call(session, 'POST', `actions/connections/${name}`, fields);
  const show = (query = '') => served.call(session, 'GET', `sections/connections${query}`);
  const only = async () => {
    const [one] = await engine.storage.read.connections.ofWorkspace(workspaceUuid);
    assert.ok(one);
    return one;
  };

  it('offers the backends that have accounts, and a form made of the schema', async () => {
    assert.match(textOfHtml((await show()).html), /No connection yet.*Connect Skyport/);
    const { html } = await show('?backend=account');
    assert.match(
      html,
      /name="settings\.token"[^>]*type="password"|type="password"[^>]*name="settings\.token"/,
    );
    assert.match(textOfHtml(html), /Made at Skyport\..*Test and save/);
  });

  it('saves what the backend accepts, and never shows the secret again', async () => {
    const { html, status } = await act('save', typed);
    assert.equal(status, 200);
    assert.match(
      textOfHtml(html),
      /Team <b> is connected.*Skyport Works.*Belongs to ada@example\.com.*Added by Grace Hopper/,
    );
    assert.doesNotMatch(html, /<b>|token-of-the-team/);
    const { html: form } = await show(`?edit=${(await only()).id}`);
    assert.match(textOfHtml(form), /Change or repair Team <b>.*Empty keeps what is stored/);
    assert.doesNotMatch(form, /token-of-the-team/);
  });

  it('draws the form again with what is wrong at its field, without the secret', async () => {
    const problems = [{ field: 'token', message: 'Not accepted (401).' }];
    backend.onTest = { ok: false, refused: true, problems };
    const { html, status } = await act('save', typed);
    assert.equal(status, 422);
    assert.match(html, /aria-invalid="true"/);
    assert.match(textOfHtml(html), /Not accepted \(401\)\./);
    assert.match(html, /value="Team &lt;b&gt;"/);
    assert.doesNotMatch(html, /token-of-the-team/);
  });

  it('says which targets use it, and then offers no removal', async () => {
    await act('save', typed);
    const { id } = await only();
    await engine.target({ connectionId: id });
    const { html } = await show();
    assert.match(textOfHtml(html), /Used by Production of acme\/site/);
    assert.doesNotMatch(html, /connections\/remove/);
    const refused = await act('remove', { id });
    assert.equal(refused.status, 409);
    assert.match(textOfHtml(refused.html), /still used: Production of acme\/site/);
  });

  it('removes what nobody uses, and tests on demand', async () => {
    await act('save', typed);
    const { id } = await only();
    assert.match(textOfHtml((await act('test', { id })).html), /Skyport accepts it/);
    const problems = [{ field: 'token', message: 'Revoked.' }];
    backend.onTest = { ok: false, refused: true, problems };
    const tested = await act('test', { id });
    assert.equal(tested.status, 422);
    assert.match(textOfHtml(tested.html), /Revoked\..*Broken.*goes on when you repair it/);
    assert.equal((await act('remove', { id })).status, 200);
    assert.match(textOfHtml((await show()).html), /No connection yet/);
  });

  it('is not even shown to others than admins of the workspace', async () => {
    engine.bitbucket.workspacePermissionIs = 'none';
    await served.close();
    served = await serveWorkspace(engine, { backends: [backend] });
    const { html, session: reader } = await served.page();
    assert.doesNotMatch(html, /Connections/);
    assert.equal((await served.call(reader, 'GET', 'sections/connections')).status, 403);
    assert.equal(
      (await served.call(reader, 'POST', 'actions/connections/save', typed)).status,
      403,
    );
  });
});
