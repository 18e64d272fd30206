import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseConfig } from '../../src/config/config.js';
import { browserOf, signInWithBitbucket } from '../../src/demo/sign-in.js';
import { startServer, type RunningServer } from '../../src/main.js';
import { Bench } from '../sandbox/support.js';
import { tempFolder } from '../support/temp-folder.js';

/** Slipway and the sandbox as they are, a browser between them; nothing is put in anybody's place. */
describe('signing in through the sandbox’s authorize page', () => {
  const folder = tempFolder('sign-in');
  const consumer = { key: 'k'.repeat(32), secret: 's'.repeat(76) };
  let bench: Bench;
  let server: RunningServer;

  beforeEach(async () => {
    bench = await Bench.start();
    await bench.seed();
    const { config, secrets } = parseConfig({
      PORT: '0',
      SLIPWAY_DATA_DIR: join(folder.path, randomBytes(4).toString('hex')),
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
  });

  afterEach(async () => {
    await server.stop();
    await bench.stop();
  });

  after(() => folder.remove());

  const wish = { returnTo: '/healthz' };
  const grantsAsked = async (): Promise<string[]> => {
    const { calls } = await bench.control<{ calls: { grant: string | null }[] }>('GET', 'calls');
    return calls.flatMap(({ grant }) => grant ?? []);
  };

  for (const backend of ['2025', '2026']) {
    it(`works with the token backend of ${backend}`, async () => {
      await bench.control('POST', 'consumers/update', { key: consumer.key, backend });
      const browser = await browserOf(bench.url, 'ada');
      const page = await signInWithBitbucket(browser, server.url, wish);
      assert.equal(page.url, `${server.url}/healthz`);
      assert.equal(page.status, 200);
      assert.deepEqual(await grantsAsked(), ['authorization_code']);
      const { grants } = await bench.control<{ grants: object[] }>('GET', 'grants');
      assert.equal(grants.length, 1);
    });
  }

  it('says so when the person refuses, and asks for nothing', async () => {
    const browser = await browserOf(bench.url, 'ada');
    const page = await signInWithBitbucket(browser, server.url, { ...wish, decision: 'deny' });
    assert.ok(page.status >= 400 && page.status < 500, String(page.status));
    assert.match(page.html, /\/oauth\/start\?returnTo/);
    assert.deepEqual(await grantsAsked(), []);
  });

  it('refuses a callback whose state is of another browser', async () => {
    const ada = await browserOf(bench.url, 'ada');
    const bob = await browserOf(bench.url, 'bob');
    const question = await ada.open(`${server.url}/oauth/start?returnTo=%2Fhealthz`);
    const state = new URL(question.url).searchParams.get('state') ?? '';
    await bob.open(`${server.url}/oauth/start?returnTo=%2Fhealthz`);
    const page = await bob.open(`${server.url}/oauth/callback?code=stolen&state=${state}`);
    assert.ok(page.status >= 400 && page.status < 500, String(page.status));
    assert.deepEqual(await grantsAsked(), []);
  });

  it('cannot be replayed', async () => {
    const browser = await browserOf(bench.url, 'ada');
    const question = await browser.open(`${server.url}/oauth/start?returnTo=%2Fhealthz`);
    const request = /name="request" value="([^"]+)"/.exec(question.html)?.[1] ?? '';
    const answer = await browser.fetch(`${bench.url}/site/oauth2/authorize`, {
      method: 'POST',
      body: new URLSearchParams({ request, decision: 'grant' }),
    });
    const callback = answer.headers.get('location') ?? '';
    assert.equal((await browser.open(callback)).status, 200);
    const again = await browser.open(callback);
    assert.ok(again.status >= 400 && again.status < 500, String(again.status));
    assert.deepEqual(await grantsAsked(), ['authorization_code']);
  });

  it('says what is wrong when the consumer’s secret was reset, and shows none', async () => {
    await bench.control('POST', 'consumers/update', { key: consumer.key, reset_secret: true });
    const browser = await browserOf(bench.url, 'ada');
    const page = await signInWithBitbucket(browser, server.url, wish);
    assert.ok(page.status >= 400, String(page.status));
    assert.match(page.html, /consumer/i);
    assert.ok(!page.html.includes(consumer.secret));
  });

  it('shows the way back in when the token endpoint fails once', async () => {
    await bench.control('POST', 'faults', {
      path: '^/site/oauth2/access_token',
      status: 503,
      times: 1,
    });
    const browser = await browserOf(bench.url, 'ada');
    const page = await signInWithBitbucket(browser, server.url, wish);
    assert.equal(page.status, 502);
    assert.match(page.html, /\/oauth\/start\?returnTo/);
    assert.equal((await signInWithBitbucket(browser, server.url, wish)).status, 200);
  });
});
