import assert from 'node:assert/strict';
import { textOfHtml } from '../../support/e2e/panel.js';
import { change, createEngine, workspaceUuid, type Engine } from '../../support/engine.js';
import { serveWorkspace, type ServedWorkspace } from './serve-workspace.js';

describe('workspace page: notices', () => {
  let engine: Engine;
  let served: ServedWorkspace;
  let session: string;
  const sent: string[] = [];
  let answer: { ok: true } | { ok: false; error: string; isFinal: boolean };
  beforeEach(async () => {
    engine = await createEngine();
    sent.length = 0;
    answer = { ok: true };
    served = await serveWorkspace(engine, {
      sender: {
        kinds: ['chat', 'email'],
        send: ({ address }) => {
          sent.push(address);
          return Promise.resolve(answer);
        },
      },
    });
    session = (await served.page()).session;
  });
  afterEach(async () => {
    await served.close();
    await engine.close();
  });
  const act = (name: string, fields: object) =>
    served.call(session, 'POST', `actions/notices/${name}`, fields);
  const show = async () => (await served.call(session, 'GET', 'sections/notices')).html;
  const chat = { kind: 'chat', name: 'Ops <b>', address: 'https://chat.example/very-secret' };

  it('shows what is open, with the way to what happened', async () => {
    await engine.target();
    assert.match(textOfHtml(await show()), /Nothing needs anybody at the moment/);
    engine.backend.onObserve = [() => ({ state: 'failed', reason: 'It <i>broke</i>.' })];
    await engine.push([change()]);
    await engine.settle(20_000);
    const html = await show();
    assert.match(textOfHtml(html), /did not go live at .* It <i>broke<\/i>\./);
    assert.match(html, /href="http:\/\/127\.0\.0\.1:\d+\/d\/[\w-]+"/);
    assert.doesNotMatch(html, /<i>broke/);
  });

  it('takes a place that answered, tells of it without its address, and lets it go', async () => {
    const added = await act('add', chat);
    assert.equal(added.status, 200);
    assert.deepEqual(sent, [chat.address]);
    assert.match(textOfHtml(added.html), /Ops <b> got a first message.*Ops <b> Chat.*Grace Hopper/);
    assert.doesNotMatch(added.html, /very-secret|<b>/);
    const [channel] = await engine.storage.read.noticeChannels.ofWorkspace(workspaceUuid);
    const removed = await act('remove', { id: channel?.id });
    assert.equal(removed.status, 200);
    assert.deepEqual(await engine.storage.read.noticeChannels.ofWorkspace(workspaceUuid), []);
  });

  it('draws the form again with what is wrong, keeps what was typed but the secret', async () => {
    answer = { ok: false, error: 'The chat answered 404.', isFinal: true };
    const { html, status } = await act('add', chat);
    assert.equal(status, 422);
    assert.match(html, /<details class="more" id="add-chat" open>/);
    assert.match(html, /value="Ops &lt;b&gt;"/);
    assert.match(textOfHtml(html), /The chat answered 404\./);
    assert.doesNotMatch(html, /very-secret/);
  });

  it('cannot be changed from another workspace', async () => {
    await act('add', chat);
    const [channel] = await engine.storage.read.noticeChannels.ofWorkspace(workspaceUuid);
    assert.ok(channel);
    const { removeChannel } = await import('../../../src/actions/notice-channels.js');
    const by = { name: 'Eve' };
    const clock = () => engine.clock.now();
    await removeChannel(
      { workspaceUuid: '{another}', channelId: channel.id, by },
      { ...engine, clock },
    );
    assert.equal((await engine.storage.read.noticeChannels.ofWorkspace(workspaceUuid)).length, 1);
  });
});
