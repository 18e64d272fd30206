import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { startServerProcess } from '../../src/demo/server-process.js';
import { tempFolder } from '../support/temp-folder.js';

describe('the demo’s server', () => {
  const startWithinMs = 8_000;

  it('goes on after the time it had to start in', async function () {
    this.timeout(30_000);
    const folder = tempFolder('demo');
    const startedAt = Date.now();
    const settings = {
      PORT: '0',
      SLIPWAY_DATA_DIR: folder.path,
      SLIPWAY_BITBUCKET_URL: 'http://127.0.0.1:9',
      SLIPWAY_BITBUCKET_API_URL: 'http://127.0.0.1:9',
    };
    const server = await startServerProcess(settings, undefined, startWithinMs);
    try {
      await delay(startedAt + startWithinMs + 500 - Date.now());
      assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
    } finally {
      await server.stop();
      folder.remove();
    }
    assert.equal((await server.ended).how, 'with code 0');
  });

  it('says what it said last when it does not start', async () => {
    await assert.rejects(
      startServerProcess({ PORT: 'none' }),
      /ended with code 2 before it was ready:[^]*PORT is "none"/,
    );
  });
});
