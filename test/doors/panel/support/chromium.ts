import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const executablePath = '/usr/bin/chromium';

let isMissingSaid = false;

/** Goes first in a `before`. Where there is no browser its tests are skipped, loudly; with `CI` set they fail instead. */
export function needsChromium(test: Mocha.Context): void {
  if (existsSync(executablePath)) return;
  if (process.env['CI']) throw new Error(`CI must have ${executablePath} for these tests`);
  if (!isMissingSaid) {
    isMissingSaid = true;
    // At the very end, where it is seen.
    process.once('exit', () => {
      console.log(
        `\n*** BROWSER TESTS WERE SKIPPED: there is no ${executablePath}, so nobody looked at the panel in a browser. ***\n`,
      );
    });
  }
  test.skip();
}

export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
