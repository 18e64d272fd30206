import assert from 'node:assert/strict';
import { DashboardStage, type Visitor } from '../support/e2e/dashboard-stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

const live = [{ state: 'live' }];

/** What happens to repositories and people in Bitbucket, as those meet it who use Slipway without an installed app. */
describe('trouble with a repository that was enabled from the dashboard', function () {
  this.timeout(40_000);
  let stage: DashboardStage;
  let ada: Visitor;
  let acme: string;
  let place: string;

  beforeEach(async () => {
    stage = await DashboardStage.open();
    ada = await stage.visitor('ada');
    acme = await stage.workspaceUuid();
    place = stage.place(acme);
    await ada.act(place, 'actions/hook/enable');
    await ada.addTarget(place);
    const first = await stage.bench.commit({ branch: 'main' });
    assert.deepEqual(await ada.deployed(place, first), live);
  });
  afterEach(() => stage.close());

  const otherWorkspace = async (): Promise<string> => {
    const body = { slug: 'other', name: 'Other', owner: 'ada' };
    return (await stage.bench.control<{ uuid: string }>('POST', 'workspaces', body)).uuid;
  };
  const check = (where = place, who = ada) => who.act(where, 'actions/hook/check');

  it('each push is deployed once when the installed app tells of it, too', async () => {
    const descriptor_url = `${stage.url}/atlassian-connect.json`;
    await stage.bench.control('POST', 'apps/install', {
      ...{ workspace: 'acme', user: 'ada', descriptor_url },
    });
    const commits: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const commit = await stage.bench.commit({ branch: 'main' });
      commits.push(commit);
      assert.deepEqual(await ada.deployed(place, commit), live);
    }
    await stage.bench.idle();
    const heard = (await stage.bench.deliveries()).filter(({ event }) => event === 'repo:push');
    for (const commit of commits) {
      assert.equal(heard.filter(({ body }) => body.includes(`"${commit}"`)).length >= 2, true);
      assert.deepEqual(await ada.deployed(place, commit), live, 'still once, by both doors');
    }
    const events = await stage.rows(
      `SELECT count(*) AS n, count(DISTINCT source_id) AS sources FROM events WHERE event_key = 'repo:push'`,
    );
    assert.deepEqual([events[0]?.['n'], events[0]?.['sources']], [7, 2]);
    // Without the hook the app goes on telling.
    assert.match(await ada.act(place, 'actions/hook/disable'), /its webhook is gone/);
    const last = await stage.bench.commit({ branch: 'main' });
    assert.deepEqual(await ada.deployed(place, last), live);
  });

  it('renamed: the same repository under its new name', async () => {
    await stage.bench.control('POST', 'repositories/rename', {
      ...{ repository: 'acme/site', name: 'Shop', slug: 'shop' },
    });
    await stage.bench.idle();
    const commit = await stage.bench.commit({ repository: 'acme/shop', branch: 'main' });
    assert.deepEqual(await ada.deployed(place, commit), live);
    assert.match(await ada.read(place), /Deploys Shop when you push/);
  });

  it('the workspace’s slug changed: nothing is lost', async () => {
    await stage.bench.control('POST', 'workspaces/update', { workspace: 'acme', slug: 'acme-inc' });
    const commit = await stage.bench.commit({ repository: 'acme-inc/site', branch: 'main' });
    assert.deepEqual(await ada.deployed(place, commit), live);
    assert.match(await check(), /the webhook is as it should be/);
    const [row] = await stage.rows('SELECT full_name FROM repositories');
    assert.equal(row?.['full_name'], 'acme-inc/site');
  });

  it('made private: cloned with the connection of whoever enabled it', async () => {
    const made = { repository: 'acme/site', is_private: true };
    await stage.bench.control('POST', 'repositories/update', made);
    const commit = await stage.bench.commit({ branch: 'main' });
    assert.deepEqual(await ada.deployed(place, commit), live);
  });

  it('transferred: settings and history go along to the new workspace', async () => {
    const to = await otherWorkspace();
    await stage.bench.control('POST', 'repositories/transfer', {
      repository: 'acme/site',
      to: 'other',
    });
    await stage.bench.idle();
    await ada.read(place, 404);
    const there = stage.place(to);
    assert.match(await ada.read(there), /On\. Bitbucket tells Slipway.*Production/);
    const commit = await stage.bench.commit({ repository: 'other/site', branch: 'main' });
    assert.deepEqual(await ada.deployed(there, commit), live);
  });

  it('transferred with no event telling: the check of its webhook finds it', async () => {
    const to = await otherWorkspace();
    const [hook] = await stage.hooksOf();
    await stage.bench.control('POST', 'hooks/update', {
      ...{ repository: 'acme/site', uuid: hook?.uuid, events: ['repo:push'] },
    });
    await stage.bench.control('POST', 'repositories/transfer', {
      repository: 'acme/site',
      to: 'other',
    });
    const commit = await stage.bench.commit({ repository: 'other/site', branch: 'main' });
    assert.match(await check(), /does not send repo:updated, repo:transfer, repo:deleted/);
    const there = stage.place(to);
    assert.deepEqual(await ada.deployed(there, commit), live);
    assert.match(await ada.read(there), /does not send repo:updated, repo:transfer, repo:deleted/);
    assert.match(await ada.act(there, 'actions/hook/repair'), /as it should be/);
  });

  it('deleted: nobody finds it any more, and what was deployed stays on record', async () => {
    await stage.bench.control('POST', 'repositories/delete', { repository: 'acme/site' });
    await stage.bench.idle();
    assert.match(await ada.read(place, 404), /./);
    const [row] = await stage.rows('SELECT state FROM repositories');
    assert.equal(row?.['state'], 'deleted');
    assert.match(
      await ada.read(place.split('/r/')[0] ?? ''),
      /no repository here that you may see/,
    );
  });

  it('whoever enabled it is no admin any more: told by name, and another admin takes over', async () => {
    const permit = (user: string, permission: string) =>
      stage.bench.control('POST', 'permissions', { repository: 'acme/site', user, permission });
    await permit('bob', 'admin');
    await permit('ada', 'read');
    await stage.bench.control('POST', 'members', {
      workspace: 'acme',
      user: 'ada',
      role: 'member',
    });
    assert.match(await check(), /only admins of the repository.*Ada Example is none.*can sign in/);
    const bob = await stage.visitor('bob');
    const commit = await stage.bench.commit({ branch: 'main', user: 'bob' });
    assert.deepEqual(await bob.deployed(place, commit), live, 'pushes do not stop');
    assert.match(await bob.act(place, 'actions/hook/repair'), /as it should be/);
    assert.match(await bob.read(place), /Enabled by bob/i);
    assert.match(await check(place, bob), /the webhook is as it should be/);
  });

  it('whoever enabled it leaves: the deploy says what it waits for, and goes on when another signs in', async () => {
    const bob = await stage.visitor('bob');
    await stage.bench.control('POST', 'permissions', {
      ...{ repository: 'acme/site', user: 'bob', permission: 'admin' },
    });
    await stage.bench.control('POST', 'repositories/update', {
      ...{ repository: 'acme/site', is_private: true },
    });
    await stage.bench.control('POST', 'members', { workspace: 'acme', user: 'ada', role: 'none' });
    await ada.read(place.split('/r/')[0] ?? '', 404);
    const commit = await stage.bench.commit({ branch: 'main', user: 'bob' });
    await waitFor('the push', async () =>
      (await bob.fragment(place, 'deployments')).includes(commit),
    );
    assert.match(await bob.act(place, 'actions/hook/repair'), /as it should be/);
    assert.deepEqual(await bob.deployed(place, commit), live, 'nothing was lost');
  });
});
