import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forgeSettings, installForgeApp } from '../support/e2e/forge-app.js';
import { Stage } from '../support/e2e/stage.js';

interface UiAnswer {
  status: number;
  html: string;
}

interface Invoked {
  success: boolean;
  payload?: { status: number; body: UiAnswer };
  error?: { message: string };
}

const settings = 'slipway-repo-settings';
const saveTarget = {
  method: 'POST',
  path: '/panel/actions/target/save',
  fields: Object.entries({
    ...{ targetId: '', expectedVersion: '0', name: 'Mine', backend: 'local' },
    branchPattern: 'main',
  }),
};
const page = { method: 'GET', path: 'page' };
const fragment = { method: 'GET', path: '/panel/fragments/deployments' };

/** `POST /forge/ui` in the name of several people: what Bitbucket says of them counts, not which page they came from. */
describe('rights in the panel inside Forge', function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.open(forgeSettings);
    await installForgeApp(stage);
    await stage.bench.control('POST', 'repositories', { workspace: 'acme', slug: 'shop' });
  });
  after(() => stage?.close());

  async function person(nickname: string, permission?: string): Promise<string> {
    await stage.bench.control('POST', 'users', { nickname });
    const facts = { repository: 'acme/site', user: nickname, permission };
    if (permission !== undefined) await stage.bench.control('POST', 'permissions', facts);
    return nickname;
  }

  async function ask(user: string, body: object, more: object = {}): Promise<UiAnswer> {
    const { success, payload, error } = await stage.bench.control<Invoked>('POST', 'forge/invoke', {
      ...{ repository: 'acme/site', user, module: settings },
      ...{ path: '/forge/ui', method: 'POST', body },
      ...more,
    });
    assert.ok(success && payload, error?.message);
    assert.equal(payload.status, 200, 'HTML travels inside JSON');
    return payload.body;
  }

  const offersActions = ({ html }: UiAnswer): boolean => html.includes('data-action=');
  const targets = async (): Promise<number> => (await stage.rows('SELECT id FROM targets')).length;

  it('lets an admin of the repository set up a target', async () => {
    const user = await person('anna', 'admin');
    assert.equal(offersActions(await ask(user, page)), true);
    const before = await targets();
    assert.equal((await ask(user, saveTarget)).status, 200);
    assert.equal(await targets(), before + 1);
  });

  it('lets an owner of the workspace do the same where no row names them', async () => {
    const answer = await ask('ada', page, { repository: 'acme/shop' });
    assert.equal(answer.status, 200);
    assert.equal(offersActions(answer), true);
  });

  for (const permission of ['write', 'read']) {
    it(`shows it to somebody with ${permission}, refuses what changes something`, async () => {
      const user = await person(`p-${permission}`, permission);
      const shown = await ask(user, page);
      assert.equal(shown.status, 200);
      assert.equal(offersActions(shown), false);
      assert.match(shown.html, /Only an admin of this repository can change/);
      const before = await targets();
      const refused = await ask(user, saveTarget);
      assert.equal(refused.status, 403);
      assert.match(refused.html, /not_repository_admin/);
      assert.equal(await targets(), before);
    });
  }

  it('refuses everything to a member who may not see the repository', async () => {
    const user = await person('nora');
    await stage.bench.control('POST', 'members', { workspace: 'acme', user, role: 'member' });
    for (const wish of [page, fragment, saveTarget]) {
      assert.equal((await ask(user, wish)).status, 404, wish.path);
    }
  });

  it('lets somebody from outside change nothing', async () => {
    const user = await person('otto');
    const before = await targets();
    assert.equal(offersActions(await ask(user, page)), false);
    assert.equal((await ask(user, saveTarget)).status, 403);
    assert.equal(await targets(), before);
  });

  it('is for reading, with the reason, while Bitbucket does not answer; then it is as always', async () => {
    const user = await person('rosa', 'admin');
    await stage.fault({ path: '^/2\\.0/user/workspaces/', status: 503 });
    const shown = await ask(user, page);
    assert.equal(shown.status, 200);
    assert.equal(offersActions(shown), false);
    assert.match(shown.html, /Bitbucket did not say whether you are an admin/);
    assert.equal((await ask(user, fragment)).status, 200);
    const before = await targets();
    const refused = await ask(user, saveTarget);
    assert.equal(refused.status, 502, 'an admin is not told that they are none');
    assert.equal(await targets(), before);
    await stage.clearFaults();
    assert.equal(offersActions(await ask(user, page)), true);
  });

  it('shows the workspace’s page to read, with the reason, while Bitbucket does not answer', async () => {
    const workspacePage = {
      module: 'slipway-ws-settings',
      repository: undefined,
      workspace: 'acme',
    };
    const user = await person('walt');
    await stage.bench.control('POST', 'members', { workspace: 'acme', user, role: 'owner' });
    await stage.fault({ path: '^/2\\.0/user/workspaces/', status: 503 });
    const shown = await ask(user, page, workspacePage);
    assert.equal(shown.status, 200);
    assert.match(shown.html, /Bitbucket did not say whether you are an admin/);
    await stage.clearFaults();
    assert.doesNotMatch((await ask(user, page, workspacePage)).html, /Bitbucket did not say/);
  });

  it('is for reading where Forge brings no token of the viewer’s, until it brings one', async () => {
    const user = await person('tess', 'admin');
    const file = join(stage.folder, 'forge-app', 'manifest.yml');
    const whole = readFileSync(file, 'utf8');
    const without = whole.replace(
      /appUserToken:\n(\s+)enabled: true/,
      'appUserToken:\n$1enabled: false',
    );
    assert.notEqual(without, whole);
    writeFileSync(file, without);
    await stage.bench.control('POST', 'forge/upgrade', { workspace: 'acme' });
    const shown = await ask(user, page);
    assert.equal(shown.status, 200);
    assert.equal(offersActions(shown), false);
    assert.match(shown.html, /does not let Slipway ask whether you are an admin/);
    assert.equal((await ask(user, saveTarget)).status, 403);
    writeFileSync(file, whole);
    await stage.bench.control('POST', 'forge/upgrade', { workspace: 'acme' });
    assert.equal(offersActions(await ask(user, page)), true);
  });
});
