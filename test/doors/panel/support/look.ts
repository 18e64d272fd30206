import path from 'node:path';
import type { Frame, Page } from 'playwright-core';
import { root } from './serve-panel.js';

const axeFile = path.join(root, 'node_modules/axe-core/axe.min.js');

interface AxeResult {
  violations: { id: string; nodes: { html: string }[] }[];
}

/** What axe finds, one line each. The page must have been opened with `bypassCSP`. */
export async function findings(shown: Page | Frame): Promise<string[]> {
  if (!(await shown.evaluate<boolean>("'axe' in globalThis"))) {
    await shown.addScriptTag({ path: axeFile });
  }
  const { violations } = await shown.evaluate<AxeResult>(
    "axe.run({ resultTypes: ['violations'] })",
  );
  return violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}`));
}

export async function unfold(shown: Page | Frame): Promise<void> {
  await shown.evaluate(
    "document.querySelectorAll('details').forEach((one) => { one.open = true; })",
  );
}

/** How many px the page is wider than the window: 0 where nothing scrolls sideways. */
export async function overflow(shown: Page | Frame): Promise<number> {
  return shown.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
}

/** What has the focus, as a selector would find it. */
export async function focused(shown: Page | Frame): Promise<string> {
  return shown.evaluate<string>(
    "document.activeElement.id ? '#' + document.activeElement.id : document.activeElement.tagName",
  );
}

/** Goes on with the Tab key alone until the focus is there, as somebody without a mouse does. */
export async function tabTo(
  page: Page,
  selector: string,
  shown: Page | Frame = page,
): Promise<void> {
  const isThere = `document.activeElement.matches(${JSON.stringify(selector)})`;
  for (let pressed = 0; pressed < 250; pressed += 1) {
    if (await shown.evaluate<boolean>(isThere)) {
      const box = await shown.evaluate<string>(
        'getComputedStyle(document.activeElement).outlineStyle',
      );
      if (box === 'none') throw new Error(`${selector} has the focus, and nobody can see it`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`the Tab key never reaches ${selector}`);
}

/** The same, and presses it. */
export async function press(
  page: Page,
  selector: string,
  key = 'Enter',
  shown: Page | Frame = page,
): Promise<void> {
  await tabTo(page, selector, shown);
  await page.keyboard.press(key);
}
