import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { parseConfig } from '../../../src/config/config.js';
import type { Variable } from '../../../src/config/env.js';
import { startServer, type RunningServer } from '../../../src/main.js';
import { Bench, type Seed } from '../../sandbox/support.js';
import { tempFolder } from '../temp-folder.js';
import type { Browser, Page } from '../../../src/demo/browser.js';
import { readDatabase, type Row } from './database.js';
import { textOfHtml } from './panel.js';
import { browserOf, signInWithBitbucket } from '../../../src/demo/sign-in.js';
import { waitFor } from './wait-for.js';

const consumer = { key: 'k'.repeat(32), secret: 's'.repeat(76) };

/** Slipway and the sandbox as they are, in this process; people come with a browser and sign in. Nobody has installed anything. */
export class DashboardStage {
  readonly bench: Bench;
  readonly seed: Seed;
  readonly #folder: ReturnType<typeof tempFolder>;
  #server: RunningServer | null = null;

  private constructor(bench: Bench, seed: Seed, folder: ReturnType<typeof tempFolder>) {
    this.bench = bench;
    this.seed = seed;
    this.#folder = folder;
  }

  static async open(env: Partial<Record<Variable, string>> = {}): Promise<DashboardStage> {
    const folder = tempFolder('dashboard');
    // Builds run under users of their own and must be able to walk to their files.
    chmodSync(folder.path, 0o711);
    const bench = await Bench.start();
    const stage = new DashboardStage(bench, await bench.seed(), folder);
    const { config, secrets } = parseConfig({
      PORT: '0',
      SLIPWAY_DATA_DIR: folder.path,
      SLIPWAY_LOG_LEVEL: 'silent',
      SLIPWAY_BITBUCKET_URL: bench.url,
      SLIPWAY_BITBUCKET_API_URL: bench.url,
      SLIPWAY_OAUTH_CLIENT_ID: consumer.key,
      SLIPWAY_OAUTH_CLIENT_SECRET: consumer.secret,
      ...env,
    });
    stage.#server = await startServer(config, secrets);
    await bench.control('POST', 'consumers', {
      ...{ workspace: 'acme', name: 'Slipway', scopes: 'account repository webhook' },
      ...{ ...consumer, callback_url: `${stage.url}/oauth/callback` },
    });
    return stage;
  }

  get url(): string {
    if (!this.#server) throw new Error('the server is not started');
    return this.#server.url;
  }

  /** Where somebody finds a repository on our own pages. */
  place(workspaceUuid: string, repositoryUuid = this.seed.repository.uuid): string {
    return `/w/${bare(workspaceUuid)}/r/${bare(repositoryUuid)}`;
  }

  async visitor(nickname: string): Promise<Visitor> {
    const browser = await browserOf(this.bench.url, nickname);
    const home = await signInWithBitbucket(browser, this.url, { returnTo: '/' });
    assert.equal(home.status, 200, textOfHtml(home.html));
    return new Visitor(browser, this.url);
  }

  async hooksOf(repository = 'acme/site'): Promise<{ uuid: string }[]> {
    const path = `hooks?repository=${encodeURIComponent(repository)}`;
    return (await this.bench.control<{ hooks: { uuid: string }[] }>('GET', path)).hooks;
  }

  rows(sql: string, ...values: (string | number)[]): Promise<Row[]> {
    return readDatabase(`${this.#folder.path}/slipway.sqlite`, sql, values);
  }

  async workspaceUuid(slug = 'acme'): Promise<string> {
    const { workspaces } = await this.bench.control<{
      workspaces: { slug: string; uuid: string }[];
    }>('GET', 'state');
    return workspaces.find((one) => one.slug === slug)?.uuid ?? '';
  }

  async close(): Promise<void> {
    await this.#server?.stop();
    await this.bench.stop();
    this.#folder.remove();
  }
}

/** Somebody who is signed in. */
export class Visitor {
  readonly browser: Browser;
  readonly #url: string;

  constructor(browser: Browser, url: string) {
    this.browser = browser;
    this.#url = url;
  }

  open(place: string): Promise<Page> {
    return this.browser.open(this.#url + place);
  }

  /** What they read there. */
  async read(place: string, expected = 200): Promise<string> {
    const { status, html } = await this.open(place);
    const text = textOfHtml(html);
    assert.equal(status, expected, text);
    return text;
  }

  /** What a button of a page does, as the page's script does it. */
  async act(
    place: string,
    action: string,
    fields: Record<string, string> = {},
    expected = 200,
  ): Promise<string> {
    const { html } = await this.open(place);
    const csrf = /<meta name="slipway-csrf" content="([^"]+)">/.exec(html)?.[1];
    assert.ok(csrf, textOfHtml(html));
    const answer = await this.browser.fetch(`${this.#url}${place}/panel/${action}`, {
      method: 'POST',
      headers: { 'x-slipway-csrf': csrf },
      body: new URLSearchParams(fields),
    });
    const text = textOfHtml(await answer.text());
    assert.equal(answer.status, expected, text);
    return text;
  }

  /** A target that deploys `main` to this machine. */
  async addTarget(place: string): Promise<void> {
    const fields = { name: 'Production', backend: 'local', branchPattern: 'main' };
    assert.match(await this.act(place, 'actions/target/save', fields), /Production/);
  }

  async fragment(place: string, name: string): Promise<string> {
    const answer = await this.browser.fetch(`${this.#url}${place}/panel/fragments/${name}`);
    return answer.text();
  }

  /** Waits for the end of a commit's deployments; how many there are. */
  async deployed(place: string, commit: string): Promise<{ state: string }[]> {
    return waitFor(`the end of ${commit.slice(0, 8)}`, async () => {
      const html = await this.fragment(place, 'deployments');
      const rows = [...html.matchAll(/<[^>]*\bdata-deployment="[^"]*"[^>]*>/g)]
        .map(([tag]) => tag)
        .filter((tag) => tag.includes(`data-commit="${commit}"`))
        .map((tag) => ({ state: /data-state="([^"]*)"/.exec(tag)?.[1] ?? '' }));
      const isOver = rows.every(({ state }) => ['live', 'failed', 'stopped'].includes(state));
      return rows.length > 0 && isOver && rows;
    });
  }
}

function bare(uuid: string): string {
  return uuid.replace(/[{}]/g, '');
}
