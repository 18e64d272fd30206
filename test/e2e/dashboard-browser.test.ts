import assert from 'node:assert/strict';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchChromium, needsChromium } from '../doors/panel/support/chromium.js';
import { findings, focused, overflow, press, unfold } from '../doors/panel/support/look.js';
import { wild } from '../doors/panel/support/scenarios.js';
import { DashboardStage } from '../support/e2e/dashboard-stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

const hardName = `${wild.rtl} ${wild.markup} ${wild.emoji} ${wild.long}`.slice(0, 200);

/** Somebody new in front of Slipway's own pages: no documentation, only what is on the screen. */
describe('own pages in a browser', function () {
  this.timeout(90_000);
  let stage: DashboardStage;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let clicks = 0;

  before(async function () {
    needsChromium(this);
    browser = await launchChromium();
    stage = await DashboardStage.open();
    const tell = (method: string, path: string, body: object) =>
      stage.bench.control(method, path, body);
    await tell('POST', 'users', { nickname: 'eve', display_name: hardName });
    await tell('POST', 'workspaces', { slug: 'hard', name: hardName, owner: 'eve' });
    await tell('POST', 'repositories', {
      ...{ workspace: 'hard', slug: 'hard-names', name: hardName, user: 'eve' },
      ...{ permissions: { eve: 'admin' }, files: { 'index.html': 'one\n' } },
    });
  });
  after(async () => {
    await browser?.close();
    await stage?.close();
  });
  afterEach(() => context?.close());

  const arrive = async (
    who: string,
    options: Parameters<Browser['newContext']>[0] = {},
  ): Promise<void> => {
    context = await browser.newContext({ bypassCSP: true, reducedMotion: 'reduce', ...options });
    page = await context.newPage();
    page.on('pageerror', (error) => assert.fail(error.message));
    await page.goto(`${stage.bench.url}/?as=${who}`);
    clicks = 0;
    await page.goto(stage.url);
  };
  const click = async (selector: string): Promise<void> => {
    clicks += 1;
    await page.click(selector);
  };
  const signIn = async (): Promise<void> => {
    await click('text=Sign in with Bitbucket');
    await click('button[value="grant"]');
    await page.waitForSelector('h1 >> text=Workspaces');
  };
  const toRepository = async (): Promise<void> => {
    await signIn();
    await click('.row-title a');
    await click('.row-title a');
    await page.waitForSelector('#targets');
  };
  const stateOf = (commit: string, state: string) =>
    page.waitForSelector(`[data-commit="${commit}"][data-state="${state}"]`, { timeout: 30_000 });

  it('leads somebody new from signing in to a push that is live, by what is on the screen', async () => {
    await arrive('ada');
    assert.deepEqual(await findings(page), []);
    const began = Date.now();
    await toRepository();
    assert.deepEqual(await findings(page), []);
    await click('#hook-enable');
    await page.waitForSelector('text=every push reaches it from now on');
    await click('#save-new');
    await page.waitForSelector('[id^="deploy-now-"]');
    const commit = await stage.bench.commit({ message: 'My first push' });
    await stateOf(commit, 'live');
    await page.waitForSelector('.push >> text=My first push');
    const took = Date.now() - began;
    assert.equal(clicks, 6, 'sign in, allow, workspace, repository, enable, save');
    assert.ok(took < 60_000, `${took} ms`);
  });

  it('shows each step of a check while the next one runs', async () => {
    await arrive('ada');
    await toRepository();
    await unfold(page);
    await stage.bench.control('POST', 'faults', { path: '/site\\.git/', delay_ms: 2_000 });
    await page.click('[id^="check-"]');
    await page.waitForSelector('.checking .step-success + .step-progress + .step-neutral');
    assert.deepEqual(await findings(page), []);
    await stage.bench.control('DELETE', 'faults');
    await page.waitForSelector('.message >> text=Everything a deploy needs is there.');
    assert.equal(await page.locator('.message .step-success').count(), 3);
  });

  it('says why a push deployed nothing without a click, and all of it with one', async () => {
    await arrive('ada');
    await toRepository();
    await stage.bench.commit({ message: 'Elsewhere', branch: 'elsewhere' });
    clicks = 0;
    const push = page.locator('.push', { hasText: 'Elsewhere' });
    await push.locator('text=Not deployed to').waitFor();
    assert.match((await push.textContent()) ?? '', /Branch elsewhere does not match main/);
    await click('.push:has-text("Elsewhere") .toggle');
    await push.locator('.story >> text=Decided not to deploy').waitFor();
    assert.equal(clicks, 1);
    assert.match(page.url(), /push=/, 'an address that can be kept');
    await page.reload();
    await push.locator('.story >> text=Decided not to deploy').waitFor();
  });

  it('is two clicks from a failed commit in Bitbucket to its cause, and tries again from the story', async () => {
    await arrive('ada');
    await toRepository();
    await page.click('[id^="edit-"]');
    await page.fill('[id$="-settings-buildCommand"]', 'echo "Error: no such module"; exit 3');
    await page.click('[id^="save-"]');
    await page.waitForSelector('[id^="edit-"]');
    const broken = await stage.bench.commit({ message: 'Breaks it' });
    await stateOf(broken, 'failed');
    const place = page.url();
    await waitFor('the build status', async () => {
      await page.goto(`${stage.bench.url}/acme/site/commits/${broken}`);
      return (await page.locator('a[href*="/d/"]').count()) > 0;
    });
    clicks = 0;
    await click('a[href*="/d/"]');
    await page.waitForSelector('.why-bad');
    assert.match((await page.textContent('.why-bad')) ?? '', /no such module|ended with|exit/);
    assert.equal(clicks, 1);
    assert.deepEqual(await findings(page), []);
    await page.goto(place);
    clicks = 0;
    await click('.push:has-text("Breaks it") .toggle');
    const story = page.locator('.push:has-text("Breaks it") .story');
    assert.match((await story.textContent()) ?? '', /no such module/);
    await click('.story summary >> text=End of the log');
    assert.equal(clicks, 2);
    await press(page, '.story [id^="act-redeploy-"]');
    await story.locator('text=is being deployed again').waitFor();
    await story.locator('text=Deployed again by Ada Example: Failed').waitFor();
    assert.deepEqual(await findings(page), []);
  });

  it('keeps what was typed when one has to sign in again', async () => {
    await arrive('ada');
    await toRepository();
    await page.click('[id^="edit-"]');
    await page.fill('[id$="-branchPattern"]', 'main, hotfix/*');
    await context.clearCookies({ domain: '127.0.0.1', name: /slipway/i });
    await page.click('[id^="save-"]');
    await page.waitForSelector('[data-code="signed_out"]');
    assert.equal(await page.inputValue('[id$="-branchPattern"]'), 'main, hotfix/*');
    await page.reload();
    await page.click('button[value="grant"]');
    await page.waitForSelector('text=What you typed before is here again');
    assert.equal(await page.inputValue('[id$="-branchPattern"]'), 'main, hotfix/*');
    await page.click('[id^="save-"]');
    await page.waitForSelector('.rule >> text=hotfix/*');
  });

  it('goes by the keyboard alone, past what stands above each page', async () => {
    await arrive('ada');
    await press(page, 'a[href^="/oauth/start"]');
    await page.waitForSelector('button[value="grant"]');
    await press(page, 'button[value="grant"]');
    await page.waitForSelector('h1 >> text=Workspaces');
    await page.keyboard.press('Tab');
    assert.equal(await page.isVisible('.skip-link:focus'), true);
    await page.keyboard.press('Enter');
    assert.equal(await focused(page), '#main');
    await press(page, '.row-title a');
    await page.waitForSelector('text=Choose the repository');
    await press(page, '#to-settings');
    await page.waitForSelector('#section-connections');
    await press(page, '.crumbs a[href^="/w/"]');
    await page.waitForSelector('text=Choose the repository');
    await press(page, '#main .rows a');
    await page.waitForSelector('#targets');
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`holds the hardest names on each page, ${colorScheme}, 320 to 1280 px and twice as large`, async () => {
      await arrive('eve', { colorScheme });
      await toRepository();
      const repository = new URL(page.url()).pathname;
      const workspace = repository.split('/r/')[0] ?? '';
      for (const where of ['/', workspace, `${workspace}/settings`, repository]) {
        await page.goto(stage.url + where);
        // 640: as 1280 are when one enlarges to 200 %.
        for (const width of [320, 640, 768, 1280]) {
          await page.setViewportSize({ width, height: 800 });
          await unfold(page);
          assert.equal(await overflow(page), 0, `${where} ${width} px`);
          if (width === 320) assert.deepEqual(await findings(page), [], where);
        }
        assert.equal(await page.locator('main img, header img').count(), 0);
      }
    });
  }
});
