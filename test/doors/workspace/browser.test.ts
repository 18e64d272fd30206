import assert from 'node:assert/strict';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { waitFor } from '../../support/e2e/wait-for.js';
import { workspaceUuid } from '../../support/engine.js';
import { launchChromium, needsChromium } from '../panel/support/chromium.js';
import { findings, focused, overflow, press, tabTo, unfold } from '../panel/support/look.js';
import {
  filledWorkspace,
  hardNames,
  plainNames,
  type FilledWorkspace,
} from './filled-workspace.js';

const minute = 60_000;

describe('workspace page in a browser', function () {
  this.timeout(60_000);
  let browser: Browser;
  let filled: FilledWorkspace;
  let context: BrowserContext;
  let page: Page;

  before(async function () {
    needsChromium(this);
    browser = await launchChromium();
  });
  after(async () => browser?.close());
  afterEach(async () => {
    await context?.close();
    await filled?.close();
  });

  const open = async (
    options: Parameters<Browser['newContext']>[0] = {},
    names = plainNames,
  ): Promise<void> => {
    filled = await filledWorkspace(names);
    context = await browser.newContext({ bypassCSP: true, reducedMotion: 'reduce', ...options });
    page = await context.newPage();
    page.on('pageerror', (error) => assert.fail(error.message));
    await page.goto(filled.url);
  };
  const clear = async (what: string): Promise<void> => {
    assert.deepEqual(await findings(page), [], what);
    assert.equal(await overflow(page), 0, what);
  };
  const nameOf = async (id: string | undefined) =>
    (await connections()).find((one) => one.id === id)?.name;
  const connections = () => filled.engine.storage.read.connections.ofWorkspace(workspaceUuid);

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`is clear to everybody in all its states, ${colorScheme}, 320 to 1280 px and twice as large`, async () => {
      await open({ colorScheme }, hardNames);
      // 640: as 1280 are when one enlarges to 200 %.
      for (const width of [320, 640, 768, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        await unfold(page);
        if (width === 320) await clear(`${width} px`);
        assert.equal(await overflow(page), 0, `${width} px`);
      }
      assert.equal(await page.locator('main img, main b').count(), 0, 'names are only names');
      await page.setViewportSize({ width: 320, height: 800 });
      for (const opener of [
        '#connect-account',
        '[id^="edit-connection-"]',
        '#add-credential-consumer',
        '#add-credential-access_token',
      ]) {
        await page.click(opener);
        const form = opener.includes('credential') ? '#form-credential' : '#form-connection';
        await page.waitForSelector(form);
        await clear(`${opener} opened`);
        if (opener.includes('access_token')) await page.fill('#credential-ends', 'soon');
        // What is stored already may be saved as it is.
        if (/connect-|access_token/.test(opener)) {
          await page.click(`${form} .button-primary`);
          await page.waitForSelector(`${form} [aria-invalid="true"]`);
          await clear(`${opener} refused`);
        }
        await page.click(`${form} .button-subtle`);
        await page.waitForSelector(form, { state: 'detached' });
      }
    });
  }

  it('connects, tests, changes and removes with the keyboard alone; the focus is never lost', async () => {
    await open();
    const names = async () => (await connections()).map(({ name }) => name).sort();
    await press(page, '#connect-account');
    await page.waitForSelector('#form-connection');
    assert.equal(await focused(page), '#connection-name', 'straight into the form');
    await page.keyboard.type('Mine');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#form-connection [aria-invalid="true"]');
    assert.match(await focused(page), /settings-token/, 'to what is missing');
    await page.keyboard.type('a-token-of-mine');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Mine is connected.');
    assert.equal(await focused(page), '#connect-account', 'back to where it began');
    assert.match((await page.textContent('#announcer')) ?? '', /Mine is connected/);
    assert.deepEqual(await names(), ['2 Our account', 'Mine', 'Our account']);
    const id = (await connections()).find(({ name }) => name === 'Mine')?.id ?? '';
    await press(page, `#test-connection-${id}`);
    await page.waitForSelector('text=Skyport accepts it.');
    assert.equal(await focused(page), `#test-connection-${id}`);
    await press(page, `#edit-connection-${id}`);
    await page.waitForSelector('#form-connection');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Ours');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Ours is connected.');
    await press(page, `#remove-connection-${id} > summary`);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Escape');
    assert.equal(await page.getAttribute(`#remove-connection-${id}`, 'open'), null);
    assert.equal(
      await page.evaluate('document.activeElement.tagName'),
      'SUMMARY',
      'Escape folds the question away, and the focus returns to its button',
    );
    await page.keyboard.press('Enter');
    await press(page, `#remove-connection-${id} .button-danger`);
    await page.waitForSelector('text=The connection and its credential were deleted.');
    assert.deepEqual(await names(), ['2 Our account', 'Our account']);
    const said = page.locator('#section-connections .messages');
    assert.match((await said.textContent()) ?? '', /were deleted/, 'said where it was done');
  });

  it('adds and ends notices, stores and removes credentials with the keyboard alone', async () => {
    await open();
    const channels = async () =>
      (await filled.engine.storage.read.noticeChannels.ofWorkspace(workspaceUuid)).length;
    const credentials = async () =>
      (await filled.engine.storage.read.workspaceCredentials.ofWorkspace(workspaceUuid)).length;
    await press(page, '#add-chat > summary');
    await tabTo(page, '#channel-name');
    await page.keyboard.type('Team');
    await tabTo(page, '#channel-chat');
    await page.keyboard.type('https://chat.example/gone');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=The chat answered 404.');
    assert.equal(await page.inputValue('#channel-name'), 'Team');
    await tabTo(page, '#channel-chat');
    await page.keyboard.type('https://chat.example/here');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Team got a first message');
    assert.equal(await channels(), 3);
    await press(page, '[data-channel] [aria-label="Stop telling Team"]');
    await page.waitForSelector('text=Nothing is sent there any more');
    assert.equal(await channels(), 2);
    await press(page, '[data-credential] .confirm > summary');
    await press(page, '[data-credential] .confirm[open] .button-danger');
    await page.waitForSelector('text=The credential was deleted here.');
    assert.equal(await credentials(), 1);
    await press(page, '#add-credential-consumer');
    await page.waitForSelector('#form-credential');
    await page.keyboard.type('key');
    await tabTo(page, '#credential-secret');
    await page.keyboard.type('a-secret-of-the-team');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Bitbucket accepted it');
    assert.equal(await credentials(), 2);
  });

  it('tries again what failed last with the keyboard alone', async () => {
    await open();
    await press(page, '[name^="retry."]', 'Space');
    await press(page, '#retry-chosen');
    await page.waitForSelector('text=One deployment is tried again.');
    assert.equal(await page.locator('[data-dead-letter]').count(), 1);
    await press(page, '#retry-chosen');
    await page.waitForSelector('[data-code="retry_invalid"]');
    assert.equal(await page.locator('[data-dead-letter]').count(), 1);
    await press(page, '[name^="retry."]', 'Space');
    await press(page, '#retry-chosen');
    await page.waitForSelector('text=No branch or tag failed last.');
  });

  it('tells the second of two admins of the first, and loses nothing that was typed', async () => {
    await open();
    const [first] = await connections();
    const other = await context.newPage();
    await other.goto(filled.url);
    for (const one of [page, other]) {
      await one.click(`#edit-connection-${first?.id}`);
      await one.waitForSelector('#form-connection');
    }
    await other.fill('#connection-name', 'Theirs');
    await other.click('#save-connection');
    await other.waitForSelector('text=Theirs is connected.');
    // A browser takes its time with what nobody looks at.
    await page.bringToFront();
    await page.fill('#connection-name', 'Mine');
    await page.click('#save-connection');
    await page.waitForSelector('#load-theirs');
    assert.equal(await page.inputValue('#connection-name'), 'Mine');
    await clear('a conflict');
    await page.click('#save-connection');
    await page.waitForSelector('#load-theirs');
    assert.equal(await nameOf(first?.id), 'Theirs', 'a second try changes nothing either');
    await page.click('#load-theirs');
    await page.waitForFunction("document.getElementById('connection-name').value === 'Theirs'");
    await page.fill('#connection-name', 'Mine');
    await page.click('#save-connection');
    await page.waitForSelector('text=Mine is connected.');
    assert.equal(await nameOf(first?.id), 'Mine');
    // A place for notices cannot be changed, only ended; twice is no harm.

    const ends = async (one: Page): Promise<void> => {
      await one.bringToFront();
      await one.click('[data-channel] button >> nth=0');
      await one.waitForSelector('text=Nothing is sent there any more');
    };
    await ends(other);
    await ends(page);
  });

  it('keeps an open form with what was typed while another button of its section is pressed', async () => {
    await open();
    const [first, second] = await connections();
    await page.click('#connect-account');
    await page.fill('#connection-name', 'Mine');
    await page.fill('[id$="settings-token"]', 'a-token-of-mine');
    await page.click(`#test-connection-${first?.id}`);
    await page.waitForSelector('#section-connections .message');
    assert.equal(await page.inputValue('#connection-name'), 'Mine');
    assert.equal(await page.inputValue('[id$="settings-token"]'), 'a-token-of-mine');
    assert.equal(await focused(page), `#test-connection-${first?.id}`);
    assert.equal(await page.locator('#connect-account').count(), 0, 'one form at a time');
    await page.click('#save-connection');
    await page.waitForSelector('text=Mine is connected.');
    assert.equal(await page.locator('#form-connection').count(), 0, 'saved, it is closed');

    await page.click(`#edit-connection-${second?.id}`);
    await page.waitForSelector('#form-connection');
    await page.fill('#connection-name', 'Ours');
    await page.click(`#test-connection-${second?.id}`);
    await page.waitForSelector('#section-connections .message');
    await page.click(`#edit-connection-${second?.id}`);
    await page.waitForSelector(`#edit-connection-${second?.id}:not([aria-busy])`);
    assert.equal(await page.inputValue('#connection-name'), 'Ours');
    await page.click('#save-connection');
    await page.waitForSelector('text=Ours is connected.');

    await page.click('#add-credential-consumer');
    await page.fill('#credential-key', 'key');
    await page.click('[data-credential] .confirm > summary');
    await page.click('[data-credential] .confirm[open] .button-danger');
    await page.waitForSelector('text=The credential was deleted here.');
    assert.equal(await page.inputValue('#credential-key'), 'key');

    await page.click('#add-chat > summary');
    await page.fill('#channel-name', 'Team');
    await page.click('[data-channel] button >> nth=0');
    await page.waitForSelector('text=Nothing is sent there any more');
    assert.equal(await page.inputValue('#channel-name'), 'Team');
    assert.equal(await page.isVisible('#channel-name'), true);
  });

  it('asks before another form takes away one with something typed in it', async () => {
    await open();
    const [first, second] = await connections();
    await press(page, `#edit-connection-${first?.id}`);
    await page.waitForSelector('#form-connection');
    await press(page, `#edit-connection-${second?.id}`);
    await page.waitForSelector(`text=Change or repair ${second?.name}`);
    assert.equal(await focused(page), '#connection-name', 'nothing was typed, nothing is asked');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('Mine');
    await press(page, `#edit-connection-${first?.id}`);
    const question = `.message >> text=What you typed into “Change or repair ${second?.name}” is not saved.`;
    await page.waitForSelector(question);
    assert.match((await page.textContent('#announcer')) ?? '', /is not saved/);
    await clear('the question');
    await page.keyboard.press('Enter');
    await page.waitForSelector(question, { state: 'detached' });
    assert.equal(await page.inputValue('#connection-name'), 'Mine');
    assert.equal(await focused(page), '#connection-name', 'back to what was typed');
    await press(page, `#edit-connection-${first?.id}`);
    await page.waitForSelector(question);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector(`h3 >> text=Change or repair ${first?.name}`);
    assert.equal(await page.inputValue('#connection-name'), first?.name);
    assert.equal(await focused(page), '#connection-name');
    assert.equal(await page.locator(question).count(), 0);
    await page.keyboard.type('!');
    await press(page, '#form-connection .button-subtle');
    await page.waitForSelector('#form-connection', { state: 'detached' });
    assert.equal(await nameOf(second?.id), second?.name);
  });

  it('renews its session while it is open, whatever is being typed', async () => {
    await open();
    const session = `document.querySelector('meta[name="slipway-session"]').content`;
    await page.click('#connect-account');
    await page.fill('#connection-name', 'Mine');
    for (let round = 0; round < 3; round += 1) {
      const before = await page.evaluate<string>(session);
      filled.engine.clock.advance(10 * minute);
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      await waitFor('the next session', async () => (await page.evaluate(session)) !== before);
    }
    await page.fill('[id$="settings-token"]', 'a-token-of-mine');
    await page.click('#save-connection');
    await page.waitForSelector('text=Mine is connected.');
  });

  it('keeps what was typed where the session could not be renewed: after a reload it can be saved', async () => {
    await open();
    await page.click('#connect-account');
    await page.fill('#connection-name', 'Mine');
    await page.fill('[id$="settings-token"]', 'a-token-of-mine');
    await page.click('#add-chat > summary');
    await page.fill('#channel-name', 'Team');
    filled.engine.clock.advance(16 * minute);
    await page.click('#save-connection');
    await page.waitForSelector('[data-code="session_expired"]');
    assert.equal(await page.inputValue('#connection-name'), 'Mine');
    await page.reload();
    await page.waitForSelector('#form-connection >> visible=true');
    await waitFor('the name', async () => (await page.inputValue('#connection-name')) === 'Mine');
    await waitFor('the other', async () => (await page.inputValue('#channel-name')) === 'Team');
    assert.equal(await page.isVisible('#channel-name'), true);
    await page.fill('[id$="settings-token"]', 'a-token-of-mine');
    await page.click('#save-connection');
    await page.waitForSelector('text=Mine is connected.');
    assert.equal(await page.inputValue('#channel-name'), 'Team');
  });
});
