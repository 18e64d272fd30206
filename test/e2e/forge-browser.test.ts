import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Frame, Page } from 'playwright-core';
import { launchChromium, needsChromium } from '../doors/panel/support/chromium.js';
import { forgePages, forgeSettings, installForgeApp } from '../support/e2e/forge-app.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * The panel as Forge hosts it: the app's static page in a sandboxed frame of another origin, under Forge's content policy,
 * which nothing here switches off. Its only way out is the bridge of the page around it.
 */
describe('panel in Forge’s frame', function () {
  this.timeout(60_000);
  let stage: Stage;
  let browser: Browser;
  let context: BrowserContext;
  let places: Awaited<ReturnType<typeof forgePages>>;
  let page: Page;
  let panel: Frame;
  const problems: string[] = [];

  before(async function () {
    needsChromium(this);
    browser = await launchChromium();
    stage = await Stage.open(forgeSettings);
    await installForgeApp(stage);
    places = await forgePages(stage.bench);
  });
  after(async () => {
    await browser?.close();
    await stage?.close();
  });
  beforeEach(() => newContext());
  afterEach(async () => {
    await context?.close();
    assert.deepEqual(problems.splice(0), [], 'the console must stay clean');
  });

  async function newContext(options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
    await context?.close();
    context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  }

  async function open(where: string, who = 'ada'): Promise<void> {
    page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (line) => {
      if (['error', 'warning'].includes(line.type())) problems.push(line.text());
    });
    await page.goto(`${stage.bench.url}${where}?as=${who}`);
    const frame = await (await page.waitForSelector('iframe.forge')).contentFrame();
    assert.ok(frame);
    panel = frame;
    await panel.waitForSelector('main:not(#loading)');
  }

  const findings = async (): Promise<string[]> => {
    await panel.evaluate(`${axe}; undefined`);
    const { violations } = await panel.evaluate<AxeResult>(
      "axe.run({ resultTypes: ['violations'] })",
    );
    return violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}`));
  };
  const unfold = () =>
    panel.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
  const background = () =>
    panel.evaluate<string>('getComputedStyle(document.body).backgroundColor');

  it('opens, swaps the form for another backend, and goes to live without a reload', async () => {
    await open(places.settings);
    await panel.waitForSelector('.welcome');
    assert.notEqual(new URL(panel.url()).origin, new URL(page.url()).origin);
    assert.deepEqual(await findings(), []);
    await panel.evaluate('globalThis.sameDocument = true');
    await panel.check('input[value="signed-webhook"]');
    await panel.waitForSelector('#f-new-settings-url');
    await panel.check('input[value="local"]');
    await panel.waitForSelector('#f-new-settings-buildCommand', { state: 'attached' });
    await panel.click('#save-new');
    await panel.click('[id^="deploy-now-"]');
    await panel.waitForSelector('[data-deployment][data-state="live"]', { timeout: 30_000 });
    const commit = await stage.bench.commit({ message: 'Told by Forge' });
    const row = `[data-commit="${commit}"][data-state="live"]`;
    await panel.waitForSelector(row, { timeout: 30_000 });
    await panel.waitForSelector('.push >> text=Told by Forge');
    assert.equal(
      await panel.evaluate('globalThis.sameDocument'),
      true,
      'the same page all the time',
    );
    await unfold();
    assert.deepEqual(await findings(), []);
  });

  it('shows each step of a check while the next one runs, over the bridge', async () => {
    await open(places.settings);
    await unfold();
    await stage.fault({ path: '/site\\.git/', delay_ms: 2_000 });
    await panel.click('[id^="check-"]');
    await panel.waitForSelector('.checking .step-success + .step-progress + .step-neutral');
    assert.deepEqual(await findings(), []);
    await stage.clearFaults();
    await panel.waitForSelector('.message >> text=Everything a deploy needs is there.');
    assert.equal(await panel.locator('.message .step-success').count(), 3);
  });

  it('lets the page around it open links, since a frame may not', async () => {
    await open(places.settings);
    const link = panel.locator('a[href^="http"]').first();
    const address = await link.getAttribute('href');
    await panel.evaluate(
      "document.querySelectorAll('details').forEach((one) => { one.open = true; })",
    );
    const before = panel.url();
    const [opened] = await Promise.all([context.waitForEvent('page'), link.click()]);
    assert.ok(address);
    await opened.waitForURL(address);
    assert.equal(panel.url(), before, 'the panel stays');
  });

  it('follows the theme of the page around it, also when that changes', async () => {
    await newContext({ colorScheme: 'dark' });
    await open(places.settings);
    await panel.waitForSelector('html[data-color-mode="dark"]', { state: 'attached' });
    const dark = await background();
    assert.deepEqual(await findings(), []);
    await page.emulateMedia({ colorScheme: 'light' });
    await panel.waitForSelector('html[data-color-mode="light"]', { state: 'attached' });
    assert.notEqual(await background(), dark);
    assert.deepEqual(await findings(), []);
  });

  it('takes the theme of Bitbucket, not that of the system, when they differ', async () => {
    await newContext({ colorScheme: 'light' });
    await open(places.settings);
    const light = await background();
    await page.goto(`${page.url()}&theme=dark`);
    const frame = await (await page.waitForSelector('iframe.forge')).contentFrame();
    assert.ok(frame);
    panel = frame;
    await panel.waitForSelector('html[data-color-mode="dark"]', { state: 'attached' });
    await panel.waitForSelector('main:not(#loading)');
    assert.notEqual(await background(), light);
  });

  it('is as high as what it shows: nothing scrolls inside, and it shrinks again', async () => {
    await open(places.settings);
    const fits = async (): Promise<number> =>
      waitFor('the frame to fit', async () => {
        const inside = await panel.evaluate<number>('document.body.getBoundingClientRect().height');
        const box = await (await page.waitForSelector('iframe.forge')).boundingBox();
        const outside = box?.height ?? 0;
        return Math.abs(outside - inside) < 4 && outside;
      });
    const folded = await fits();
    await unfold();
    const unfolded = await fits();
    assert.ok(unfolded > folded + 50, `${folded} px, then ${unfolded} px`);
    await panel.evaluate(
      "document.querySelectorAll('details').forEach((one) => { one.open = false; })",
    );
    assert.ok((await fits()) < unfolded);
  });

  it('shows the workspace’s page to its owner', async () => {
    await open(places.workspace);
    await unfold();
    assert.deepEqual(await findings(), []);
    assert.ok((await panel.locator('section').count()) > 1);
  });

  it('lets a reader look at the read-only page and change nothing', async () => {
    await open(places.readOnly, 'bob');
    await panel.waitForSelector('[data-deployment]');
    assert.equal(await panel.locator('[data-action]').count(), 0);
    await panel.click('[id^="story-"] >> nth=0');
    await panel.waitForSelector('.story >> text=Verified');
    assert.deepEqual(await findings(), []);
  });

  it('tells an admin on the read-only page where targets are set up', async () => {
    await open(places.readOnly);
    await panel.waitForSelector('text=Targets are set up in Repository settings');
    assert.equal(await panel.locator('[data-action]').count(), 0);
  });

  it('says so when the server does not answer, keeps what was typed, and saves it once it does', async () => {
    await open(places.settings);
    const id = await panel.getAttribute('[data-target-card]', 'data-target-card');
    await panel.click(`#edit-${id}`);
    await panel.fill(`#f-${id}-branchPattern`, 'main, hotfix/*');
    // As with a person whom Atlassian has signed out: no call of the frame's gets through.
    await page.route('**/_forge/invoke', (route) => route.abort());
    await panel.click(`#save-${id}`);
    await panel.waitForSelector('.message-error');
    assert.equal(await panel.inputValue(`#f-${id}-branchPattern`), 'main, hotfix/*');
    await page.unroute('**/_forge/invoke');
    await panel.click(`#save-${id}`);
    await panel.waitForSelector('.rule >> text=hotfix/*');
    problems.splice(0);
  });

  it('deploys again and rolls back, from the list and from the story of a push', async () => {
    await open(places.settings);
    const push = panel.locator('.push', { hasText: 'Told by Forge' });
    await push.locator('.toggle').click();
    await push.locator('[id^="act-redeploy-"]').click();
    await push.locator('.story >> text=is being deployed again').waitFor();
    await push.locator('.story >> text=Deployed again by Ada Example: Live').waitFor();
    await panel.click('[id^="rollback-"] > summary >> nth=0');
    await panel.click('[id^="rollback-"][open] button');
    await panel.waitForSelector('[id^="status-"] >> text=Automatic deploys are on hold.');
    assert.deepEqual(await findings(), []);
    await panel.click('[id^="resume-"]');
    await panel.waitForSelector('text=on hold.', { state: 'detached' });
  });

  it('stores a credential of the workspace by the keyboard alone', async () => {
    const own = { key: 'team-key', secret: 'team-secret-of-acme' };
    await stage.bench.control('POST', 'consumers', {
      ...{ workspace: 'acme', name: 'Clones', scopes: 'repository', is_private: true },
      ...{ ...own, callback_url: 'https://acme.example/' },
    });
    await open(places.workspace);
    await panel.press('#add-credential-consumer', 'Enter');
    await panel.waitForSelector('#credential-key:focus');
    await panel.locator('#credential-key:focus').pressSequentially(own.key);
    await panel.press('#credential-key', 'Tab');
    await panel.locator('#credential-secret:focus').pressSequentially(own.secret);
    await panel.press('#credential-secret', 'Enter');
    await panel.waitForSelector('text=Bitbucket accepted it, and it is stored.');
    assert.deepEqual(await findings(), []);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`fits the narrowest page, ${colorScheme}, for the repository, the workspace and readers`, async () => {
      await newContext({ colorScheme, viewport: { width: 320, height: 800 } });
      for (const where of [places.settings, places.workspace, places.readOnly]) {
        await open(where);
        // Bitbucket's own columns are not our matter; the frame is what is left of 320 px.
        await unfold();
        const wider = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
        assert.equal(await panel.evaluate(wider), 0, where);
        assert.deepEqual(await findings(), [], where);
        await page.close();
      }
    });
  }
});

interface AxeResult {
  violations: { id: string; nodes: { html: string }[] }[];
}
