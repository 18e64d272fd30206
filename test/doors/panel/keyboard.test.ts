import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { aDeployment, aPush, aDecision, aTarget, fakePanel } from './support/fake-panel.js';
import type { FakePanel } from './support/fake-panel.js';
import { findings, focused, press, tabTo } from './support/look.js';
import { panelInBrowser } from './support/panel-in-browser.js';

/** What adding, deploying and removing is in other files; here is the rest, with a keyboard and nothing else. */
describe('panel by the keyboard alone', function () {
  this.timeout(60_000);
  const panel = panelInBrowser();
  let page: Page;
  let fake: FakePanel;

  const open = async (over: Partial<FakePanel>): Promise<void> => {
    fake = fakePanel(over);
    page = await panel.open(fake, { serve: { realTime: true }, page: { bypassCSP: true } });
  };
  const done = () => fake.calls.map(({ name }) => name);
  const push = aPush({
    decisions: [aDecision({ outcome: 'deploy', reasonCode: 'matched', deploymentId: 'D1' })],
  });

  it('edits a target; to leave the form leads back to its button', async () => {
    await open({ targets: [aTarget()] });
    await press(page, '#edit-T1');
    await page.waitForSelector('#form-T1');
    assert.equal(await focused(page), '#f-T1-name');
    await tabTo(page, '#form-T1 .form-actions .button-subtle');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#form-T1', { state: 'detached' });
    assert.equal(await focused(page), '#edit-T1');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#form-T1');
    await tabTo(page, '#f-T1-branchPattern');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('main, hotfix/*');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.rule >> text=hotfix/*');
    assert.match(await page.evaluate<string>('document.activeElement.innerText'), /Saved\./);
  });

  it('pauses and resumes, and ends a hold', async () => {
    const hold = { since: 0, by: 'Grace Hopper', reason: 'rolled back to 77aa01bc' };
    await open({ targets: [aTarget(), aTarget({ id: 'T2', name: 'Staging', hold })] });
    await press(page, '#more-T1 > summary');
    await press(page, '#automatic-T1');
    await page.waitForSelector('#status-T1 >> text=Automatic deploys are paused.');
    await press(page, '#resume-T1');
    await page.waitForSelector('#status-T1 >> text=Automatic deploys are paused.', {
      state: 'detached',
    });
    await press(page, '#resume-T2');
    await page.waitForSelector('text=Automatic deploys are on hold.', { state: 'detached' });
    assert.deepEqual(done(), ['setAutomatic', 'setAutomatic', 'setAutomatic']);
  });

  it('cancels, tries again and rolls back; Escape folds the question away', async () => {
    const running = { state: 'building', finishedAt: null, url: null } as const;
    await open({
      targets: [aTarget({ liveDeploymentId: 'D0' })],
      deployments: [
        aDeployment({ ...running, id: 'D3' }),
        aDeployment({ id: 'D2', state: 'failed', reason: 'npm ended with 1.' }),
        aDeployment({ id: 'D1' }),
      ],
    });
    await press(page, '#cancel-D3');
    await page.waitForSelector('text=Stopping the deployment of');
    await press(page, '#redeploy-D2');
    await page.waitForSelector('text=is being deployed again');
    assert.equal(await focused(page), '#redeploy-D2', 'the focus stays where it was');
    await press(page, '#rollback-D1 > summary');
    await tabTo(page, '#rollback-D1 button');
    await page.keyboard.press('Escape');
    assert.equal(await page.getAttribute('#rollback-D1', 'open'), null);
    assert.equal(
      await page.evaluate("document.activeElement.matches('#rollback-D1 > summary')"),
      true,
    );
    await page.keyboard.press('Enter');
    await press(page, '#rollback-D1 button');
    await page.waitForSelector('text=Rolling back to');
    assert.deepEqual(done(), ['cancel', 'redeploy', 'rollBack']);
  });

  it('does the same from the story of a push', async () => {
    const failed = aDeployment({ state: 'failed', reason: 'npm ended with 1.', refChangeId: 'C1' });
    await open({ targets: [aTarget()], deployments: [failed], pushes: [push] });
    await press(page, '#story-C1');
    await page.waitForSelector('.story');
    assert.equal(await focused(page), '#story-C1');
    await press(page, '#act-redeploy-D1');
    await page.waitForSelector('.story >> text=is being deployed again');
    assert.match(
      (await page.textContent('.story')) ?? '',
      /Deployed again by Grace Hopper: Queued/,
    );
    await press(page, '[id^="act-cancel-"]');
    await page.waitForSelector('.story >> text=Stopping the deployment of');
    assert.deepEqual(await findings(page), []);
    await press(page, '#story-C1');
    await page.waitForSelector('.story', { state: 'detached' });
    assert.deepEqual(done(), ['redeploy', 'cancel']);
  });

  it('rolls back from the story of a push that was live', async () => {
    await open({
      targets: [aTarget({ liveDeploymentId: 'D0' })],
      deployments: [aDeployment({ refChangeId: 'C1' })],
      pushes: [push],
    });
    await press(page, '#story-C1');
    await page.waitForSelector('.story');
    await press(page, '#act-rollback-D1 > summary');
    await press(page, '#act-rollback-D1 button');
    await page.waitForSelector('.story >> text=Rolling back to');
    assert.match((await page.textContent('.story')) ?? '', /Rolled back to this by Grace/);
  });

  it('tries again what failed last, alone and together', async () => {
    const ids = ['D1', 'D2', 'D3'];
    const failed = { state: 'failed', reason: 'npm ended with 1.' } as const;
    await open({
      targets: [aTarget()],
      deployments: ids.map((id) => aDeployment({ ...failed, id, refName: `topic-${id}` })),
      deadLetters: ids,
    });
    assert.deepEqual(await findings(page), []);
    await press(page, '#retry-D2');
    await page.waitForSelector('text=One deployment is tried again.');
    await press(page, '#retry-all');
    await page.waitForSelector('text=2 deployments are tried again.');
    assert.equal(await page.locator('#failed-last').count(), 0);
    assert.notEqual(await focused(page), 'BODY');
    assert.deepEqual(done(), ['retryFailed', 'retryFailed']);
  });

  it('narrows the lists, and shows all again', async () => {
    await open({
      targets: [aTarget()],
      deployments: [aDeployment(), aDeployment({ id: 'D2', state: 'failed', refName: 'develop' })],
    });
    await tabTo(page, '#filter-state');
    await page.keyboard.type('Failed');
    await page.waitForSelector('#d-D1', { state: 'detached' });
    assert.equal(await focused(page), '#filter-state', 'the choice keeps the focus');
    await press(page, '#filter-clear');
    await page.waitForSelector('#d-D1');
    assert.equal(await focused(page), '#filter-branch', 'the focus is not lost with the button');
  });
});
