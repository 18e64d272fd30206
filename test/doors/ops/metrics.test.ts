import assert from 'node:assert/strict';
import { parseConfig } from '../../../src/config/config.js';
import type { Env } from '../../../src/config/env.js';
import { startServer, type RunningServer } from '../../../src/main.js';
import { tempFolder } from '../../support/temp-folder.js';

const token = 'a-token-that-nobody-guesses';

describe('/metrics', () => {
  const folder = tempFolder('metrics');
  let server: RunningServer;
  let running = false;

  const start = async (more: Env = {}): Promise<void> => {
    const { config, secrets } = parseConfig({
      PORT: '0',
      SLIPWAY_DATA_DIR: folder.path,
      SLIPWAY_LOG_LEVEL: 'silent',
      SLIPWAY_BITBUCKET_URL: 'http://127.0.0.1:9',
      SLIPWAY_BITBUCKET_API_URL: 'http://127.0.0.1:9',
      ...more,
    });
    server = await startServer(config, secrets);
    running = true;
  };
  const ask = (authorization?: string): Promise<Response> =>
    fetch(
      `${server.url}/metrics`,
      authorization === undefined ? {} : { headers: { authorization } },
    );

  afterEach(async () => {
    if (running) await server.stop();
    running = false;
  });
  after(() => folder.remove());

  it('is not there unless a token is configured', async () => {
    await start();
    assert.equal((await ask()).status, 404);
    assert.equal((await ask(`Bearer ${token}`)).status, 404);
  });

  it('wants the token, and counts deliveries by door and answer', async () => {
    await start({ SLIPWAY_METRICS_TOKEN: token });
    assert.equal((await ask()).status, 401);
    assert.equal((await ask('Bearer wrong')).status, 401);
    assert.equal((await ask(`Basic ${token}`)).status, 401);
    for (let i = 0; i < 2; i += 1) {
      await fetch(`${server.url}/connect/events`, { method: 'POST', body: '{}' });
    }
    await fetch(`${server.url}/hooks/nobody`, { method: 'POST', body: '{}' });
    const answer = await ask(`Bearer ${token}`);
    const text = await answer.text();
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
    assert.match(text, /^slipway_deliveries_total\{door="connect",status="401"\} 2$/m);
    assert.match(text, /^slipway_deliveries_total\{door="oauth",status="401"\} 1$/m);
    for (const line of [
      'slipway_lanes{state="due"} 0',
      'slipway_lanes{state="running"} 0',
      'slipway_build_statuses_owed 0',
      'slipway_breakers{state="open"} 0',
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
    assert.match(text, /^nodejs_eventloop_lag_seconds /m);
    assert.match(text, /^process_resident_memory_bytes /m);
    assert.ok(!text.includes(token));
  });

  it('refuses a token that is easily guessed', () => {
    assert.throws(
      () => parseConfig({ SLIPWAY_METRICS_TOKEN: 'short' }),
      (error: Error) => {
        assert.match(error.message, /SLIPWAY_METRICS_TOKEN is shorter than 16/);
        assert.ok(!error.message.includes('"short"'));
        return true;
      },
    );
  });
});
