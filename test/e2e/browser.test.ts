import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, BrowserContext, Frame, Page } from 'playwright-core';
import { launchChromium, needsChromium } from '../doors/panel/support/chromium.js';
import { Gate } from '../support/e2e/gate.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

const axeFile = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const settings = '/acme/site/admin/addon/admin/slipway/slipway-repository';

const workspaceSettings = '/acme/workspace/settings/addon/admin/slipway/slipway-workspace';

/** A person in front of Bitbucket, with Slipway in its frame: server, sandbox and browser as they are. */
describe('panel in Bitbucket’s frame', function () {
  this.timeout(90_000);
  let stage: Stage;
  let browser: Browser;
  let context: BrowserContext;
  let panel: Frame;
  let gate: Gate;

  before(async function () {
    needsChromium(this);
    browser = await launchChromium();
    stage = await Stage.open();
    gate = new Gate(join(stage.folder, 'gate'));
    await stage.install();
  });
  after(async () => {
    gate?.open();
    await browser?.close();
    await stage?.close();
  });
  beforeEach(async () => {
    // Only axe needs the policy out of its way.
    context = await browser.newContext({ bypassCSP: true, reducedMotion: 'reduce' });
  });
  afterEach(() => context?.close());

  const frameAt = async (where: string, who = 'ada', page?: Page): Promise<Frame> => {
    const shown = page ?? (await context.newPage());
    await shown.goto(`${stage.bench.url}${where}?as=${who}`);
    const element = await shown.waitForSelector('iframe.panel');
    const frame = await element.contentFrame();
    assert.ok(frame);
    await frame.waitForSelector('main');
    return frame;
  };
  const findings = async (frame: Frame): Promise<string[]> => {
    await frame.addScriptTag({ path: axeFile });
    const { violations } = await frame.evaluate<AxeResult>(
      "axe.run({ resultTypes: ['violations'] })",
    );
    return violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}`));
  };
  const targetId = async (): Promise<string> =>
    (await panel.getAttribute('[data-target-card]', 'data-target-card')) ?? '';
  const stateOf = (commit: string, state: string) =>
    panel.waitForSelector(`[data-commit="${commit}"][data-state="${state}"]`, { timeout: 30_000 });
  const unfold = () =>
    panel.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");

  it('goes from nothing to live with what the form suggests', async () => {
    panel = await frameAt(settings);
    await panel.waitForSelector('.welcome');
    assert.deepEqual(await findings(panel), []);
    await panel.check('input[value="local"]');
    await panel.waitForSelector('#f-new-settings-buildCommand', { state: 'attached' });
    await panel.click('#save-new');
    await panel.click('[id^="deploy-now-"]');
    await panel.waitForSelector('[data-deployment][data-state="live"]', { timeout: 30_000 });
    await panel.waitForSelector('.status .lozenge >> text=Live');
    assert.match((await panel.textContent('.status')) ?? '', /started by Ada Example/);
  });

  it('shows each step of the check of a save while the next one runs', async () => {
    panel = await frameAt(settings);
    const id = await targetId();
    await panel.click(`#edit-${id}`);
    await panel.waitForSelector(`#form-${id}`);
    await stage.fault({ path: '/site\\.git/', delay_ms: 2_000 });
    await panel.click(`#save-${id}`);
    await panel.waitForSelector(`#checking-${id} .step-success + .step-progress + .step-neutral`);
    assert.deepEqual(await findings(panel), []);
    await stage.clearFaults();
    await panel.waitForSelector(`#target-${id} .message >> text=Saved.`);
    assert.equal(await panel.locator(`#target-${id} .message .step-success`).count(), 3);
  });

  it('shows a push and its story without a reload, and leaves the story open', async () => {
    panel = await frameAt(settings);
    const commit = await stage.bench.commit({ message: 'A push to look at' });
    await panel.waitForSelector('.push >> text=A push to look at');
    await panel.click('[id^="story-"] >> nth=0');
    await panel.waitForSelector('.story >> text=Verified');
    await stateOf(commit, 'live');
    await panel.waitForSelector('.story >> text=Build status on the commit: successful');
    await unfold();
    assert.deepEqual(await findings(panel), []);
    await panel.selectOption('[data-filter] [name="state"]', 'failed');
    await panel.waitForSelector('text=No push fits this choice.');
    assert.deepEqual(await findings(panel), []);
    await panel.selectOption('[data-filter] [name="state"]', '');
    await stateOf(commit, 'live');
    await panel.waitForSelector('.story >> text=Verified');
  });

  it('tells the second of two admins of the first, and loses nothing that was typed', async () => {
    panel = await frameAt(settings);
    const other = await frameAt(settings);
    const id = await targetId();
    for (const frame of [panel, other]) {
      await frame.click(`#edit-${id}`);
      await frame.waitForSelector(`#f-${id}-name`);
    }
    await other.fill(`#f-${id}-name`, 'Shop');
    await other.click(`#save-${id}`);
    await other.waitForSelector('h3 >> text=Shop');
    await panel.fill(`#f-${id}-branchPattern`, 'main, hotfix/*');
    await panel.click(`#save-${id}`);
    await panel.waitForSelector('text=Load their version');
    assert.equal(await panel.inputValue(`#f-${id}-branchPattern`), 'main, hotfix/*');
    assert.deepEqual(await findings(panel), []);
    await panel.click('text=Load their version');
    await panel.waitForFunction(`document.getElementById('f-${id}-name').value === 'Shop'`);
    await panel.fill(`#f-${id}-branchPattern`, 'main, hotfix/*');
    await panel.click(`#save-${id}`);
    await panel.waitForSelector('.rule >> text=hotfix/*');
  });

  it('pauses, says why a push then deployed nothing, and resumes', async () => {
    panel = await frameAt(settings);
    const id = await targetId();
    await panel.click(`#more-${id} > summary`);
    await panel.click(`#automatic-${id}`);
    await panel.waitForSelector('text=Automatic deploys are paused.');
    await stage.bench.commit({ message: 'While it is paused' });
    const push = panel.locator('.push', { hasText: 'While it is paused' });
    await push.locator('text=Not deployed to').waitFor();
    assert.match((await push.textContent()) ?? '', /paused/);
    await panel.click(`#resume-${id}`);
    await panel.waitForSelector('text=Automatic deploys are paused.', { state: 'detached' });
  });

  it('redeploys, goes back to an earlier one and holds what would undo it', async () => {
    panel = await frameAt(settings);
    const id = await targetId();
    const before = await panel.locator('[data-deployment]').count();
    await panel.click('[id^="redeploy-"] >> nth=0');
    await waitFor('one more', async () => {
      return (await panel.locator('[data-deployment]').count()) > before;
    });
    await waitFor('the end of it', async () => {
      return (await panel.getAttribute('[data-deployment]', 'data-state')) === 'live';
    });
    await panel.click('[id^="rollback-"] > summary >> nth=0');
    await panel.click('[id^="rollback-"][open] button');
    await panel.waitForSelector(`#status-${id} >> text=Automatic deploys are on hold.`);
    assert.deepEqual(await findings(panel), []);
    await panel.click(`#resume-${id}`);
    await panel.waitForSelector('text=on hold.', { state: 'detached' });
  });

  it('begins a failed deployment with its cause, and cancels one that runs', async () => {
    panel = await frameAt(settings);
    const id = await targetId();
    const build = async (command: string): Promise<void> => {
      await panel.click(`#edit-${id}`);
      await panel.fill(`#f-${id}-settings-buildCommand`, command);
      await panel.click(`#save-${id}`);
      await panel.waitForSelector(`#edit-${id}`);
    };
    await build('echo "Error: Cannot find module price"; echo bye; exit 3');
    const broken = await stage.bench.commit();
    await stateOf(broken, 'failed');
    const row = panel.locator(`[data-commit="${broken}"]`);
    const said = `${await row.locator('.why-bad').textContent()} ${(await row.locator('.log-line').allTextContents()).join()}`;
    assert.match(said, /Cannot find module price/);
    await row.locator('text=End of the log').click();
    assert.match((await row.locator('pre').textContent()) ?? '', /bye/);
    await build(gate.script.trim().replaceAll('\n', '; '));
    const slow = await stage.bench.commit();
    await stateOf(slow, 'building');
    await gate.arrived();
    await panel.click(`[data-commit="${slow}"] [id^="cancel-"]`);
    await stateOf(slow, 'stopped');
    await build('');
    assert.deepEqual(await findings(panel), []);
  });

  it('tries again from the story of a push, and rolls back from it', async () => {
    panel = await frameAt(settings);
    await stateOf(await stage.bench.commit({ message: 'Newer than all' }), 'live');
    const earlier = panel.locator('.push', { hasText: 'A push to look at' });
    await earlier.locator('.toggle').click();
    await earlier.locator('[id^="act-rollback-"] > summary').click();
    await earlier.locator('[id^="act-rollback-"][open] button').click();
    await earlier.locator('.story >> text=Rolled back to this by Ada Example: Live').waitFor();
    await earlier.locator('[id^="act-redeploy-"]').click();
    await earlier.locator('.story >> text=Deployed again by Ada Example').waitFor();
    assert.deepEqual(await findings(panel), []);
    const id = await targetId();
    await panel.click(`#resume-${id}`);
    await panel.waitForSelector('text=on hold.', { state: 'detached' });
  });

  it('keeps what was typed while the session ends; once the page is loaded again it can be saved', async () => {
    panel = await frameAt(settings);
    const id = await targetId();
    await panel.click(`#edit-${id}`);
    await panel.fill(`#f-${id}-name`, 'Typed for half an hour');
    // As the server answers once the fifteen minutes are over.
    await panel.evaluate(`document.querySelector('meta[name="slipway-session"]').content = 'over'`);
    await panel.click(`#save-${id}`);
    await panel.waitForSelector('[data-code="session_expired"]');
    assert.equal(await panel.inputValue(`#f-${id}-name`), 'Typed for half an hour');
    assert.deepEqual(await findings(panel), []);
    panel = await frameAt(settings, 'ada', panel.page());
    await panel.waitForSelector('text=What you typed before is here again');
    assert.equal(await panel.inputValue(`#f-${id}-name`), 'Typed for half an hour');
    await panel.click(`#save-${id}`);
    await panel.waitForSelector('h3 >> text=Typed for half an hour');
  });

  it('stores a credential of the workspace, and tells who did', async () => {
    const own = { key: 'team-key', secret: 'team-secret-of-acme' };
    await stage.bench.control('POST', 'consumers', {
      ...{ workspace: 'acme', name: 'Clones', scopes: 'repository', is_private: true },
      ...{ ...own, callback_url: 'https://acme.example/' },
    });
    panel = await frameAt(workspaceSettings);
    await panel.click('#add-credential-consumer');
    await panel.fill('#credential-key', own.key);
    await panel.fill('#credential-secret', own.secret);
    await panel.click('#save-credential');
    await panel.waitForSelector('text=Bitbucket accepted it, and it is stored.');
    panel = await frameAt(workspaceSettings, 'ada', panel.page());
    await panel.waitForSelector('.audit >> text=stored the OAuth consumer');
    assert.deepEqual(await findings(panel), []);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [320, 768, 1280]) {
      it(`fits ${width} px, ${colorScheme}, in the page and in its workspace’s`, async () => {
        await context.close();
        const viewport = { width, height: 800 };
        context = await browser.newContext({ bypassCSP: true, colorScheme, viewport });
        // Bitbucket's own columns are not our matter: the frame's page by itself, as wide as the screen.
        const page = await context.newPage();
        for (const where of [settings, workspaceSettings]) {
          const frame = await frameAt(where, 'ada', page);
          await page.goto(frame.url());
          panel = page.mainFrame();
          await panel.waitForSelector('main');
          await unfold();
          assert.equal(await panel.evaluate('document.documentElement.scrollWidth'), width, where);
          assert.deepEqual(await findings(panel), [], where);
        }
      });
    }
  }

  it('lets everybody who can read the repository look, and change nothing', async () => {
    panel = await frameAt('/acme/site/addon/slipway/slipway-overview', 'bob');
    await panel.waitForSelector('[data-deployment]');
    assert.equal(await panel.locator('[data-action]').count(), 0);
    assert.equal(await panel.locator('pre').count(), 0, 'logs are for admins');
    await panel.click('[id^="story-"] >> nth=0');
    await panel.waitForSelector('.story >> text=Verified');
    assert.deepEqual(await findings(panel), []);
  });

  it('removes the target by the keyboard alone', async () => {
    panel = await frameAt(settings);
    const id = await targetId();
    const press = async (selector: string): Promise<void> => {
      await panel.focus(selector);
      await panel.page().keyboard.press('Enter');
    };
    await press(`#more-${id} > summary`);
    await press(`#remove-${id} > summary`);
    await press(`#remove-${id} button`);
    await panel.waitForSelector('.welcome');
  });
});

interface AxeResult {
  violations: { id: string; nodes: { html: string }[] }[];
}
