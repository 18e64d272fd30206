/**
 * `npm run screenshots [name…]`: pictures of every state into `docs/images/states/` (not committed), light and dark, 320 to
 * 1280 px, and those that README and docs show into `docs/images/`. With names, only the states whose names begin so; `docs` is
 * what is committed.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { DashboardStage } from '../../support/e2e/dashboard-stage.js';
import { forgePages, forgeSettings, installForgeApp } from '../../support/e2e/forge-app.js';
import { Stage } from '../../support/e2e/stage.js';
import { filledWorkspace, hardNames } from '../workspace/filled-workspace.js';
import { launchChromium } from './support/chromium.js';
import { aTarget, fakePanel } from './support/fake-panel.js';
import { goodSteps } from './support/fake-steps.js';
import { unfold } from './support/look.js';
import { scenarios } from './support/scenarios.js';
import { root, servePanel } from './support/serve-panel.js';

interface Shot {
  url: string;
  /** Of the window, px; of what stands in a frame, only this much is drawn. Default 800. */
  height?: number;
  /** What is done on the page before its picture is taken. */
  prepare?: (page: Page) => Promise<void>;
}

const names = process.argv.slice(2);
const shots = path.join(root, 'docs/images/states');
const images = path.join(root, 'docs/images');
const closers: (() => Promise<void>)[] = [];

mkdirSync(shots, { recursive: true });
const browser = await launchChromium();
for (const [name, shot] of Object.entries(await states())) {
  if (names.length > 0 && !names.some((start) => name.startsWith(start))) continue;
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [320, 768, 1280]) {
      const file = path.join(shots, `${name}-${colorScheme}-${width}.png`);
      await take(browser, shot, file, { colorScheme, width });
    }
  }
}
if (names.length === 0 || names.includes('docs')) await takeForDocs(browser);
for (const close of closers) await close();
await browser.close();

async function states(): Promise<Record<string, Shot>> {
  const found: Record<string, Shot> = {};
  for (const [name, scenario] of Object.entries(scenarios(Date.now()))) {
    const services = scenario.services();
    const served = await servePanel(services, { ...scenario.options, realTime: true });
    closers.push(() => served.close());
    const url = `${served.url}/panel/repository`;
    found[name] = { url };
    if (name === 'empty-two-backends')
      found['form-preview'] = { url, prepare: (page) => openPreview(page, 'new') };
    if (name !== 'everything') continue;
    found['story'] = { url, prepare: openStory };
    found['unfolded'] = { url, prepare: unfold };
    found['overview'] = { url: `${served.url}/panel/overview` };
    found['error-help'] = { url: `${served.url}/public/errors` };
    for (const id of ['D-building', 'D-live', 'D-failed', 'D-waiting']) {
      const token = services.deployments.find((one) => one.id === id)?.pageToken ?? '';
      found[`page-of-${id.toLowerCase()}`] = { url: `${served.url}/d/${token}` };
    }
  }
  Object.assign(found, await workspaceStates(), await ownPageStates(), await forgeStates());
  return { ...found, ...(await checkStates()) };
}

/** A check that stands still where its second step runs. */
async function checkStates(): Promise<Record<string, Shot>> {
  if (!isWanted('check')) return {};
  const steps = goodSteps;
  const fake = fakePanel({ steps, targets: [aTarget()] });
  fake.beforeStep = (id) => (id === 'ref' ? Promise.resolve() : new Promise(() => undefined));
  const served = await servePanel(fake, { realTime: true });
  closers.push(() => served.close());
  const url = `${served.url}/panel/repository`;
  const inTheMiddle = (button: string) => async (page: Page) => {
    await page.click(button);
    await page.waitForSelector('.checking .step-success + .step-progress');
  };
  return {
    'check-save': {
      url,
      prepare: async (page) => {
        await page.click('#edit-T1');
        await inTheMiddle('#save-T1')(page);
      },
    },
    'check-again': {
      url,
      prepare: async (page) => {
        await page.click('#more-T1 > summary');
        await inTheMiddle('#check-T1')(page);
      },
    },
  };
}

/** Only what is asked for is set up. */
function isWanted(start: string): boolean {
  return (
    names.length === 0 || names.includes('docs') || names.some((name) => name.startsWith(start))
  );
}

async function workspaceStates(): Promise<Record<string, Shot>> {
  if (!isWanted('workspace')) return {};
  const filled = await filledWorkspace();
  const hard = await filledWorkspace(hardNames);
  closers.push(
    () => filled.close(),
    () => hard.close(),
  );
  const opened = (button: string, form: string) => async (page: Page) => {
    await page.click(button);
    await page.waitForSelector(form);
  };
  const { url } = filled;
  return {
    workspace: { url },
    'workspace-hard-names': { url: hard.url },
    'workspace-unfolded': { url, prepare: unfold },
    'workspace-connect': { url, prepare: opened('#connect-account', '#form-connection') },
    'workspace-repair': {
      url,
      prepare: opened('[id^="edit-connection-"] >> nth=1', '#form-connection'),
    },
    'workspace-asks': {
      url,
      prepare: async (page) => {
        await opened('[id^="edit-connection-"] >> nth=1', '#form-connection')(page);
        await page.fill('#connection-name', 'Another name');
        await opened('[id^="edit-connection-"] >> nth=0', '[data-anyway]')(page);
      },
    },
    'workspace-consumer': {
      url,
      prepare: opened('#add-credential-consumer', '#form-credential'),
    },
    'workspace-token': {
      url,
      prepare: opened('#add-credential-access_token', '#form-credential'),
    },
  };
}

/** Our own pages, as somebody sees them who has signed in. */
async function ownPageStates(): Promise<Record<string, Shot>> {
  if (!isWanted('own')) return {};
  const stage = await DashboardStage.open();
  closers.push(() => stage.close());
  const workspace = stage.place(await stage.workspaceUuid()).split('/r/')[0] ?? '';
  const at = (place: string): Shot => ({
    url: `${stage.bench.url}/?as=ada`,
    prepare: async (page) => {
      const query = new URLSearchParams({ returnTo: place });
      await page.goto(`${stage.url}/oauth/start?${query.toString()}`);
      await page.click('button[value="grant"]');
      await page.waitForSelector('.own-bar');
    },
  });
  return {
    'own-welcome': { url: stage.url },
    'own-workspaces': at('/'),
    'own-repositories': at(workspace),
    'own-settings': at(`${workspace}/settings`),
    'own-repository': at(stage.place(await stage.workspaceUuid())),
  };
}

/** The pages of the Forge app, each in the frame that Bitbucket puts around it. */
async function forgeStates(): Promise<Record<string, Shot>> {
  if (!isWanted('forge')) return {};
  const stage = await Stage.open(forgeSettings);
  closers.push(() => stage.close());
  await installForgeApp(stage);
  const places = await forgePages(stage.bench);
  await stage.bench.commit({ message: 'Show prices with tax' });
  const frame = async (page: Page): Promise<void> => {
    const inside = await (await page.waitForSelector('iframe.forge')).contentFrame();
    await inside?.waitForSelector('main:not(#loading)');
    // The frame grows to its content.
    await page.waitForTimeout(500);
  };
  const at = (place: string, who = 'ada'): Shot => ({
    url: `${stage.bench.url}${place}?as=${who}`,
    ...{ prepare: frame, height: 2_400 },
  });
  return {
    'forge-settings': at(places.settings),
    'forge-workspace': at(places.workspace),
    'forge-reader': at(places.readOnly, 'bob'),
  };
}

async function openStory(page: Page): Promise<void> {
  await page.click('[id^="story-"] >> nth=0');
  await page.waitForSelector('.story');
}

async function take(
  by: Browser,
  { url, prepare, height = 800 }: Shot,
  file: string,
  options: { colorScheme: 'light' | 'dark'; width: number; clip?: string },
): Promise<void> {
  const { colorScheme, width, clip } = options;
  const viewport = { width, height };
  const page = await by.newPage({ viewport, colorScheme, reducedMotion: 'reduce' });
  await page.goto(url);
  await prepare?.(page);
  // Nothing that was only touched to get here is to look touched.
  await page.evaluate('document.activeElement?.blur()');
  await page.mouse.move(0, 0);
  if (clip === undefined) await page.screenshot({ path: file, fullPage: true });
  else await page.locator(clip).screenshot({ path: file });
  await page.close();
}

async function takeForDocs(by: Browser): Promise<void> {
  const scenario = scenarios(Date.now())['tour'];
  if (!scenario) throw new Error('there is no tour');
  const services = scenario.services();
  const served = await servePanel(services, { realTime: true });
  const url = `${served.url}/panel/repository`;
  // The first few are enough for a picture.
  const short = async (page: Page): Promise<void> => {
    const rest =
      '#deployments > ol > li:nth-child(n + 4), #pushes > ol > li:nth-child(n + 4), #more-deployments';
    await page.evaluate(`document.querySelectorAll('${rest}').forEach((one) => one.remove())`);
  };
  const wide = { width: 1000 };
  await take(by, { url, prepare: short }, path.join(images, 'panel.png'), {
    ...{ colorScheme: 'light', ...wide, clip: 'main' },
  });
  await take(by, { url, prepare: short }, path.join(images, 'panel-dark.png'), {
    ...{ colorScheme: 'dark', ...wide, clip: 'main' },
  });
  await take(by, { url, prepare: openStory }, path.join(images, 'story.png'), {
    ...{ colorScheme: 'light', ...wide, clip: '#p-C1' },
  });
  const openForm = async (page: Page): Promise<void> => {
    await page.click('#edit-T1');
    await page.click('#more-rule-T1 > summary');
    await openPreview(page, 'T1');
  };
  await take(by, { url, prepare: openForm }, path.join(images, 'target.png'), {
    ...{ colorScheme: 'light', ...wide, clip: '#form-T1' },
  });
  await served.close();
  const filled = await filledWorkspace();
  const upper = async (page: Page): Promise<void> => {
    const rest = '#section-credentials, #section-audit, [data-notice] + [data-notice]';
    await page.evaluate(`document.querySelectorAll('${rest}').forEach((one) => one.remove())`);
  };
  await take(by, { url: filled.url, prepare: upper }, path.join(images, 'workspace.png'), {
    ...{ colorScheme: 'light', width: 860, clip: 'main' },
  });
  await filled.close();
}

async function openPreview(page: Page, key: string): Promise<void> {
  await page.focus(`#f-${key}-branchPattern`);
  await page.waitForSelector(`#preview-${key} p`);
}
