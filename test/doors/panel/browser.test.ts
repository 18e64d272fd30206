import assert from 'node:assert/strict';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { InputError } from '../../../src/core/errors.js';
import { durationText, relativeTime } from '../../../src/doors/panel/view/time.js';
import { waitFor } from '../../support/e2e/wait-for.js';
import { launchChromium, needsChromium } from './support/chromium.js';
import {
  aBackend,
  aDeployment,
  aPush,
  aTarget,
  fakePanel,
  hookBackend,
} from './support/fake-panel.js';
import type { FakePanel } from './support/fake-panel.js';
import { scenarios } from './support/scenarios.js';
import { root, servePanel, type ServedPanel } from './support/serve-panel.js';

const axeFile = path.join(root, 'node_modules/axe-core/axe.min.js');

describe('panel in a browser', function () {
  this.timeout(60_000);
  let browser: Browser;
  let served: ServedPanel;
  let page: Page;
  const problems: string[] = [];

  before(async function () {
    needsChromium(this);
    browser = await launchChromium();
  });
  after(async () => browser?.close());
  afterEach(async () => {
    await page?.close();
    await served?.close();
    assert.deepEqual(problems.splice(0), [], 'the console must stay clean');
  });

  const open = async (
    fake: FakePanel,
    options: NonNullable<Parameters<Browser['newPage']>[0]> = {},
    where = '/panel/repository',
  ): Promise<void> => {
    served = await servePanel(fake, { realTime: true });
    page = await browser.newPage({ reducedMotion: 'reduce', ...options });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (line) => {
      // The fake serves no all.js of Bitbucket's, and refusals are part of these tests.
      if (line.type() === 'error' && !/Failed to load resource/.test(line.text())) {
        problems.push(line.text());
      }
    });
    await page.goto(served.url + where);
  };

  /** As text: this project's types know Node, not browsers. */
  const inPage = async <T>(expression: string): Promise<T> => page.evaluate<T>(expression);

  const findings = async (): Promise<string[]> => {
    await page.addScriptTag({ path: axeFile });
    const { violations } = await inPage<AxeResult>("axe.run({ resultTypes: ['violations'] })");
    return violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}`));
  };

  describe('axe finds nothing', () => {
    const now = Date.now();
    for (const [name, scenario] of Object.entries(scenarios(now))) {
      for (const colorScheme of ['light', 'dark'] as const) {
        it(`in ${name}, ${colorScheme}, everything unfolded`, async () => {
          await open(scenario.services(), { bypassCSP: true, colorScheme });
          await inPage(
            "document.querySelectorAll('details').forEach((one) => { one.open = true; })",
          );
          assert.deepEqual(await findings(), []);
        });
      }
    }

    it('in forms with errors, and in their messages', async () => {
      const fake = fakePanel({ targets: [aTarget({ secretsSealed: 'x' })] });
      await open(fake, { bypassCSP: true });
      await page.click('#edit-T1');
      fake.refuseNext = new InputError('target_invalid', undefined, {
        name: 'That name is taken.',
        'settings.environment': 'Line 1: write it as NAME=value.',
      });
      await page.click('#save-T1');
      await page.waitForSelector('[aria-invalid]');
      assert.deepEqual(await findings(), []);
    });

    for (const state of ['building', 'live', 'failed'] as const) {
      it(`on the page of a ${state} deployment`, async () => {
        const one = aDeployment({ state, url: 'https://shop.example.com/', finishedAt: null });
        const fake = fakePanel({
          targets: [aTarget({ liveDeploymentId: 'D1' })],
          deployments: [one],
        });
        await open(fake, { bypassCSP: true }, `/d/${one.pageToken}`);
        assert.deepEqual(await findings(), []);
      });
    }
  });

  it('fits 320 px with the hardest names', async () => {
    const hard = scenarios(Date.now())['hard-names'];
    assert.ok(hard);
    await open(hard.services(), { viewport: { width: 320, height: 640 } });
    assert.equal(await inPage('document.documentElement.scrollWidth'), 320);
    assert.equal(await page.locator('main img').count(), 0);
  });

  it('goes from nothing to a deployment with the keyboard alone', async () => {
    const fake = fakePanel();
    await open(fake);
    await page.focus('#f-new-name');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Test');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#deploy-now-T1');
    assert.deepEqual(
      fake.targets.map(({ name }) => name),
      ['Test'],
    );
    assert.match(
      await inPage('document.activeElement.textContent'),
      /Test is set up/,
      'the focus goes to the message',
    );
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-deployment="D100"]');
    assert.match((await page.textContent('#announcer')) ?? '', /on its way to Test/);
    assert.equal(await page.locator('#deploy-now-T1').count(), 0, 'once is enough');
  });

  it('keeps what was typed when the server says no', async () => {
    const fake = fakePanel();
    await open(fake);
    await page.fill('#f-new-name', 'Mine');
    fake.refuseNext = new InputError('target_invalid', undefined, { name: 'Taken.' });
    await page.click('#save-new');
    await page.waitForSelector('#f-new-name[aria-invalid]');
    assert.equal(await page.inputValue('#f-new-name'), 'Mine');
    assert.equal(await inPage('document.activeElement.id'), 'f-new-name');
  });

  it('keeps what was typed when the session is over', async () => {
    served = await servePanel(fakePanel());
    page = await browser.newPage();
    await page.goto(`${served.url}/panel/repository`);
    await page.fill('#f-new-name', 'Mine');
    served.clock.now += 16 * 60_000;
    await page.click('#save-new');
    await page.waitForSelector('[data-code="session_expired"]');
    assert.equal(await page.inputValue('#f-new-name'), 'Mine');
  });

  it('takes over the session that follows, so that a page left open can still be used', async () => {
    const fake = fakePanel();
    served = await servePanel(fake);
    page = await browser.newPage();
    await page.goto(`${served.url}/panel/repository`);
    const session = `document.querySelector('meta[name="slipway-session"]').content`;
    const first = await inPage<string>(session);
    served.clock.now += 10 * 60_000;
    // As when somebody comes back to the tab: asks at once.
    await inPage(`document.dispatchEvent(new Event('visibilitychange'))`);
    await waitFor('the next session', async () => (await inPage<string>(session)) !== first);
    served.clock.now += 10 * 60_000;
    fake.refuseNext = new InputError('target_invalid', undefined, { name: 'Taken.' });
    await page.fill('#f-new-name', 'Mine');
    await page.click('#save-new');
    await page.waitForSelector('#f-new-name[aria-invalid]');
  });

  it('says so when nobody answers, and lets the button be pressed again', async () => {
    const fake = fakePanel();
    await open(fake);
    await page.route('**/panel/actions/**', (route) => route.abort());
    await page.click('#save-new');
    await page.waitForSelector('.message-error');
    assert.equal(await page.getAttribute('#save-new', 'aria-busy'), null);
    await page.unroute('**/panel/actions/**');
    await page.click('#save-new');
    await page.waitForSelector('#target-T1');
  });

  it('shows the settings of the backend that is picked', async () => {
    await open(fakePanel({ backends: [aBackend(), hookBackend] }));
    await page.fill('#f-new-name', 'Mine');
    await page.click('text=Signed webhook');
    await page.waitForSelector('#f-new-settings-url');
    assert.equal(await page.locator('#f-new-settings-buildCommand').count(), 0);
    assert.equal(await page.inputValue('#f-new-name'), 'Mine');
  });

  it('offers tags only where the backend that is picked can deploy them, and judges by it', async () => {
    await open(fakePanel({ backends: [aBackend(), hookBackend], pushes: [aPush()] }));
    await page.fill('#f-new-branchPattern', 'release/*');
    await page.fill('#f-new-tagPattern', 'v*');
    await page.click('text=Signed webhook');
    await page.waitForSelector('#f-new-tagPattern', { state: 'detached' });
    assert.equal(await page.inputValue('#f-new-branchPattern'), 'release/*');
    await page.waitForSelector('#preview-new >> text=Would not have deployed');
    await page.click('text=This server');
    await page.waitForSelector('#f-new-tagPattern');
    assert.equal(await page.inputValue('#f-new-branchPattern'), 'release/*');
  });

  it('follows a deployment and disturbs nothing while doing so', async () => {
    const one = aDeployment({ state: 'building', finishedAt: null, logTail: ['first line'] });
    const fake = fakePanel({ targets: [aTarget()], deployments: [one] });
    await open(fake);
    await page.click('#more-T1 > summary');
    await page.fill('#ref-name-T1', 'half-typed');
    await page.click('#tail-D1 > summary');
    await page.click('#load-log-D1');
    await page.waitForSelector('.log-whole');
    await page.focus('#cancel-D1');
    Object.assign(one, { progress: { step: 'Almost there' }, logTail: ['second line'] });
    await page.waitForSelector('text=Almost there');
    assert.equal(await page.inputValue('#ref-name-T1'), 'half-typed');
    assert.equal(await inPage('document.activeElement.id'), 'cancel-D1');
    assert.equal(await page.isVisible('text=second line'), true, 'the log stays unfolded');
    assert.equal(await page.isVisible('.log-whole'), true, 'the whole log stays');
    Object.assign(one, { state: 'live', progress: null, finishedAt: Date.now() });
    Object.assign(fake.targets[0] ?? {}, { liveDeploymentId: 'D1' });
    await page.waitForSelector('[data-state="live"]');
    assert.match((await page.textContent('#announcer')) ?? '', /Production: a1b2c3d4 Live/);
    assert.match((await page.textContent('#status-T1')) ?? '', /Live/);
  });

  it('leads from a failed deployment to its cause: one line at once, the log by one click', async () => {
    const everything = scenarios(Date.now())['everything'];
    assert.ok(everything);
    await open(everything.services());
    const row = page.locator('#d-D-failed');
    assert.match((await row.locator('.log-line').textContent()) ?? '', /error TS2322: Type/);
    assert.equal(await row.locator('pre').isVisible(), false);
    await row.locator('text=End of the log').click();
    assert.match((await row.locator('pre').textContent()) ?? '', /npm error code 1/);
    // The same from its push.
    await page.click('#story-C5');
    const story = page.locator('#p-C5 .story');
    assert.match((await story.locator('.log-line').textContent()) ?? '', /error TS2322: Type/);
    await story.locator('text=End of the log').click();
    assert.equal(await story.locator('pre').isVisible(), true);
  });

  it('asks before it rolls back, and folds the question away afterwards', async () => {
    const fake = fakePanel({
      targets: [aTarget({ liveDeploymentId: 'D9' })],
      deployments: [aDeployment({ id: 'D1' })],
    });
    await open(fake);
    await page.click('#rollback-D1 > summary');
    assert.deepEqual(fake.calls, []);
    await page.click('#rollback-D1 button');
    await page.waitForSelector('[data-deployment="D101"]');
    assert.deepEqual(
      fake.calls.map(({ name }) => name),
      ['rollBack'],
    );
    assert.equal(await page.getAttribute('#rollback-D1', 'open'), null);
  });

  it('removes a target and teaches again when it was the last', async () => {
    await open(fakePanel({ targets: [aTarget()] }));
    await page.click('#more-T1 > summary');
    await page.click('#remove-T1 > summary');
    await page.click('#remove-T1 button');
    await page.waitForSelector('.welcome');
    assert.equal(await page.locator('#target-T1').count(), 0);
  });

  it('uses another way to the server where a frame gives it one', async () => {
    served = await servePanel(fakePanel());
    page = await browser.newPage();
    await page.addInitScript(`
      globalThis.seen = [];
      globalThis.slipwayTransport = async (request) => {
        globalThis.seen.push(request);
        return { status: 200, etag: null, html: '<p id="new-target">Hello</p>' };
      };
    `);
    await page.goto(`${served.url}/panel/repository`);
    await page.click('#save-new');
    await page.waitForSelector('text=Hello');
    const seen = await inPage<Seen[]>('seen');
    assert.equal(seen[0]?.method, 'POST');
    assert.equal(seen[0]?.path, '/panel/actions/target/save');
  });

  it('keeps times right with the server’s own words', async () => {
    const now = Date.now();
    const deployments = [
      30_000, 200_000, 7_300_000, 90_000_000, 400_000_000, -40_000_000, -400_000_000,
    ].map((ago, n) =>
      aDeployment({
        id: `D${n}`,
        state: 'building',
        createdAt: now - ago,
        startedAt: now - ago,
        finishedAt: null,
      }),
    );
    await open(fakePanel({ targets: [aTarget()], deployments }));
    const shown = await inPage<Shown>(`({
      times: [...document.querySelectorAll('#deployments time')]
        .map((one) => [Date.parse(one.dateTime), one.textContent]),
      since: [...document.querySelectorAll('#deployments [data-since]')]
        .map((one) => [Number(one.dataset.since), one.textContent]),
      at: Date.now(),
    })`);
    assert.equal(shown.times.length, 7);
    for (const [at, text] of shown.times) {
      assert.equal(text, relativeTime(at, shown.at));
    }
    for (const [at, text] of shown.since) {
      // A second may pass between the page's tick and this look.
      const words = [0, 1000].map((late) => durationText(shown.at - at - late));
      assert.ok(words.includes(text), `${text} is none of ${words.join(', ')}`);
    }
  });

  it('asks Bitbucket’s script for its theme once that is there', async () => {
    await open(fakePanel());
    await page.waitForFunction('globalThis.themed === 1');
  });

  it('lets the page of a deployment follow it to its end', async () => {
    const one = aDeployment({ state: 'building', finishedAt: null });
    await open(fakePanel({ targets: [aTarget()], deployments: [one] }), {}, `/d/${one.pageToken}`);
    Object.assign(one, { state: 'failed', reason: 'npm ended with 1.' });
    await page.waitForSelector('text=npm ended with 1.');
    assert.equal(await page.getAttribute('#deployment', 'data-every'), '0');
  });
});

interface AxeResult {
  violations: { id: string; nodes: { html: string }[] }[];
}

interface Shown {
  times: [number, string][];
  since: [number, string][];
  at: number;
}

interface Seen {
  method: string;
  path: string;
}
