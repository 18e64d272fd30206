import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { InputError } from '../../../src/core/errors.js';
import { aBackend, aTarget, fakePanel, hookBackend, type FakePanel } from './support/fake-panel.js';
import { panelInBrowser } from './support/panel-in-browser.js';

const minute = 60_000;

describe('what was typed into the panel', function () {
  this.timeout(60_000);
  const panel = panelInBrowser();
  let page: Page;
  let fake: FakePanel;

  const open = async (over: Partial<FakePanel>): Promise<void> => {
    fake = fakePanel({ backends: [aBackend(), hookBackend], ...over });
    page = await panel.open(fake);
  };

  it('comes back when another backend took its field away and the first is picked again', async () => {
    await open({});
    await page.fill('#f-new-tagPattern', 'v*');
    await page.fill('#f-new-settings-buildCommand', 'make site');
    await page.click('text=Signed webhook');
    await page.waitForSelector('#f-new-tagPattern', { state: 'detached' });
    await page.fill('#f-new-settings-url', 'https://deploy.example.com/hook');
    await page.fill('#f-new-settings-secret', 'not a real secret');
    await page.click('text=This server');
    await page.waitForSelector('#f-new-tagPattern');
    assert.equal(await page.inputValue('#f-new-tagPattern'), 'v*');
    assert.equal(await page.inputValue('#f-new-settings-buildCommand'), 'make site');
    await page.click('text=Signed webhook');
    await page.waitForSelector('#f-new-settings-url');
    assert.equal(await page.inputValue('#f-new-settings-url'), 'https://deploy.example.com/hook');
    assert.equal(await page.inputValue('#f-new-settings-secret'), 'not a real secret');
  });

  it('comes back also after the server found something wrong in between', async () => {
    await open({});
    await page.fill('#f-new-tagPattern', 'v*');
    fake.refuseNext = new InputError('target_invalid', undefined, { name: 'Taken.' });
    await page.click('#save-new');
    await page.waitForSelector('#f-new-name[aria-invalid]');
    await page.click('text=Signed webhook');
    await page.waitForSelector('#f-new-tagPattern', { state: 'detached' });
    await page.click('text=This server');
    await page.waitForSelector('#f-new-tagPattern');
    assert.equal(await page.inputValue('#f-new-tagPattern'), 'v*');
  });

  /** As Bitbucket does it: the frame is loaded anew and gets a new session. */
  const reload = async (): Promise<void> => {
    await page.reload();
    await page.waitForSelector('text=What you typed before is here again');
  };

  it('outlives the session: a new target can be saved after the page was loaded again', async () => {
    await open({ targets: [aTarget()] });
    await page.click('#add-target');
    await page.click('text=Signed webhook');
    await page.waitForSelector('#f-new-settings-url');
    await page.fill('#f-new-name', 'Staging');
    await page.fill('#f-new-settings-url', 'https://deploy.example.com/hook');
    await page.fill('#f-new-settings-secret', 'not a real secret');
    await page.click('#more-rule-new > summary');
    await page.selectOption('#f-new-promote', 'person');
    await page.uncheck('#f-new-honourSkipMarkers');
    panel.passTime(16 * minute);
    await page.click('#save-new');
    await page.waitForSelector('[data-code="session_expired"]');
    assert.equal(await page.inputValue('#f-new-name'), 'Staging');
    assert.doesNotMatch(
      await page.evaluate<string>('JSON.stringify(sessionStorage)'),
      /not a real secret/,
    );
    await reload();
    assert.equal(await page.inputValue('#f-new-name'), 'Staging');
    assert.equal(await page.inputValue('#f-new-promote'), 'person');
    assert.equal(await page.isChecked('#f-new-honourSkipMarkers'), false);
    assert.equal(await page.inputValue('#f-new-settings-secret'), '', 'secrets are not kept');
    await page.click('#save-new');
    await page.waitForSelector('#target-T2');
    const [{ input } = { input: null }] = fake.calls;
    assert.ok(input && typeof input === 'object' && 'settings' in input);
    assert.deepEqual(input.settings, { url: 'https://deploy.example.com/hook', secret: '' });
    await page.reload();
    assert.equal(await page.locator('#form-new').count(), 0, 'once is enough');
  });

  it('outlives the session while a target is edited, and is still told of a change by others', async () => {
    await open({ targets: [aTarget()] });
    await page.click('#edit-T1');
    await page.fill('#f-T1-branchPattern', 'main, hotfix/*');
    panel.passTime(16 * minute);
    // The page finds out by itself, as it does when somebody comes back to the tab; typing goes on.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    await page.waitForSelector('[data-code="session_expired"]');
    await page.fill('#f-T1-name', 'Shop');
    Object.assign(fake.targets[0] ?? {}, { version: 2 });
    await reload();
    assert.equal(await page.inputValue('#f-T1-name'), 'Shop');
    assert.equal(await page.inputValue('#f-T1-branchPattern'), 'main, hotfix/*');
    await page.click('#save-T1');
    await page.waitForSelector('text=Load their version');
    assert.equal(await page.inputValue('#f-T1-branchPattern'), 'main, hotfix/*');
    await page.click('text=Load their version');
    await page.waitForSelector('button >> text=Load their version', { state: 'detached' });
    assert.equal(await page.inputValue('#f-T1-branchPattern'), 'main', 'theirs, as was asked for');
  });

  it('does not turn up at another repository', async () => {
    await open({});
    await page.fill('#f-new-name', 'Mine');
    panel.passTime(16 * minute);
    await page.click('#save-new');
    await page.waitForSelector('[data-code="session_expired"]');
    fake.repositories = fake.repositories.map((one) => ({ ...one, id: 'R2' }));
    await page.reload();
    await page.waitForSelector('#f-new-name');
    assert.equal(await page.inputValue('#f-new-name'), 'Production');
  });
});
