/**
 * `npm run screenshots [name…]`: pictures of every state into `shots/` (not committed), light and dark, 320 to 1280 px, and those that
 * README and docs show into `docs/images/`. With names, only the states whose names begin so; `docs` is what is committed.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { AccountBackend } from '../../support/account-backend.js';
import { createEngine, workspaceUuid } from '../../support/engine.js';
import { serveWorkspace } from '../workspace/serve-workspace.js';
import { launchChromium } from './support/chromium.js';
import { scenarios } from './support/scenarios.js';
import { root, servePanel } from './support/serve-panel.js';

interface Shot {
  url: string;
  /** What is done on the page before its picture is taken. */
  prepare?: (page: Page) => Promise<void>;
}

const names = process.argv.slice(2);
const shots = path.join(root, 'shots');
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
  found['workspace'] = { url: await workspaceUrl() };
  return found;
}

/** With a connection, two targets, and what was changed by whom. */
async function workspaceUrl(): Promise<string> {
  const backend = new AccountBackend();
  const engine = await createEngine({ backend });
  const served = await serveWorkspace(engine, { backends: [backend] });
  closers.push(async () => {
    await served.close();
    await engine.close();
  });
  const { session } = await served.page();
  await served.call(session, 'POST', 'actions/connections/save', {
    ...{ connectionId: '', expectedVersion: '0', backend: 'account', name: 'Our account' },
    'settings.token': 'not-a-real-token',
  });
  const [connection] = await engine.storage.read.connections.ofWorkspace(workspaceUuid);
  const use = { backend: 'account', connectionId: connection?.id ?? null };
  await engine.target({ ...use, name: 'Production' });
  await engine.target({ ...use, name: 'Staging' });
  return `${served.url}/panel/workspace`;
}

async function openStory(page: Page): Promise<void> {
  await page.click('[id^="story-"] >> nth=0');
  await page.waitForSelector('.story');
}

async function unfold(page: Page): Promise<void> {
  await page.evaluate(
    "document.querySelectorAll('details').forEach((one) => { one.open = true; })",
  );
}

async function take(
  by: Browser,
  { url, prepare }: Shot,
  file: string,
  options: { colorScheme: 'light' | 'dark'; width: number; clip?: string },
): Promise<void> {
  const { colorScheme, width, clip } = options;
  const viewport = { width, height: 800 };
  const page = await by.newPage({ viewport, colorScheme, reducedMotion: 'reduce' });
  await page.goto(url);
  await prepare?.(page);
  // Nothing that was only touched to get here is to look touched.
  await page.evaluate('document.activeElement.blur()');
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
}

async function openPreview(page: Page, key: string): Promise<void> {
  await page.focus(`#f-${key}-branchPattern`);
  await page.waitForSelector(`#preview-${key} p`);
}
