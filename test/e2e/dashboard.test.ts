import assert from 'node:assert/strict';
import { DashboardStage, type Visitor } from '../support/e2e/dashboard-stage.js';
import { textOfHtml } from '../support/e2e/panel.js';
import { waitFor } from '../support/e2e/wait-for.js';

/** Slipway and the sandbox as they are, a browser between them; nobody has installed anything. */
describe('a repository enabled from the dashboard', function () {
  this.timeout(30_000);
  let stage: DashboardStage;
  let ada: Visitor;

  before(async () => {
    stage = await DashboardStage.open();
    ada = await stage.visitor('ada');
  });
  after(() => stage.close());

  function linkOf(html: string, pattern: RegExp): string {
    const found = pattern.exec(html)?.[1];
    assert.ok(found, textOfHtml(html));
    return found;
  }

  it('gets one webhook, tells of a push through it, and keeps none when it is disabled', async () => {
    const home = await ada.open('/');
    const workspace = linkOf(
      home.html,
      /href="(\/w\/[0-9a-f-]+)"><bdi class="two-lines" title="acme">Acme</,
    );
    const list = await ada.open(workspace);
    const place = linkOf(
      list.html,
      /href="(\/w\/[0-9a-f-]+\/r\/[0-9a-f-]+)"><bdi class="two-lines" title="acme\/site"/,
    );
    assert.match(await ada.read(place), /Off\. .*Enable Slipway here/);
    assert.match(await ada.act(place, 'actions/hook/enable'), /every push reaches it from now on/);
    assert.match(await ada.act(place, 'actions/hook/check'), /the webhook is as it should be/);
    await stage.bench.commit({ branch: 'main' });
    const heard = await waitFor('the delivery', async () => {
      const text = textOfHtml(await ada.fragment(place, 'hook'));
      return text.includes('Last heard of') ? text : null;
    });
    assert.match(heard, /Enabled by Ada/);
    assert.match(await ada.act(place, 'actions/hook/repair'), /with a new secret/);
    assert.equal((await stage.hooksOf()).length, 1);
    assert.match(await ada.act(place, 'actions/hook/disable'), /its webhook is gone/);
    assert.deepEqual(await stage.hooksOf(), []);
    const told = await ada.read(`${workspace}/settings`);
    for (const words of ['switched on', 'repaired', 'switched off']) {
      assert.match(told, new RegExp(`Ada Example ${words} the webhook of acme/site`));
    }
  });

  it('is cloned with a consumer that the workspace stored, without anybody’s own connection', async () => {
    const workspaceUuid = await stage.workspaceUuid();
    const settings = `${stage.place(workspaceUuid).split('/r/')[0]}/settings`;
    const own = { key: 'team-key', secret: 'team-secret-of-acme' };
    await stage.bench.control('POST', 'consumers', {
      ...{ workspace: 'acme', name: 'Clones', scopes: 'repository', is_private: true },
      ...{ ...own, callback_url: 'https://acme.example/' },
    });
    const fields = { kind: 'consumer', clientId: own.key, secret: own.secret };
    const saved = await ada.act(settings, 'workspace/actions/credentials/save', fields);
    assert.match(saved, /Bitbucket accepted it, and it is stored.*OAuth consumer.*Works/);
    const place = stage.place(workspaceUuid);
    await ada.act(place, 'actions/hook/enable');
    await ada.addTarget(place);
    const commit = await stage.bench.commit({ branch: 'main' });
    assert.deepEqual(await ada.deployed(place, commit), [{ state: 'live' }]);
    const [row] = await stage.rows(
      'SELECT cloned_with FROM deployments WHERE "commit" = ?',
      commit,
    );
    assert.match(String(row?.['cloned_with']), /consumer/);
    assert.match(await ada.read(settings), /Ada Example stored the OAuth consumer/);
  });
});
