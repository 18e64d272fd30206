import assert from 'node:assert/strict';
import { parseConfig } from '../../src/config/config.js';
import { startServer, type RunningServer } from '../../src/main.js';
import { Bench } from '../sandbox/support.js';
import type { Browser } from '../../src/demo/browser.js';
import { textOfHtml } from '../support/e2e/panel.js';
import { browserOf, signInWithBitbucket } from '../../src/demo/sign-in.js';
import { waitFor } from '../support/e2e/wait-for.js';
import { tempFolder } from '../support/temp-folder.js';

/** Slipway and the sandbox as they are, a browser between them; nobody has installed anything. */
describe('a repository enabled from the dashboard', () => {
  const folder = tempFolder('dashboard');
  const consumer = { key: 'k'.repeat(32), secret: 's'.repeat(76) };
  let bench: Bench;
  let server: RunningServer;
  let browser: Browser;

  before(async () => {
    bench = await Bench.start();
    await bench.seed();
    const { config, secrets } = parseConfig({
      PORT: '0',
      SLIPWAY_DATA_DIR: folder.path,
      SLIPWAY_LOG_LEVEL: 'silent',
      SLIPWAY_BITBUCKET_URL: bench.url,
      SLIPWAY_BITBUCKET_API_URL: bench.url,
      SLIPWAY_OAUTH_CLIENT_ID: consumer.key,
      SLIPWAY_OAUTH_CLIENT_SECRET: consumer.secret,
    });
    server = await startServer(config, secrets);
    await bench.control('POST', 'consumers', {
      ...{ workspace: 'acme', name: 'Slipway', scopes: 'account repository webhook' },
      ...{ ...consumer, callback_url: `${server.url}/oauth/callback` },
    });
    browser = await browserOf(bench.url, 'ada');
  });

  after(async () => {
    await server.stop();
    await bench.stop();
    folder.remove();
  });

  const hooksLeft = async (): Promise<unknown[]> => {
    const answer = await bench.control<{ hooks: unknown[] }>('GET', 'hooks?repository=acme/site');
    return answer.hooks;
  };

  function linkOf(html: string, pattern: RegExp): string {
    const found = pattern.exec(html)?.[1];
    assert.ok(found, textOfHtml(html));
    return found;
  }

  it('gets one webhook, tells of a push through it, and keeps none when it is disabled', async () => {
    const home = await signInWithBitbucket(browser, server.url, { returnTo: '/' });
    assert.equal(home.status, 200, textOfHtml(home.html));
    const workspace = linkOf(home.html, /href="(\/w\/[0-9a-f-]+)"><bdi class="two-lines">acme</);
    const list = await browser.open(server.url + workspace);
    const place = linkOf(
      list.html,
      /href="(\/w\/[0-9a-f-]+\/r\/[0-9a-f-]+)"><bdi class="two-lines" title="acme\/site"/,
    );
    const panel = await browser.open(server.url + place);
    assert.match(textOfHtml(panel.html), /Off\. .*Enable Slipway here/);
    const csrf = linkOf(panel.html, /<meta name="slipway-csrf" content="([^"]+)">/);
    const act = async (name: string): Promise<string> => {
      const answer = await browser.fetch(`${server.url}${place}/panel/actions/${name}`, {
        method: 'POST',
        headers: { 'x-slipway-csrf': csrf },
      });
      const html = await answer.text();
      assert.equal(answer.status, 200, textOfHtml(html));
      return textOfHtml(html);
    };
    assert.match(await act('hook/enable'), /every push reaches it from now on/);
    assert.match(await act('hook/check'), /the webhook is as it should be/);
    await bench.control('POST', 'push', {
      ...{ repository: 'acme/site', branch: 'main', user: 'ada' },
      files: { 'index.html': 'two\n' },
    });
    const heard = await waitFor('the delivery', async () => {
      const answer = await browser.fetch(`${server.url}${place}/panel/fragments/hook`);
      const text = textOfHtml(await answer.text());
      return text.includes('Last heard of') ? text : null;
    });
    assert.match(heard, /Enabled by Ada/);
    assert.match(await act('hook/repair'), /with a new secret/);
    assert.equal((await hooksLeft()).length, 1);
    assert.match(await act('hook/disable'), /its webhook is gone/);
    assert.deepEqual(await hooksLeft(), []);
  });
});
