import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { freePort } from '../../src/demo/free-port.js';
import { spawnCli } from '../support/e2e/cli.js';
import { waitFor, within } from '../support/e2e/wait-for.js';
import { tempFolder } from '../support/temp-folder.js';

/** Whoever reads the log (a pager, a collector) may die or stand still; that is no reason to stop taking pushes. */
describe('whoever reads the log', function () {
  this.timeout(40_000);
  const folder = tempFolder('log-reader');
  const started: ChildProcess[] = [];

  after(() => {
    for (const child of started) child.kill('SIGKILL');
    folder.remove();
  });

  /** A server that listens; `said` looks at what it has said, wherever `through` sends that. */
  async function server(
    name: string,
    through: string[],
    said?: () => string,
  ): Promise<{ child: ChildProcess; url: string }> {
    const port = await freePort();
    const child = spawnCli(['start'], {
      through,
      env: {
        PORT: String(port),
        SLIPWAY_DATA_DIR: join(folder.path, name),
        SLIPWAY_BITBUCKET_URL: 'http://127.0.0.1:9',
        SLIPWAY_BITBUCKET_API_URL: 'http://127.0.0.1:9',
      },
    });
    started.push(child);
    let words = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (words += text));
    await waitFor('Slipway to listen', () => {
      words += said?.() ?? '';
      return words.includes('Slipway is listening');
    });
    return { child, url: `http://127.0.0.1:${port}` };
  }

  const isReady = (url: string): Promise<boolean> =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );

  /** Says something in the log: each of these is a request that nobody signed. */
  async function refusedEvent(url: string): Promise<number> {
    const body = '{"event":"repo:push"}';
    const headers = { 'content-type': 'application/json', authorization: 'JWT x' };
    const response = await fetch(`${url}/connect/events`, { method: 'POST', headers, body });
    return response.status;
  }

  async function stops(child: ChildProcess): Promise<void> {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    assert.equal(await within('the end after SIGTERM', 10_000, ended), 0);
  }

  it('may be gone: pushes are answered, and SIGTERM ends it with 0', async () => {
    const { child, url } = await server('gone', []);
    child.stderr?.destroy();
    for (let count = 0; count < 3; count += 1) assert.equal(await refusedEvent(url), 401);
    await stops(child);
  });

  it('may be gone without a word having been said since: SIGTERM ends it with 0', async () => {
    const { child } = await server('gone-since', []);
    child.stderr?.destroy();
    await stops(child);
  });

  it('may stand still: pushes are answered, and SIGTERM ends it with 0', async () => {
    const pipe = join(folder.path, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    // Both ends, so that the pipe stays open, and full, whoever comes and goes.
    const ends = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const through = ['sh', '-c', 'pipe=$1; shift; exec "$@" 2>"$pipe"', 'sh', pipe];
      const { child, url } = await server('still', through, () => read(ends));
      fill(ends);
      for (let count = 0; count < 20; count += 1) assert.equal(await refusedEvent(url), 401);
      assert.ok(await isReady(url));
      await stops(child);
    } finally {
      closeSync(ends);
    }
  });
});

/** What is in it now. */
function read(pipe: number): string {
  const buffer = Buffer.alloc(65_536);
  try {
    return buffer.toString('utf8', 0, readSync(pipe, buffer));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
    return '';
  }
}

/** Until it takes no more. */
function fill(pipe: number): void {
  for (const bytes of [4_096, 1]) {
    try {
      for (;;) writeSync(pipe, ' '.repeat(bytes));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
    }
  }
}
