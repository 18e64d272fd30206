import assert from 'node:assert/strict';
import type { Deployment, Target } from '../../../src/core/model/index.js';
import { textOfHtml } from '../../support/e2e/panel.js';
import { change, commit, createEngine, type Engine } from '../../support/engine.js';
import { serveWorkspace, type ServedWorkspace } from './serve-workspace.js';

describe('workspace page: failed last', () => {
  let engine: Engine;
  let served: ServedWorkspace;
  let session: string;
  let target: Target;
  beforeEach(async () => {
    engine = await createEngine();
    target = await engine.target({ branchPattern: 'main, dev, test' });
    served = await serveWorkspace(engine);
    session = (await served.page()).session;
  });
  afterEach(async () => {
    await served.close();
    await engine.close();
  });

  const show = async (): Promise<string> =>
    (await served.call(session, 'GET', 'sections/dead-letters')).html;
  const retry = (fields: object) =>
    served.call(session, 'POST', 'actions/dead-letters/retry', fields);
  const shown = (html: string): string[] =>
    [...html.matchAll(/data-dead-letter="([^"]*)"/g)].map(([, id = '']) => id);
  const retries = async (): Promise<string[]> =>
    (await engine.deployments(target.id))
      .filter(({ cause }) => cause === 'retry')
      .map(({ refName, causedBy }) => `${refName} by ${causedBy}`)
      .sort();

  async function fails(name: string, digit: string): Promise<Deployment> {
    const to = commit(digit);
    engine.bitbucket.refs.set(`branch:${name}`, { hash: to, message: 'm', author: 'a' });
    engine.backend.onObserve = [() => ({ state: 'failed', reason: 'It <i>broke</i>.' })];
    await engine.push([change({ name, to })]);
    await engine.settle(20_000);
    engine.backend.onObserve = [];
    const failed = (await engine.deployments(target.id)).at(-1);
    assert.equal(failed?.state, 'failed');
    return failed;
  }

  it('shows the last word of each branch only, with its reason and the way to what happened', async () => {
    assert.match(textOfHtml(await show()), /No branch or tag failed last/);
    const older = await fails('main', 'a');
    const main = await fails('main', 'b');
    const dev = await fails('dev', 'c');
    const html = await show();
    assert.deepEqual(shown(html), [dev.id, main.id]);
    assert.ok(!html.includes(older.id));
    assert.match(
      textOfHtml(html),
      /acme\/site : main at bbbbbbbb to Production It <i>broke<\/i>\./,
    );
    assert.match(html, new RegExp(`href="http://127\\.0\\.0\\.1:\\d+/d/${main.pageToken}"`));
    assert.doesNotMatch(html, /<i>broke/);
  });

  it('tries the chosen ones again, under the name of who chose them', async () => {
    const main = await fails('main', 'a');
    const dev = await fails('dev', 'b');
    const done = await retry({ [`retry.${main.id}`]: 'true' });
    assert.equal(done.status, 200);
    assert.match(textOfHtml(done.html), /One deployment is tried again\./);
    assert.deepEqual(shown(done.html), [dev.id], 'what is tried again is no dead letter');
    assert.deepEqual(await retries(), ['main by Grace Hopper']);
    await engine.settle(20_000);
    const newest = (await engine.deployments(target.id)).at(-1);
    assert.deepEqual([newest?.commit, newest?.state], [commit('a'), 'live']);
  });

  it('tries all of them again', async () => {
    for (const [name, digit] of [
      ['main', 'a'],
      ['dev', 'b'],
      ['test', 'c'],
    ] as const) {
      await fails(name, digit);
    }
    const done = await retry({ all: 'true' });
    assert.match(textOfHtml(done.html), /3 deployments are tried again\./);
    assert.deepEqual(await retries(), [
      'dev by Grace Hopper',
      'main by Grace Hopper',
      'test by Grace Hopper',
    ]);
  });

  it('says so when nothing was chosen, or when a newer push came in between', async () => {
    const older = await fails('main', 'a');
    const none = await retry({});
    assert.equal(none.status, 422);
    assert.match(textOfHtml(none.html), /nothing was chosen/);
    await fails('main', 'b');
    const late = await retry({ [`retry.${older.id}`]: 'true' });
    assert.equal(late.status, 422);
    assert.match(textOfHtml(late.html), /did not fail last any more/);
    assert.deepEqual(await retries(), []);
  });

  it('touches nothing of another workspace', async () => {
    const mine = await fails('main', 'a');
    const { id } = await engine.repository();
    await engine.storage.write((tx) =>
      tx.repositories.saveFacts(
        {
          ...{ uuid: '{elsewhere}', workspaceUuid: '{other}', workspaceSlug: 'other' },
          ...{ workspaceName: 'Other', fullName: 'other/site', name: 'site' },
          ...{ mainBranch: 'main', isPrivate: true },
        },
        '{other}',
        0,
      ),
    );
    const elsewhere = await engine.storage.read.repositories.byUuid('{elsewhere}');
    assert.ok(elsewhere);
    const other = await engine.target({ repository: elsewhere });
    const stranger: Deployment = {
      ...mine,
      ...{ id: engine.ids.next(), pageToken: 'another', targetId: other.id, refChangeId: null },
      repositoryId: elsewhere.id,
    };
    await engine.storage.write((tx) => tx.deployments.insert([stranger]));
    assert.notEqual(id, elsewhere.id);
    assert.deepEqual(shown(await show()), [mine.id]);
    assert.equal((await retry({ [`retry.${stranger.id}`]: 'true' })).status, 422);
    await retry({ all: 'true' });
    const there = await engine.deployments(other.id);
    assert.deepEqual(
      there.map(({ cause }) => cause),
      ['push'],
    );
  });

  it('is for admins of the workspace', async () => {
    engine.bitbucket.workspacePermissionIs = 'none';
    // Longer than an answer is remembered.
    engine.clock.advance(61_000);
    const { session: reader } = await served.page();
    const answer = await served.call(reader, 'GET', 'sections/dead-letters');
    assert.equal(answer.status, 403);
  });
});
