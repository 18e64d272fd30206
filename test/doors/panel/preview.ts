/**
 * To look at the panel: `npx tsx test/doors/panel/preview.ts` serves every state on a port of its own;
 * `npx tsx test/doors/panel/preview.ts --shots DIR [name…]` writes pictures of them instead, light and dark, narrow to wide.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { launchChromium } from './support/chromium.js';
import { scenarios, type Scenario } from './support/scenarios.js';
import { servePanel, type ServedPanel } from './support/serve-panel.js';

const [flag, folder = 'shots', ...names] = process.argv.slice(2);
const all = Object.entries(scenarios(Date.now()));

if (flag === '--shots') await takeShots(folder, names);
else await serveAll();

async function serveAll(): Promise<void> {
  let port = 4400;
  for (const [name, scenario] of all) {
    const served = await serve(scenario, port++);
    console.log(`${name.padEnd(20)} ${served.url}/panel/repository`);
    for (const one of scenario.services().deployments.slice(0, name === 'everything' ? 20 : 0)) {
      console.log(`${' '.repeat(20)} ${served.url}/d/${one.pageToken}`);
    }
  }
}

async function serve(scenario: Scenario, port: number): Promise<ServedPanel> {
  return servePanel(scenario.services(), {
    ...scenario.options,
    port,
    realTime: true,
    cache: false,
  });
}

async function takeShots(into: string, wanted: readonly string[]): Promise<void> {
  mkdirSync(into, { recursive: true });
  const browser = await launchChromium();
  for (const [name, scenario] of all) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const served = await serve(scenario, 0);
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [320, 768, 1280]) {
        const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
        await page.goto(`${served.url}/panel/repository`);
        const file = path.join(into, `${name}-${colorScheme}-${width}.png`);
        await page.screenshot({ path: file, fullPage: true });
        await page.close();
      }
    }
    await served.close();
  }
  await browser.close();
}
