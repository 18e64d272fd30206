import { browserOf, signInWithBitbucket } from './sign-in.js';
import { PanelVisitor } from './panel-visitor.js';
import type { Page } from './browser.js';
import type { Stage } from './stage.js';

/** The panel on Slipway's own pages: signs in with Bitbucket, then clicks the workspace and the repository. */
export async function openDashboardPanel(stage: Stage): Promise<PanelVisitor> {
  const { sandbox, server, workspace, repository, user } = stage;
  const browser = await browserOf(sandbox.url, user.nickname);
  const home = await signInWithBitbucket(browser, server.url, { returnTo: '/' });
  const list = await browser.open(linkOn(home, workspace));
  const page = await browser.open(linkOn(list, repository));
  const csrf = /<meta name="slipway-csrf" content="([^"]+)"/.exec(page.html)?.[1];
  if (page.status !== 200 || csrf === undefined) {
    throw new Error(`${new URL(page.url).pathname} answered ${page.status} and no token`);
  }
  return new PanelVisitor(async ({ method, path, fields }) => {
    const answer = await browser.fetch(`${page.url}${path}`, {
      method,
      headers: { 'x-slipway-csrf': csrf },
      ...(fields ? { body: new URLSearchParams(fields) } : {}),
    });
    const target = answer.headers.get('x-slipway-target') ?? '';
    return { ok: answer.ok, status: answer.status, html: await answer.text(), target };
  });
}

/** Where the link leads whose words contain this name. */
export function linkOn({ html, url }: Page, name: string): string {
  const links = html.matchAll(/<a\b[^>]*href="(\/w\/[^"]*)"[^>]*>([\s\S]*?)<\/a>/g);
  for (const [, href = '', words = ''] of links) {
    if (words.includes(name)) return new URL(href, url).href;
  }
  throw new Error(`${new URL(url).pathname} has no link to ${name}`);
}
