import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { git, type SandboxUser } from '../sandbox/support.js';
import { forgeSettings, installForgeApp } from '../support/e2e/forge-app.js';
import { textOfHtml } from '../support/e2e/panel.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

interface Invoked {
  payload?: { body: { status: number; html: string } };
}

interface Delivery {
  id: string;
  attempts: { status: number | null }[];
}

describe('a Forge app that lives and goes', function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.open(forgeSettings);
    await installForgeApp(stage);
  });
  after(() => stage?.close());

  /** What ada reads of the answer to her page's script. */
  const ask = async (body: object): Promise<string> => {
    const { payload } = await stage.bench.control<Invoked>('POST', 'forge/invoke', {
      ...{ repository: 'acme/web-site', user: 'ada', module: 'slipway-repo-settings' },
      ...{ path: '/forge/ui', method: 'POST', body },
    });
    assert.equal(payload?.body.status, 200, payload?.body.html);
    return textOfHtml(payload.body.html);
  };
  const renamed = async (): Promise<Delivery[]> => {
    const path = 'forge/deliveries?event=avi:bitbucket:updated:repository';
    return (await stage.bench.control<{ deliveries: Delivery[] }>('GET', path)).deliveries;
  };

  it('learns a new name, which the event itself does not carry', async () => {
    const body = { method: 'GET', path: 'page' };
    const visit = { repository: 'acme/site', user: 'ada', path: '/forge/ui', method: 'POST', body };
    await stage.bench.control('POST', 'forge/invoke', visit);
    const change = { repository: 'acme/site', name: 'Web site', user: 'ada' };
    await stage.bench.control('POST', 'repositories/rename', change);
    await waitFor('the new name', async () => {
      const rows = await stage.rows('SELECT full_name FROM repositories');
      return rows.some((row) => row['full_name'] === 'acme/web-site');
    });
  });

  it('says who pushed, whom the event names by id alone', async () => {
    const grace = await stage.bench.control<SandboxUser>('POST', 'users', {
      nickname: 'grace',
      display_name: 'Grace Pusher',
    });
    const member = { workspace: 'acme', user: 'grace', role: 'member' };
    await stage.bench.control('POST', 'members', member);
    const right = { repository: 'acme/web-site', user: 'grace', permission: 'write' };
    await stage.bench.control('POST', 'permissions', right);
    const target = { targetId: '', expectedVersion: '0', name: 'Mine', backend: 'local' };
    const fields = Object.entries({ ...target, branchPattern: 'main' });
    await ask({ method: 'POST', path: '/panel/actions/target/save', fields });

    const clone = join(stage.folder, 'clone');
    mkdirSync(clone);
    const url = new URL('/acme/web-site.git', stage.bench.url);
    Object.assign(url, { username: 'grace', password: grace.git_password });
    await git(clone, 'clone', '--quiet', url.href, '.');
    const push = async (page: string): Promise<string> => {
      writeFileSync(join(clone, 'index.html'), page);
      await git(clone, 'commit', '--quiet', '-a', '-m', page);
      await git(clone, 'push', '--quiet');
      return (await git(clone, 'rev-parse', 'HEAD')).trim();
    };
    const live = (commit: string, byHer: string) =>
      waitFor('the deployment to be live and to say whose push it was', async () => {
        const sql = 'SELECT state, caused_by FROM deployments WHERE "commit" = ?';
        const [row] = await stage.rows(sql, commit);
        return row?.['state'] === 'live' && row['caused_by'] === byHer;
      });
    await live(await push('one'), 'Grace Pusher');
    await live(await push('two'), 'Grace Pusher');

    const page = await ask({ method: 'GET', path: 'page' });
    const pushes = page.match(/push to branch main by Grace Pusher/g) ?? [];
    assert.equal(pushes.length, 2, page);
    assert.match(page, /Live .{7,12} two pushed by Grace Pusher/, 'on the card of the target');
    const path = '/panel/fragments/deployments?person=';
    const hers = await ask({ method: 'GET', path: `${path}Grace%20Pusher` });
    const others = await ask({ method: 'GET', path: `${path}Ada%20Example` });
    const listed = (html: string): number[] =>
      [/to Mine branch main pushed by/g, /push to branch main by/g].map(
        (row) => (html.match(row) ?? []).length,
      );
    assert.deepEqual(
      [listed(hers), listed(others)],
      [
        [2, 2],
        [0, 0],
      ],
      hers + others,
    );
    const { calls } = await stage.bench.control<{ calls: { path: string }[] }>('GET', 'calls');
    const asked = calls.filter((call) => call.path.includes('/members/'));
    assert.equal(asked.length, 1, 'once for both pushes');
  });

  it('stays uninstalled when an event of before comes late', async () => {
    await stage.bench.control('POST', 'forge/uninstall', { workspace: 'acme' });
    const [told] = await renamed();
    assert.ok(told);
    await stage.bench.control('POST', `forge/deliveries/${told.id}/resend`);
    await stage.bench.idle();
    const late = (await renamed()).at(-1);
    assert.equal(late?.attempts.at(-1)?.status, 204, 'Forge has no reason to try again');
    const rows = await stage.rows("SELECT state FROM installations WHERE door = 'forge'");
    assert.deepEqual(
      rows.map((row) => row['state']),
      ['removed'],
    );
  });
});
