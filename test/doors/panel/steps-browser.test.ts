import assert from 'node:assert/strict';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { PreflightStep } from '../../../src/core/preflight.js';
import { aBackend, aTarget, fakePanel, hookBackend, type FakePanel } from './support/fake-panel.js';
import { goodSteps, StepGate } from './support/fake-steps.js';
import { findings, focused, overflow, press, tabTo } from './support/look.js';
import { panelInBrowser } from './support/panel-in-browser.js';

/** The check of a target in a browser, each step held until the one before was seen. */
describe('check of a target, step by step', function () {
  this.timeout(60_000);
  const panel = panelInBrowser();
  let page: Page;
  let fake: FakePanel;
  let gate: StepGate;

  const open = async (
    over: Partial<FakePanel> = {},
    options: BrowserContextOptions = {},
  ): Promise<void> => {
    gate = new StepGate();
    const steps = [...goodSteps];
    fake = fakePanel({ backends: [aBackend(), hookBackend], steps, ...over });
    fake.beforeStep = gate.beforeStep;
    page = await panel.open(fake, { page: { bypassCSP: true, ...options } });
  };
  const done = () => fake.calls.map(({ name }) => name);
  const seen = async (key: string, words: readonly string[]): Promise<void> => {
    const find = `[...document.querySelectorAll('#checking-${key} .step-title .subtle')].map((one) => one.innerText).join()`;
    await page.waitForFunction(`${find} === ${JSON.stringify(words.join())}`);
  };
  const heard = (text: string) =>
    page.waitForFunction(
      `document.getElementById('announcer').textContent.includes(${JSON.stringify(text)})`,
    );
  const running = 'running …';

  it('shows and says each step of a save while the next one runs, and saves at last', async () => {
    await open();
    await page.fill('#f-new-name', 'Shop');
    await press(page, '#save-new');
    await seen('new', [running, 'waiting', 'waiting']);
    await heard('Branch or tag: running.');
    assert.equal(await focused(page), '#save-new');
    assert.deepEqual(await findings(page), []);
    await gate.pass('ref');
    await seen('new', ['fine', running, 'waiting']);
    await heard('Branch or tag: fine. Bitbucket shows branch main at 0a1b2c3. Fetching: running.');
    await gate.pass('clone');
    await seen('new', ['fine', 'fine', running]);
    assert.equal(await focused(page), '#save-new');
    assert.deepEqual(done(), [], 'nothing is saved before all was tried');
    await gate.pass('backend');
    await seen('new', ['fine', 'fine', 'fine']);
    await heard('Saving.');
    await gate.pass('save');
    await page.waitForSelector('#target-T1 .message >> text=Shop is set up');
    assert.match(await page.evaluate<string>('document.activeElement.innerText'), /Shop is set up/);
    assert.deepEqual(done(), ['saveTarget']);
  });

  it('fits in 320 px and is clean in the dark, in the middle of it', async () => {
    await open({}, { colorScheme: 'dark', viewport: { width: 320, height: 800 } });
    await page.click('#save-new');
    await gate.pass('ref');
    await seen('new', ['fine', running, 'waiting']);
    assert.equal(await overflow(page), 0);
    assert.deepEqual(await findings(page), []);
    await gate.pass('clone');
  });

  it('turns a mark only for those who do not mind', async () => {
    const duration = `getComputedStyle(document.querySelector('#checking-new .icon-progress')).animationDuration`;
    for (const [reducedMotion, wanted] of [
      ['reduce', '0s'],
      ['no-preference', '1.2s'],
    ] as const) {
      await open({}, { reducedMotion });
      await page.click('#save-new');
      await seen('new', [running, 'waiting', 'waiting']);
      assert.equal(await page.evaluate(duration), wanted);
      await panel.close();
    }
  });

  it('saves once, however often it is pressed', async () => {
    await open();
    await page.evaluate("[1, 2].forEach(() => document.getElementById('save-new').click())");
    await page.focus('#f-new-name');
    await page.keyboard.press('Enter');
    for (const id of ['ref', 'clone', 'backend'] as const) await gate.pass(id);
    await page.click('#save-new');
    await seen('new', ['fine', 'fine', 'fine']);
    await page.click('#save-new');
    await gate.pass('save');
    await page.waitForSelector('#target-T1 .message');
    assert.deepEqual(done(), ['saveTarget']);
  });

  it('tells of a failed step while it goes on, and gives the form back with the focus on what is wrong', async () => {
    const refused: PreflightStep = {
      ...({ id: 'clone', outcome: 'failed' } as const),
      says: 'Bitbucket refused to let git fetch.',
      fix: 'Give Slipway the right to read repositories.',
    };
    await open({ steps: goodSteps.map((one) => (one.id === 'clone' ? refused : one)) });
    await page.fill('#f-new-name', 'Shop');
    await page.keyboard.press('Enter');
    await gate.pass('ref');
    await gate.pass('clone');
    await seen('new', ['fine', 'failed', running]);
    await heard('Fetching: failed. Bitbucket refused to let git fetch. Give Slipway the right');
    assert.equal(await focused(page), '#f-new-name', 'the focus stays meanwhile');
    await gate.pass('backend');
    await page.waitForSelector('#form-new [data-focus] .step-danger');
    const words = await page.evaluate<string>('document.activeElement.innerText');
    assert.match(words, /refused to let git fetch[^]*Give Slipway the right/);
    assert.equal(await page.inputValue('#f-new-name'), 'Shop');
    assert.deepEqual(await findings(page), []);
    assert.deepEqual(done(), []);
  });

  it('stops when the form is changed meanwhile, and starts anew with what stands there then', async () => {
    await open();
    await page.fill('#f-new-name', 'Shop');
    await page.click('#save-new');
    await gate.pass('ref');
    await seen('new', ['fine', running, 'waiting']);
    await page.focus('#f-new-name');
    await page.keyboard.type('s');
    await page.waitForSelector('#checking-new >> text=The check was stopped');
    await heard('Nothing was saved.');
    assert.equal(await page.getAttribute('#save-new', 'aria-busy'), null);
    await gate.pass('clone');
    assert.equal(await page.inputValue('#f-new-name'), 'Shops');
    await page.keyboard.press('Enter');
    for (const id of ['ref', 'clone', 'backend', 'save'] as const) await gate.pass(id);
    await page.waitForSelector('#target-T1 .message >> text=Shops is set up');
    assert.deepEqual(done(), ['saveTarget']);
  });

  it('lets nothing be typed while it saves, and keeps the focus in sight', async () => {
    await open();
    await page.focus('#f-new-name');
    await page.keyboard.press('Enter');
    for (const id of ['ref', 'clone', 'backend'] as const) await gate.pass(id);
    await seen('new', ['fine', 'fine', 'fine']);
    assert.equal(await focused(page), '#save-new');
    assert.equal(await page.locator('.form-step[inert]').count(), 3);
    fake.refuseNext = new Error('the database is away');
    await gate.pass('save');
    await page.waitForSelector('[data-code="unexpected"]');
    assert.equal(await page.locator('.form-step[inert]').count(), 0);
  });

  it('ends with the form that is left, and saves nothing', async () => {
    await open({ targets: [aTarget()] });
    await page.click('#edit-T1');
    await page.waitForSelector('#form-T1');
    await press(page, '#save-T1');
    await seen('T1', [running, 'waiting', 'waiting']);
    await tabTo(page, '#form-T1 .button-subtle');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#form-T1', { state: 'detached' });
    await gate.pass('ref');
    await press(page, '#edit-T1');
    await page.waitForSelector('#form-T1');
    assert.deepEqual(done(), []);
    assert.equal(await page.locator('#checking-T1').innerHTML(), '');
  });

  it('loses nothing that was typed when the session ends in the middle', async () => {
    await open();
    await page.fill('#f-new-name', 'Shop');
    await page.click('#save-new');
    await gate.pass('ref');
    await seen('new', ['fine', running, 'waiting']);
    await gate.arrived('clone');
    panel.passTime(16 * 60_000);
    await gate.pass('clone');
    await page.waitForSelector('[data-code="session_expired"]');
    assert.equal(await page.inputValue('#f-new-name'), 'Shop');
    assert.equal(await page.locator('#checking-new .step').count(), 0, 'nothing seems to run');
    assert.equal(await page.getAttribute('#save-new', 'aria-busy'), null);
    await page.reload();
    await page.waitForSelector('text=What you typed before is here again');
    assert.equal(await page.inputValue('#f-new-name'), 'Shop');
    await page.click('#save-new');
    for (const id of ['ref', 'clone', 'backend', 'save'] as const) await gate.pass(id);
    await page.waitForSelector('#target-T1 .message >> text=Shop is set up');
    assert.deepEqual(done(), ['saveTarget']);
  });

  it('goes on where it was after an answer got lost, and tries nothing twice', async () => {
    await open();
    await page.click('#save-new');
    await gate.pass('ref');
    await gate.pass('clone');
    await seen('new', ['fine', 'fine', running]);
    await gate.arrived('backend');
    await page.route('**/target/save', (route) => route.abort());
    await gate.pass('backend');
    await page.waitForSelector('text=Slipway did not answer.');
    await page.unroute('**/target/save');
    assert.equal(await focused(page), '#save-new');
    await page.keyboard.press('Enter');
    await gate.pass('save');
    await page.waitForSelector('#target-T1 .message >> text=is set up');
    assert.deepEqual(done(), ['saveTarget']);
  });

  it('says that a step takes long', async () => {
    await open();
    await page.clock.install();
    await page.click('#save-new');
    await seen('new', [running, 'waiting', 'waiting']);
    assert.equal(await page.isVisible('text=This takes longer than usual.'), false);
    await page.clock.runFor(6_000);
    await page.waitForSelector('text=This takes longer than usual. After 15 s it goes on');
    await heard('longer than usual');
    await gate.pass('ref');
    await seen('new', ['fine', running, 'waiting']);
    assert.equal(await page.isVisible('text=This takes longer than usual.'), false);
  });

  it('checks again with the keyboard alone, and leads to what was found', async () => {
    await open({ targets: [aTarget()] });
    await press(page, '#more-T1 > summary');
    await press(page, '#check-T1');
    await seen('T1', [running, 'waiting', 'waiting']);
    assert.equal(await focused(page), '#check-T1');
    await gate.pass('ref');
    await seen('T1', ['fine', running, 'waiting']);
    assert.deepEqual(await findings(page), []);
    await gate.pass('clone');
    await gate.pass('backend');
    await page.waitForSelector('#target-T1 .message .step-success');
    const words = await page.evaluate<string>('document.activeElement.innerText');
    assert.match(words, /Everything a deploy needs is there/);
    assert.deepEqual(done(), ['checkTarget']);
  });
});
