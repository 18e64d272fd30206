import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { at, Bench, FakeApp, git, installIn, listAt, textAt, withFolder } from './support.js';

describe('sandbox: one push from install to build status', () => {
  let bench: Bench;
  let app: FakeApp;

  before(async () => {
    bench = await Bench.start();
    app = await FakeApp.start();
  });

  after(async () => {
    await bench.stop();
    await app.stop();
  });

  it('installs, delivers a real push, exchanges a token and keeps statuses', async () => {
    const { ada, first } = await bench.seed();
    await installIn(bench, app);
    await withFolder(async (folder) => {
      await git(folder, 'clone', '--quiet', bench.cloneUrl('ada', ada.git_password), 'site');
      const site = join(folder, 'site');
      await writeFile(join(site, 'index.html'), 'two\n');
      await git(site, 'commit', '-aqm', 'Second');
      await git(site, 'push', '--quiet', 'origin', 'main');
    });
    await bench.idle();
    const [event] = app.events();
    assert.equal(at(event?.json, 'event'), 'repo:push');
    const change = at(event?.json, 'data.push.changes.0');
    assert.equal(at(change, 'old.target.hash'), first);
    const commit = textAt(change, 'new.target.hash');

    const token = await app.token(bench);
    assert.equal(token.status, 200, token.text);
    const path = `repositories/acme/site/commit/${commit}/statuses/build`;
    const answer = await bench.rest(path, textAt(token.json, 'access_token'), {
      method: 'POST',
      body: { key: 'k', state: 'INPROGRESS', url: 'http://127.0.0.1:1/d/1', name: 'Site' },
    });
    assert.equal(answer.status, 201, answer.text);
    const history = await bench.control('GET', `statuses?repository=acme/site&commit=${commit}`);
    assert.deepEqual(
      listAt(history, 'statuses').map((status) => at(status, 'state')),
      ['INPROGRESS'],
    );
    const panel = await bench.control(
      'GET',
      'apps/panel-url?workspace=acme&repository=acme/site&user=ada&module=panel',
    );
    assert.match(textAt(panel, 'url'), /&jwt=/);
  });
});
