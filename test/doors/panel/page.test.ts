import assert from 'node:assert/strict';
import { join } from 'node:path';
import { AccessError, BitbucketError } from '../../../src/core/errors.js';
import { createAssetVersions } from '../../../src/doors/panel/asset-version.js';
import { aRepository, aTarget, fakePanel, type FakePanel } from './support/fake-panel.js';
import { scenarios, wild } from './support/scenarios.js';
import {
  openPanel,
  root,
  servePanel,
  type ServedPanel,
  type ServeOptions,
} from './support/serve-panel.js';
import { startOfTime } from './support/fake-panel.js';

describe('panel page', () => {
  let served: ServedPanel | undefined;
  const serve = async (fake: FakePanel, options?: ServeOptions): Promise<string> => {
    served = await servePanel(fake, options);
    return served.url;
  };
  afterEach(async () => {
    await served?.close();
    served = undefined;
  });

  it('forbids everything inline and every frame but Bitbucket', async () => {
    const url = await serve(fakePanel(), { bitbucketUrl: 'https://bitbucket.org/' });
    const answer = await fetch(`${url}/panel/repository?jwt=x`);
    assert.equal(answer.status, 200);
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'; script-src 'self' https:\/\/bitbucket\.org;/);
    assert.match(policy, /frame-ancestors https:\/\/bitbucket\.org https:\/\/\*\.bitbucket\.org$/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(answer.headers.get('x-frame-options'), null);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
    const html = await answer.text();
    assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|<script>|javascript:/);
    // Without options it sizes the frame to .ac-content, so that there is one scrollbar only.
    assert.match(
      html,
      /<script src="https:\/\/bitbucket\.org\/atlassian-connect\/all\.js"><\/script>/,
    );
    assert.match(html, /<main class="ac-content /);
  });

  it('has a page for all readers that changes nothing, not even for an admin', async () => {
    const fake = fakePanel({ targets: [aTarget()], permissionIs: 'admin' });
    const url = await serve(fake);
    const client = await openPanel(url, '/panel/overview');
    assert.match(client.html, /Its admins change targets in Repository settings/);
    assert.match(client.html, /data-target-card="T1"/);
    assert.doesNotMatch(client.html, /data-action=|data-load="[^"]*target-form/);
    const refused = await client.post('target/remove', { targetId: 'T1' });
    assert.equal(refused.status, 403);
    assert.deepEqual(fake.calls, []);
    assert.equal((await client.get('/panel/fragments/deployments')).status, 200);
  });

  it('names scripts and styles by their content, so that an upgrade is seen at once', async () => {
    const url = await serve(fakePanel());
    const html = await (await fetch(`${url}/panel/repository`)).text();
    const links = [...html.matchAll(/(?:src|href)="([^"]*\/public\/([^"?]*)\?v=([\w-]+))"/g)];
    assert.deepEqual(links.map((link) => link[2]).sort(), ['icon.svg', 'panel.css', 'panel.js']);
    assert.equal(new Set(links.map((link) => link[3])).size, 3);
    for (const [, link = ''] of links) {
      assert.equal((await fetch(new URL(link, url))).status, 200, link);
    }
    const version = createAssetVersions(join(root, 'public'));
    assert.ok(html.includes(`/panel.js?v=${version('panel.js')}"`));
    assert.throws(() => version('nothing.js'), /no nothing\.js/);
  });

  it('takes X-Frame-Options away that others have set', async () => {
    const url = await serve(fakePanel(), {
      before: (_req, res, next) => {
        res.setHeader('X-Frame-Options', 'SAMEORIGIN');
        next();
      },
    });
    const answer = await fetch(`${url}/panel/repository`);
    assert.equal(answer.headers.get('x-frame-options'), null);
  });

  it('teaches on an empty page, with a form filled with good defaults', async () => {
    const fake = fakePanel({ repositories: [aRepository({ mainBranch: 'trunk' })] });
    const { html } = await openPanel(await serve(fake));
    assert.match(html, /From push to live in three steps/);
    assert.match(html, /name="name" value="Production"/);
    assert.match(html, /name="branchPattern" value="trunk"/);
    assert.match(html, /<option value="develop"><\/option>/);
    assert.match(html, /type="hidden" name="backend" value="local"/);
    assert.match(html, /name="settings\.buildCommand"/);
  });

  it('proposes a name that no other target of the repository has', async () => {
    const fake = fakePanel({ targets: [aTarget({ name: 'production' })] });
    const client = await openPanel(await serve(fake));
    const html = await (await client.get('/panel/fragments/target-form')).text();
    assert.match(html, /name="name" value="Staging"/);
  });

  it('keeps the form away from readers and says why', async () => {
    for (const permissionIs of ['write', 'read', 'none'] as const) {
      const { html } = await openPanel(
        await serve(fakePanel({ permissionIs, targets: [aTarget()] })),
      );
      assert.match(html, /Only an admin of this repository can change/);
      assert.doesNotMatch(html, /data-action|branches"/);
      await served?.close();
    }
  });

  it('takes the fresh JWT as proof where Bitbucket may not be asked', async () => {
    const { html } = await openPanel(await serve(fakePanel({ permissionIs: 'unknown' })));
    assert.match(html, /data-action="\/panel\/actions\/target\/save"/);
  });

  it('does not take an outage as proof', async () => {
    const permissionIs = new BitbucketError('bitbucket_unavailable', 'down');
    const { html } = await openPanel(await serve(fakePanel({ permissionIs })));
    assert.doesNotMatch(html, /data-action/);
    assert.match(html, /Bitbucket did not say whether you are an admin/);
  });

  it('shows an error page, without detail, for a visitor nobody vouched for', async () => {
    const url = await serve(fakePanel(), { identity: null });
    const answer = await fetch(`${url}/panel/repository`);
    assert.equal(answer.status, 401);
    const html = await answer.text();
    assert.match(html, /not signed by an installation we know/);
    assert.match(html, /ref-123/);
  });

  it('never shows the inside of an error', async () => {
    const fake = fakePanel({
      openRepository: () => Promise.reject(new Error('secret-connection-string')),
    });
    const answer = await fetch(`${await serve(fake)}/panel/repository`);
    assert.equal(answer.status, 500);
    const html = await answer.text();
    assert.doesNotMatch(html, /secret-connection-string|Error:|at .*\.ts/);
    assert.match(html, /Something went wrong in Slipway/);
  });

  it('passes the catalogue on for a repository that is gone', async () => {
    const fake = fakePanel({
      openRepository: () => Promise.reject(new AccessError('repository_gone', 404, 'internals')),
    });
    const answer = await fetch(`${await serve(fake)}/panel/repository`);
    assert.equal(answer.status, 404);
    const html = await answer.text();
    assert.match(html, /Bitbucket does not show us this repository/);
    assert.doesNotMatch(html, /internals/);
  });

  it('escapes every name, whatever it contains', async () => {
    const hard = scenarios(startOfTime)['hard-names'];
    assert.ok(hard);
    const { html } = await openPanel(await serve(hard.services()));
    assert.doesNotMatch(html, /<img|<script>alert|href="javascript:/);
    assert.ok(html.includes('&lt;img src&#x3D;x onerror&#x3D;alert(1)&gt;'));
    assert.ok(html.includes(`<bdi class="clip" title="${wild.rtl}">${wild.rtl}</bdi>`));
  });
});
