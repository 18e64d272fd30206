import assert from 'node:assert/strict';
import type { Hook } from '../../../src/core/model/index.js';
import { StateError } from '../../../src/core/errors.js';
import { textOfHtml } from '../../support/e2e/panel.js';
import { fakePanel, startOfTime } from './support/fake-panel.js';
import {
  openPanel,
  servePanel,
  type ServedPanel,
  type ServeOptions,
} from './support/serve-panel.js';

function aHook(more: Partial<Hook> = {}): Hook {
  return {
    ...{ id: 'H1', repositoryId: 'R1', sourceId: 'S9', remoteUuid: '{h}', secretSealed: 'sealed' },
    ...{ previousSecretSealed: null, previousUntil: null, state: 'active', events: [] },
    ...{ enabledBy: 'Ada <b>', enabledByUuid: '{ada}', health: null, alarm: null },
    ...{ lastDeliveryAt: startOfTime - 120_000, checkDueAt: null, createdAt: 0, updatedAt: 0 },
    ...more,
  };
}

const oauth: ServeOptions = { identity: { door: 'oauth' } };

describe('the webhook in the panel', () => {
  let served: ServedPanel | undefined;
  afterEach(async () => {
    await served?.close();
    served = undefined;
  });
  const open = async (fake: ReturnType<typeof fakePanel>, options?: ServeOptions) => {
    served = await servePanel(fake, options);
    return openPanel(served.url);
  };

  it('is not spoken of where the app brings the pushes', async () => {
    assert.doesNotMatch((await open(fakePanel())).html, /id="hook"/);
  });

  it('is offered where nothing tells of pushes yet', async () => {
    const fake = fakePanel();
    const panel = await open(fake, oauth);
    assert.match(
      textOfHtml(panel.html),
      /Off\. Bitbucket does not tell Slipway.*Enable Slipway here/,
    );
    const answer = await panel.post('hook/enable', {});
    assert.equal(answer.status, 200);
    assert.match(textOfHtml(await answer.text()), /every push reaches it from now on/);
    assert.deepEqual(fake.calls.at(-1)?.name, 'hooks.ensure');
  });

  it('says how it is doing, by whom, and since when it was heard of', async () => {
    const { html } = await open(fakePanel({ hook: aHook() }), oauth);
    const text = textOfHtml(html);
    assert.match(text, /On\. .*Enabled by Ada <b> \..*Last heard of 2 min ago/);
    assert.match(text, /Check now.*New secret.*Disable/);
    assert.doesNotMatch(html, /<b>/);
  });

  it('explains trouble and offers the repair', async () => {
    const health = {
      checkedAt: startOfTime,
      problem: 'events_missing' as const,
      detail: 'repo:deleted',
    };
    const fake = fakePanel({ hook: aHook({ health }) });
    const panel = await open(fake, oauth);
    assert.match(textOfHtml(panel.html), /does not send repo:deleted\..*Repair/);
    const answer = await panel.post('hook/check', {});
    assert.match(textOfHtml(await answer.text()), /does not send repo:deleted/);
    assert.equal((await panel.post('hook/repair', {})).status, 200);
    assert.equal((await panel.post('hook/disable', {})).status, 200);
    assert.deepEqual(
      fake.calls.map(({ name }) => name),
      ['hooks.check', 'hooks.ensure', 'hooks.remove'],
    );
  });

  it('says in words why Bitbucket refused', async () => {
    const fake = fakePanel();
    const panel = await open(fake, oauth);
    fake.refuseNext = new StateError('hook_refused', 'Bitbucket lets only admins do that.');
    const answer = await panel.post('hook/enable', {});
    assert.equal(answer.status, 409);
    assert.match(textOfHtml(await answer.text()), /Bitbucket lets only admins do that/);
  });

  it('offers nothing to somebody who may only look', async () => {
    const fake = fakePanel({ permissionIs: 'write', hook: aHook() });
    const panel = await open(fake, oauth);
    assert.match(panel.html, /id="hook"/);
    assert.doesNotMatch(panel.html, /hook-check|hook-off|hook-repair/);
    assert.equal((await panel.post('hook/disable', {})).status, 403);
    assert.deepEqual(fake.calls, []);
  });

  it('does not take the signed page of another door for a proof', async () => {
    const fake = fakePanel({ permissionIs: 'unknown' });
    const panel = await open(fake, { identity: { door: 'oauth', proof: 'none' } });
    assert.match(textOfHtml(panel.html), /does not let Slipway ask whether you are an admin/);
    assert.equal((await panel.post('hook/enable', {})).status, 403);
  });
});
