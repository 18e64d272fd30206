import type { Browser } from '../../../src/demo/browser.js';
import { linkOn } from '../../../src/demo/dashboard-visitor.js';
import { PanelVisitor, type PanelAnswer } from '../../../src/demo/panel-visitor.js';
import { browserOf, signInWithBitbucket } from '../../../src/demo/sign-in.js';
import { textOfHtml } from './panel.js';

/** Slipway's own pages as somebody has them who signed in with Bitbucket: the panel of acme/site, and acme's settings. */
export class OwnPages {
  readonly browser: Browser;
  readonly panel: PanelVisitor;
  readonly repositoryUrl: string;
  readonly settingsUrl: string;
  readonly #csrf: string;

  private constructor(
    browser: Browser,
    urls: { repository: string; workspace: string },
    csrf: string,
  ) {
    this.browser = browser;
    this.repositoryUrl = urls.repository;
    this.settingsUrl = `${urls.workspace}/settings`;
    this.#csrf = csrf;
    this.panel = new PanelVisitor(({ method, path, fields }) =>
      this.#call(method, `${this.repositoryUrl}${path}`, fields),
    );
  }

  static async signIn(sandboxUrl: string, slipwayUrl: string, user = 'ada'): Promise<OwnPages> {
    const browser = await browserOf(sandboxUrl, user);
    const home = await signInWithBitbucket(browser, slipwayUrl, { returnTo: '/' });
    const workspace = linkOn(home, 'acme');
    const repository = linkOn(await browser.open(workspace), 'acme/site');
    const { html } = await browser.open(repository);
    const csrf = /<meta name="slipway-csrf" content="([^"]+)"/.exec(html)?.[1];
    if (csrf === undefined) throw new Error(`no panel, but: ${textOfHtml(html)}`);
    return new OwnPages(browser, { repository, workspace }, csrf);
  }

  /** An action of the workspace's settings; returns what the person reads then. */
  async settle(action: string, fields: Record<string, string>): Promise<string> {
    const url = `${this.settingsUrl}/panel/workspace/actions/${action}`;
    const answer = await this.#call('POST', url, fields);
    const text = textOfHtml(answer.html);
    if (!answer.ok) throw new Error(`${action} answered ${answer.status}: ${text}`);
    return text;
  }

  async #call(method: string, url: string, fields?: Record<string, string>): Promise<PanelAnswer> {
    const answer = await this.browser.fetch(url, {
      method,
      headers: { 'x-slipway-csrf': this.#csrf },
      ...(fields ? { body: new URLSearchParams(fields) } : {}),
    });
    const target = answer.headers.get('x-slipway-target') ?? '';
    return { ok: answer.ok, status: answer.status, html: await answer.text(), target };
  }
}
