import assert from 'node:assert/strict';
import { InfrastructureError, InputError, StateError } from '../../../src/core/errors.js';
import { PreflightError, type PreflightStep } from '../../../src/core/preflight.js';
import {
  aBackend,
  aDeployment,
  aRepository,
  aTarget,
  fakePanel,
  hookBackend,
  startOfTime,
  type FakePanel,
} from './support/fake-panel.js';
import { openPanel, panelClient, servePanel } from './support/serve-panel.js';
import type { PanelClient, ServedPanel, ServeOptions } from './support/serve-panel.js';

describe('panel actions', () => {
  let served: ServedPanel;
  let fake: FakePanel;
  let client: PanelClient;
  const open = async (over: Partial<FakePanel> = {}, options?: ServeOptions): Promise<void> => {
    fake = fakePanel(over);
    served = await servePanel(fake, options);
    client = await openPanel(served.url);
  };
  afterEach(async () => served.close());

  const form = {
    targetId: '',
    backend: 'local',
    name: ' Production ',
    branchPattern: 'main',
    tagPattern: '',
  };

  describe('who may', () => {
    it('wants a session and knows no other credential', async () => {
      await open({ targets: [aTarget()] });
      const path = `${served.url}/panel/actions/target/remove`;
      const body = new URLSearchParams({ targetId: 'T1' });
      const headers = { cookie: `session=${client.token}`, authorization: `JWT ${client.token}` };
      const answer = await fetch(path, { method: 'POST', body, headers });
      assert.equal(answer.status, 401);
      assert.match(await answer.text(), /data-code="session_expired"/);
      assert.equal((await fetch(`${served.url}/panel/fragments/deployments`)).status, 401);
      assert.deepEqual(fake.calls, []);
    });

    it('ends with the session and says what to do', async () => {
      await open({ targets: [aTarget()] });
      served.clock.now += 15 * 60_000;
      const answer = await client.post('target/remove', { targetId: 'T1' });
      assert.equal(answer.status, 401);
      assert.match(await answer.text(), /Reload the page/);
      assert.deepEqual(fake.calls, []);
    });

    it('refuses a reader, and an admin who is one no more', async () => {
      await open({ targets: [aTarget()], permissionIs: 'write' });
      assert.equal((await client.post('target/remove', { targetId: 'T1' })).status, 403);
      fake.permissionIs = 'admin';
      assert.equal((await client.post('target/remove', { targetId: 'T1' })).status, 403);
      client = await openPanel(served.url);
      fake.permissionIs = 'write';
      const answer = await client.post('target/remove', { targetId: 'T1' });
      assert.equal(answer.status, 403);
      assert.match(await answer.text(), /Only an admin of this repository/);
      assert.equal((await client.get('/panel/fragments/log?deploymentId=D1')).status, 403);
      assert.deepEqual(fake.calls, []);
    });

    it('sees nothing of another repository', async () => {
      await open({
        repositories: [aRepository(), aRepository({ id: 'R2', uuid: '{repo-2}' })],
        targets: [aTarget({ id: 'T2', repositoryId: 'R2' })],
        deployments: [aDeployment({ id: 'D2', repositoryId: 'R2', targetId: 'T2' })],
      });
      const of = { targetId: 'T2', deploymentId: 'D2', refName: 'main' };
      for (const action of [
        'target/remove',
        'target/check',
        'target/automatic',
        'deploy',
        'deployment/redeploy',
        'deployment/cancel',
        'deployment/rollback',
        'deployment/retry',
        'deployment/approve',
        'deployment/decline',
        'deployment/confirm',
      ]) {
        assert.equal((await client.post(action, of)).status, 404, action);
      }
      assert.equal((await client.post('target/save', { ...form, targetId: 'T2' })).status, 404);
      for (const path of ['target?targetId=T2', 'target-form?targetId=T2', 'log?deploymentId=D2']) {
        assert.equal((await client.get(`/panel/fragments/${path}`)).status, 404, path);
      }
      assert.deepEqual(fake.calls, []);
    });

    it('ends when the repository moves to another workspace', async () => {
      await open({ targets: [aTarget()] });
      fake.repositories = [aRepository({ workspaceUuid: '{ws-2}' })];
      assert.equal((await client.get('/panel/fragments/deployments')).status, 404);
    });

    it('has no other paths', async () => {
      await open();
      assert.equal((await client.get('/panel/fragments/constructor')).status, 404);
      assert.equal((await client.post('toString', {})).status, 404);
    });
  });

  describe('saving a target', () => {
    it('hands everything over as typed, and answers with the card and a deploy form', async () => {
      await open();
      const answer = await client.post('target/save', {
        ...form,
        'settings.buildCommand': 'make',
        'settings.spa': 'true',
        'settings.nonsense': 'left out',
      });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('x-slipway-target'), 'T1');
      assert.deepEqual(fake.calls[0]?.input, {
        targetId: null,
        expectedVersion: 0,
        repository: aRepository(),
        backend: 'local',
        name: 'Production',
        branchPattern: 'main',
        tagPattern: null,
        includePaths: null,
        excludePaths: null,
        honourSkipMarkers: true,
        newerPush: 'finish',
        afterTargetId: null,
        promote: 'automatic',
        settings: { buildCommand: 'make', spa: 'true' },
        clearSecrets: [],
        connectionId: null,
        by: { uuid: '{grace}', name: 'Grace Hopper' },
      });
      const html = await answer.text();
      assert.match(html, /id="target-T1"/);
      assert.match(html, /Production is set up/);
      assert.match(html, /data-action="\/panel\/actions\/deploy"/);
      assert.match(html, /name="refName" value="main"/);
      assert.match(html, /id="add-target"/);
    });

    it('takes path filters and skip markers, and shows them on the card and in the form', async () => {
      await open();
      const answer = await client.post('target/save', {
        ...form,
        includePaths: ' packages/shop, package-lock.json ',
        excludePaths: '**/*.md',
        honourSkipMarkers: 'false',
      });
      const input = fake.calls[0]?.input as Record<string, unknown>;
      assert.equal(input['includePaths'], 'packages/shop, package-lock.json');
      assert.equal(input['excludePaths'], '**/*.md');
      assert.equal(input['honourSkipMarkers'], false);
      const card = (await answer.text()).replace(/<[^>]*>/g, '').replace(/\s+/g, ' ');
      assert.match(
        card,
        /Only when these change: packages\/shop package-lock\.json but not \*\*\/\*\.md/,
      );
      assert.match(card, /Also when the commit message says \[skip ci\]/);
      const html = await (await client.get('/panel/fragments/target-form?targetId=T1')).text();
      assert.match(html, /<details class="more" id="more-rule-T1" open>/);
      assert.match(html, /name="includePaths" value="packages\/shop, package-lock\.json"/);
      assert.match(html, /name="honourSkipMarkers" value="true" aria/, 'not ticked');
    });

    it('folds path filters away where there are none, and says what is left out where only that is set', async () => {
      await open({ targets: [aTarget({ excludePaths: 'docs' })] });
      assert.match(client.html.replace(/<[^>]*>/g, ''), /Not when only these change: docs/);
      const blank = await (await client.get('/panel/fragments/target-form')).text();
      assert.match(blank, /<details class="more" id="more-rule-new">/);
      assert.match(blank, /name="honourSkipMarkers" value="true" checked/);
    });

    it('keeps an unticked box unticked when the form comes back', async () => {
      await open();
      fake.refuseNext = new InputError('target_invalid', undefined, { includePaths: 'No.' });
      const typed = { ...form, includePaths: '!a', honourSkipMarkers: 'false' };
      const html = await (await client.post('target/save', typed)).text();
      assert.match(html, /id="more-rule-new" open/);
      assert.match(html, /name="includePaths" value="!a"[^>]*aria-invalid="true"/);
      assert.match(html, /name="honourSkipMarkers" value="true" aria/);
    });

    it('takes JSON as well', async () => {
      await open();
      const answer = await fetch(`${served.url}/panel/actions/target/save`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${client.token}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ ...form, 'settings.keep': 7 }),
      });
      assert.equal(answer.status, 200);
      assert.equal(fake.targets[0]?.settings['keep'], '7');
    });

    it('brings problems back to their fields with everything typed but the secrets', async () => {
      await open();
      fake.refuseNext = new InputError('target_invalid', undefined, {
        name: 'That name is taken.',
        'settings.keep': 'At most 50.',
        elsewhere: 'The disk is full.',
      });
      const answer = await client.post('target/save', {
        ...form,
        name: 'Taken <b>',
        'settings.keep': '99',
        'settings.token': 'hunter2',
        'settings.environment': 'A=1\nB=2',
      });
      assert.equal(answer.status, 422);
      const html = await answer.text();
      assert.match(html, /id="new-target"/);
      assert.match(html, /value="Taken &lt;b&gt;"[^>]*aria-invalid="true"/);
      assert.match(html, /That name is taken\./);
      assert.match(html, /<details class="more" id="more-settings-new" open>/);
      assert.match(html, /value="99"/);
      assert.match(html, />\nA&#x3D;1\nB&#x3D;2<\/textarea>/);
      assert.match(html, /<li>The disk is full\.<\/li>/);
      assert.match(html, /Type the secret fields again/);
      assert.doesNotMatch(html, /hunter2/);
    });

    const steps: PreflightStep[] = [
      { id: 'ref', outcome: 'ok', says: 'Bitbucket shows branch main at 0123456.', fix: null },
      { id: 'clone', outcome: 'not_checked', says: 'Could not be checked now.', fix: 'Later.' },
      { id: 'backend', outcome: 'ok', says: 'This server is ready.', fix: null },
    ];

    it('shows what was tried, step by step, before the deploy button, and again when asked', async () => {
      await open({ steps });
      const html = await (await client.post('target/save', form)).text();
      const rows = html.match(/<li class="step step-\w+">/g);
      assert.deepEqual(
        rows?.map((row) => /step-(\w+)/.exec(row)?.[1]),
        ['success', 'warning', 'success'],
      );
      assert.ok(html.indexOf('Could not be checked') < html.indexOf('id="deploy-now-T1"'));
      assert.match(html, /<bdi>Later\.<\/bdi>/);
      fake.steps = steps.map((one) =>
        one.id === 'ref' ? { ...one, outcome: 'not_there_yet' } : one,
      );
      const early = await (await client.post('target/save', form)).text();
      assert.match(early, /not there yet/);
      assert.doesNotMatch(early, /id="deploy-now-/, 'there is nothing to deploy yet');
      fake.steps = steps;
      const again = await client.post('target/check', { targetId: 'T1' });
      assert.equal(again.status, 200);
      assert.match(await again.text(), /Not everything could be checked now\./);
      fake.steps = steps.map((one) => ({ ...one, outcome: 'ok' }));
      const fine = await (await client.post('target/check', { targetId: 'T1' })).text();
      assert.match(fine, /message-success[^>]*>.*Everything a deploy needs is there/);
      fake.steps = steps.map((one) => ({ ...one, outcome: 'failed' }));
      const failed = await (await client.post('target/check', { targetId: 'T1' })).text();
      assert.match(failed, /message-error[^>]*>.*The next deploy would fail/);
    });

    it('keeps what was typed when a step failed, and names what to do', async () => {
      await open();
      const failed = steps.map((one, at) =>
        at === 1 ? { ...one, outcome: 'failed' as const, fix: 'Tick <b>Read</b>.' } : one,
      );
      fake.refuseNext = new PreflightError('preflight_failed', {}, failed);
      const answer = await client.post('target/save', { ...form, name: 'Typed' });
      assert.equal(answer.status, 422);
      const html = await answer.text();
      assert.match(html, /value="Typed"/);
      assert.match(html, /a deploy would fail/);
      assert.match(html, /step-danger.*Tick &lt;b&gt;Read&lt;\/b&gt;\./);
      assert.deepEqual(fake.targets, []);
    });

    it('never sends a stored secret back, keeps it when empty, forgets it when told', async () => {
      const settings = { buildCommand: 'make', token: 'must-not-appear' };
      await open({ targets: [aTarget({ settings, secretsSealed: 'sealed-text' })] });
      const page = await (await client.get('/panel/fragments/target-form?targetId=T1')).text();
      assert.match(page, /name="settings\.token" value=""[^>]*placeholder="unchanged"/);
      assert.match(page, /Empty keeps what is stored/);
      assert.doesNotMatch(page, /must-not-appear|sealed-text/);
      const edit = { ...form, targetId: 'T1', expectedVersion: '1' };
      await client.post('target/save', { ...edit, 'settings.token': '', 'clear.token': 'true' });
      const input = fake.calls[0]?.input as { clearSecrets: string[]; settings: object };
      assert.deepEqual(input.clearSecrets, ['token']);
      assert.deepEqual(input.settings, { token: '' });
    });

    it('tells about somebody else’s edit and goes on telling until theirs was loaded', async () => {
      await open({ targets: [aTarget({ version: 5 })] });
      const edit = { ...form, targetId: 'T1', expectedVersion: '4', name: 'Mine' };
      const answer = await client.post('target/save', edit);
      assert.equal(answer.status, 409);
      const html = await answer.text();
      assert.match(html, /Somebody else saved this target/);
      assert.match(html, /value="Mine"/);
      assert.match(html, /name="expectedVersion" value="4"/);
      assert.match(html, /Load their version/);
    });

    it('never moves a target to another backend', async () => {
      await open({ backends: [aBackend(), hookBackend], targets: [aTarget()] });
      const edit = { ...form, targetId: 'T1', expectedVersion: '1', backend: 'signed-webhook' };
      assert.equal((await client.post('target/save', edit)).status, 200);
      assert.equal(fake.targets[0]?.backend, 'local');
    });

    it('refuses a backend that is not offered, at the choice', async () => {
      await open({ backends: [aBackend(), hookBackend] });
      const answer = await client.post('target/save', { ...form, backend: 'nope' });
      assert.equal(answer.status, 422);
      assert.match(await answer.text(), /Pick one of these/);
      assert.deepEqual(fake.calls, []);
    });

    it('shows the settings of the backend that is chosen', async () => {
      await open({ backends: [aBackend(), hookBackend] });
      const path = '/panel/fragments/settings?targetId=&backend=signed-webhook';
      const html = await (await client.get(path)).text();
      assert.match(html, /id="settings-new"/);
      assert.match(html, /name="settings\.url"[^>]*required/);
      assert.match(html, /type="password"[^>]*name="settings\.secret"/);
      assert.doesNotMatch(html, /buildCommand/);
    });

    it('says 413 for more than a form may hold', async () => {
      await open();
      const big = { ...form, 'settings.environment': 'x'.repeat(300_000) };
      const answer = await client.post('target/save', big);
      assert.equal(answer.status, 413);
      assert.match(await answer.text(), /data-flag/);
    });

    it('says 503 without detail when the store is away', async () => {
      await open();
      fake.refuseNext = new InfrastructureError('storage_unavailable', '/var/lib/secret-path');
      const answer = await client.post('target/save', form);
      assert.equal(answer.status, 503);
      const html = await answer.text();
      assert.match(html, /Nothing was changed/);
      assert.doesNotMatch(html, /secret-path/);
    });
  });

  describe('a target that waits for another', () => {
    const targets = () => [
      aTarget({ name: 'Staging' }),
      aTarget({ id: 'T2', name: 'Production', afterTargetId: 'T1', promote: 'person' }),
    ];
    const waiting = () =>
      aDeployment({
        ...{ id: 'D2', targetId: 'T2', state: 'waiting', waitsFor: 'D1' },
        ...{ approvalUntil: Date.now() + 1_000_000, startedAt: null, finishedAt: null },
      });

    it('is chosen in the form, among the other targets of the repository', async () => {
      await open({ targets: targets() });
      const edit = await (await client.get('/panel/fragments/target-form?targetId=T2')).text();
      assert.match(edit, /<select[^>]*name="afterTargetId"/);
      assert.match(edit, /<option value="T1" selected>Staging/);
      assert.doesNotMatch(edit, /<option value="T2"/);
      const wish = { ...form, targetId: 'T2', expectedVersion: '1' };
      const answer = await client.post('target/save', {
        ...wish,
        afterTargetId: 'T1',
        promote: 'person',
      });
      assert.equal(answer.status, 200);
      const { afterTargetId, promote } = fake.calls[0]?.input as Record<string, unknown>;
      assert.deepEqual([afterTargetId, promote], ['T1', 'person']);
    });

    it('asks for no order where there is nothing to wait for', async () => {
      await open({ targets: [aTarget()] });
      const html = await (await client.get('/panel/fragments/target-form?targetId=T1')).text();
      assert.doesNotMatch(html, /afterTargetId/);
    });

    it('says what it waits for, and lets a person decide', async () => {
      await open({ targets: targets(), deployments: [waiting()] });
      const card = await (await client.get('/panel/fragments/target?targetId=T2')).text();
      assert.match(card, /After <bdi[^>]*>Staging<\/bdi>, when a person lets it go on/);
      assert.match(card, /deployment\/approve/);
      for (const [action, call] of [
        ['deployment/approve', 'approve'],
        ['deployment/decline', 'decline'],
      ] as const) {
        fake.deployments = [waiting()];
        assert.equal((await client.post(action, { deploymentId: 'D2' })).status, 200);
        assert.equal(fake.calls.at(-1)?.name, call);
      }
    });

    it('lets a person say that it went live where its backend never answered, and send it again', async () => {
      const silent = aDeployment({
        ...{ id: 'D3', state: 'stopped', backendRef: null },
        reason: 'Sent, but Fake did not answer; look there.',
      });
      await open({ targets: [aTarget({ liveDeploymentId: null })], deployments: [silent] });
      const list = await (await client.get('/panel/fragments/deployments')).text();
      assert.match(list, /deployment\/confirm/);
      assert.match(list, /It went live/);
      assert.match(list, /Send again/);
      const { status } = await client.post('deployment/confirm', { deploymentId: 'D3' });
      assert.equal(status, 200);
      assert.equal(fake.calls.at(-1)?.name, 'confirmLive');
    });

    it('offers the decision to admins only', async () => {
      await open({ targets: targets(), deployments: [waiting()], permissionIs: 'write' });
      const card = await (await client.get('/panel/fragments/target?targetId=T2')).text();
      assert.doesNotMatch(card, /deployment\/approve/);
      assert.equal((await client.post('deployment/approve', { deploymentId: 'D2' })).status, 403);
    });
  });

  describe('the other actions', () => {
    it('pauses and resumes, which also ends a hold', async () => {
      const hold = { since: 1, by: 'Ada', reason: 'rolled back' };
      await open({ targets: [aTarget({ hold })] });
      const resumed = await client.post('target/automatic', { targetId: 'T1', on: 'true' });
      assert.match(await resumed.text(), /Automatic deploys are on again/);
      const paused = await client.post('target/automatic', { targetId: 'T1', on: 'false' });
      assert.match(await paused.text(), /Pushes are noted, but deploy nothing/);
      assert.deepEqual(
        fake.calls.map(({ input }) => (input as { on: boolean }).on),
        [true, false],
      );
    });

    it('removes after a sentence that says what follows', async () => {
      await open({ targets: [aTarget()] });
      assert.match(client.html, /Pushes no longer deploy to Production/);
      const answer = await client.post('target/remove', { targetId: 'T1' });
      const html = await answer.text();
      assert.match(html, /Production was removed/);
      assert.match(html, /id="new-target" data-oob/);
      assert.match(html, /From push to live/);
    });

    it('deploys a branch now', async () => {
      await open({ targets: [aTarget()] });
      const fields = { targetId: 'T1', refType: 'branch', refName: 'develop' };
      const answer = await client.post('deploy', fields);
      assert.equal(answer.headers.get('x-slipway-deployment'), 'D100');
      const html = await answer.text();
      assert.match(html, /data-deployment="D100" data-state="queued"/);
      assert.match(html, /is on its way to Production/);
      assert.match(html, /data-every="2000"/);
    });

    it('says which ref it does not know', async () => {
      await open({ targets: [aTarget()] });
      fake.refuseNext = new InputError('ref_unknown', 'nope');
      const fields = { targetId: 'T1', refType: 'branch', refName: 'nope' };
      const answer = await client.post('deploy', fields);
      assert.equal(answer.status, 422);
      assert.match(await answer.text(), /Bitbucket has no such branch or tag: nope/);
      assert.equal((await client.post('deploy', { ...fields, refName: ' ' })).status, 422);
      assert.equal((await client.post('deploy', { ...fields, refType: 'x' })).status, 422);
      assert.equal(fake.calls.length, 1);
    });

    it('redeploys, cancels and rolls back', async () => {
      await open({ targets: [aTarget()], deployments: [aDeployment({ id: 'D1' })] });
      for (const action of ['redeploy', 'cancel', 'rollback']) {
        const answer = await client.post(`deployment/${action}`, { deploymentId: 'D1' });
        assert.equal(answer.status, 200, action);
        assert.match(await answer.text(), /id="deployments"/);
      }
      const by = { uuid: '{grace}', name: 'Grace Hopper' };
      assert.deepEqual(
        fake.calls,
        ['redeploy', 'cancel', 'rollBack'].map((name) => ({
          name,
          input: { deploymentId: 'D1', by },
        })),
      );
    });

    it('shows what failed last, and tries it again one by one or all of it', async () => {
      const failed = { state: 'failed', targetId: 'T1' } as const;
      const ids = ['D1', 'D2', 'D3'];
      await open({
        targets: [aTarget()],
        deployments: ids.map((id) => aDeployment({ ...failed, id, refName: `branch-of-${id}` })),
        deadLetters: ids,
      });
      const listed = (html: string) =>
        [...html.matchAll(/data-dead-letter="([^"]*)"/g)].map(([, id]) => id);
      const before = await (await client.get('/panel/fragments/deployments')).text();
      assert.deepEqual(listed(before), ['D3', 'D2', 'D1']);
      const one = await client.post('deployment/retry', { deploymentId: 'D2' });
      const afterOne = await one.text();
      assert.match(afterOne, /One deployment is tried again\./);
      assert.deepEqual(listed(afterOne), ['D3', 'D1']);
      const all = await (await client.post('deployment/retry', { all: 'true' })).text();
      assert.match(all, /2 deployments are tried again\./);
      assert.deepEqual(listed(all), []);
      const none = await client.post('deployment/retry', { deploymentId: 'D2' });
      assert.equal(none.status, 422);
      assert.match(await none.text(), /data-code="retry_invalid"/);
      const [, second] = fake.calls;
      const wish = { failedSince: startOfTime - 30 * 86_400_000, repositoryId: 'R1' };
      assert.deepEqual(second?.input, { wish, by: { uuid: '{grace}', name: 'Grace Hopper' } });
    });

    it('does not list by itself what stands in the list of deployments with the same button', async () => {
      const deployments = [aDeployment({ state: 'failed' })];
      await open({ targets: [aTarget()], deployments, deadLetters: ['D1'] });
      const html = await (await client.get('/panel/fragments/deployments')).text();
      assert.doesNotMatch(html, /Failed last/);
      assert.match(html, /id="redeploy-D1"/);
    });

    it('answers 409 when things have moved on', async () => {
      await open({ targets: [aTarget()], deployments: [aDeployment({ id: 'D1' })] });
      fake.refuseNext = new StateError('deployment_finished');
      const answer = await client.post('deployment/cancel', { deploymentId: 'D1' });
      assert.equal(answer.status, 409);
      assert.match(await answer.text(), /data-code="deployment_finished"/);
    });
  });

  it('reads the session before the body', async () => {
    await open();
    const stranger = panelClient(served.url, 'x');
    const big = { ...form, 'settings.environment': 'x'.repeat(300_000) };
    assert.equal((await stranger.post('target/save', big)).status, 401);
  });
});
