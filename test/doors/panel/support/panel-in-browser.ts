import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchChromium, needsChromium } from './chromium.js';
import type { FakePanel } from './fake-panel.js';
import { servePanel, type ServedPanel } from './serve-panel.js';

interface OpenOptions {
  serve?: Parameters<typeof servePanel>[1];
  page?: BrowserContextOptions;
}

/** Chromium for a suite and a panel for each of its tests; to be called in its `describe`. */
export function panelInBrowser(): {
  /** The repository's page of a panel of its own. */
  open(fake: FakePanel, options?: OpenOptions): Promise<Page>;
  /** For the server of the panel that is open. */
  passTime(ms: number): void;
  close(): Promise<void>;
} {
  let browser: Browser;
  let served: ServedPanel;
  let page: Page;

  before(async function () {
    needsChromium(this);
    browser = await launchChromium();
  });
  after(async () => browser?.close());
  const close = async (): Promise<void> => {
    await page?.close();
    await served?.close();
  };
  afterEach(close);

  return {
    async open(fake, options = {}) {
      served = await servePanel(fake, options.serve);
      page = await browser.newPage({ reducedMotion: 'reduce', ...options.page });
      await page.goto(`${served.url}/panel/repository`);
      return page;
    },
    passTime(ms) {
      served.clock.now += ms;
    },
    close,
  };
}
