import { Browser, type Page } from './browser.js';

/** Who is signed in to the sandbox in this browser. */
export async function browserOf(sandboxUrl: string, nickname: string): Promise<Browser> {
  const browser = new Browser();
  await browser.open(`${sandboxUrl}/?as=${encodeURIComponent(nickname)}`);
  return browser;
}

/** From Slipway to the authorize page, its button, and back: the page that the person ends up on. */
export async function signInWithBitbucket(
  browser: Browser,
  slipwayUrl: string,
  options: { returnTo: string; decision?: 'grant' | 'deny' },
): Promise<Page> {
  const query = new URLSearchParams({ returnTo: options.returnTo });
  const question = await browser.open(`${slipwayUrl}/oauth/start?${query.toString()}`);
  if (question.status !== 200) {
    throw new Error(`${new URL(question.url).pathname} answered ${question.status}`);
  }
  return browser.submit(question, { name: 'decision', value: options.decision ?? 'grant' });
}
