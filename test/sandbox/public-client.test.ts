import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

import { makeConsumer, signIn } from './oauth-support.js';
import { at, Bench, listAt, textAt, type Seed } from './support.js';

type Method = (parameters: object) => Promise<{ status: number; data: unknown }>;

/** As much of the client as is used; its own types do not compile under our settings. */
interface Client {
  users: { getAuthedUser: Method };
  workspaces: { getWorkspace: Method };
  repositories: { get: Method; list: Method };
  refs: { listBranches: Method };
  commitstatuses: { createBuildStatus: Method; getBuildStatus: Method };
  webhooks: { create: Method; update: Method; listForRepo: Method; delete: Method };
  hasNextPage(data: unknown): boolean;
  getNextPage(data: unknown): ReturnType<Method>;
}

const { Bitbucket } = createRequire(import.meta.url)('bitbucket') as {
  Bitbucket: new (options: object) => Client;
};

/** An ordinary client that knows nothing of the sandbox: only its address is changed. */
describe('sandbox: the public npm client "bitbucket" works unchanged', () => {
  let bench: Bench;
  let seed: Seed;
  let client: Client;

  const connect = (token?: string) =>
    new Bitbucket({
      baseUrl: `${bench.url}/2.0`,
      notice: false,
      ...(token === undefined ? {} : { auth: { token } }),
    });
  const where = { workspace: 'acme', repo_slug: 'site' };

  before(async () => {
    bench = await Bench.start();
    seed = await bench.seed();
    const { access } = await signIn(bench, await makeConsumer(bench));
    client = connect(access);
  });

  after(() => bench.stop());

  it('knows the user, workspaces and repositories', async () => {
    const user = await client.users.getAuthedUser({});
    assert.equal(at(user.data, 'uuid'), seed.ada.uuid);
    const workspace = await client.workspaces.getWorkspace({ workspace: 'acme' });
    assert.equal(at(workspace.data, 'name'), 'Acme');
    const repository = await client.repositories.get(where);
    assert.equal(at(repository.data, 'full_name'), 'acme/site');
    assert.equal(at(repository.data, 'mainbranch.name'), 'main');
    const q = `name ~ "si"`;
    const list = await client.repositories.list({ workspace: 'acme', q, role: 'admin' });
    assert.equal(listAt(list.data, 'values').length, 1);
  });

  it('follows pages', async () => {
    await bench.push({
      changes: [
        { branch: 'a', at: 'main' },
        { branch: 'b', at: 'main' },
      ],
    });
    const first = await client.refs.listBranches({ ...where, sort: 'name', pagelen: 2 });
    assert.equal(listAt(first.data, 'values').length, 2);
    assert.ok(client.hasNextPage(first.data));
    const second = await client.getNextPage(first.data);
    assert.equal(at(second.data, 'values.0.name'), 'main');
  });

  it('writes build statuses', async () => {
    const created = await client.commitstatuses.createBuildStatus({
      ...where,
      commit: seed.first,
      _body: { type: 'build', key: 'k', state: 'SUCCESSFUL', url: 'https://example.com/' },
    });
    assert.equal(created.status, 201);
    const read = await client.commitstatuses.getBuildStatus({
      ...where,
      commit: seed.first,
      key: 'k',
    });
    assert.equal(at(read.data, 'state'), 'SUCCESSFUL');
  });

  it('makes, changes and removes webhooks', async () => {
    const body = { type: 'webhook_subscription', url: 'http://127.0.0.1:9/', active: true };
    const created = await client.webhooks.create({
      ...where,
      _body: { ...body, description: 'One', events: ['repo:push'], secret: 's' },
    });
    const uid = textAt(created.data, 'uuid');
    assert.equal(at(created.data, 'secret_set'), true);
    const updated = await client.webhooks.update({
      ...where,
      uid,
      _body: { ...body, description: 'Two', events: ['repo:push', 'repo:updated'] },
    });
    assert.deepEqual(at(updated.data, 'events'), ['repo:push', 'repo:updated']);
    assert.equal(listAt((await client.webhooks.listForRepo(where)).data, 'values').length, 1);
    assert.equal((await client.webhooks.delete({ ...where, uid })).status, 204);
    assert.equal(listAt((await client.webhooks.listForRepo(where)).data, 'values').length, 0);
  });

  it('throws what it always throws', async () => {
    await assert.rejects(client.repositories.get({ workspace: 'acme', repo_slug: 'none' }), {
      status: 404,
      message: 'Not Found',
    });
    await assert.rejects(connect('nonsense').users.getAuthedUser({}), { status: 401 });
  });
});
