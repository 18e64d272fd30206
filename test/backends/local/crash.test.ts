import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Observation } from '../../../src/core/backend.js';
import { Fixture, page } from './support/fixture.js';
import type { HostOrder } from './support/host.js';
import { isAlive } from './support/processes.js';

type Seen = Observation & { deploymentId: string };

describe('local backend: kill -9', () => {
  let fixture: Fixture;
  let host: ChildProcess | null = null;
  beforeEach(async () => {
    fixture = await Fixture.open();
  });
  afterEach(async () => {
    host?.kill('SIGKILL');
    await fixture.close();
  });

  /** Runs the deployments in a process of its own until one of them is seen in the wanted state, then kills it. */
  async function killWhen(
    commits: HostOrder['commits'],
    isThere: (seen: Seen) => boolean,
  ): Promise<Seen> {
    const order: HostOrder = {
      dataDir: fixture.dataDir,
      cloneUrl: fixture.git.url,
      password: fixture.git.password,
      commits,
    };
    const script = path.join(import.meta.dirname, 'support', 'host.ts');
    host = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(order)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (host.stdout === null) throw new Error('no output');
    for await (const line of createInterface(host.stdout)) {
      const seen = JSON.parse(line) as Seen;
      if (!isThere(seen)) continue;
      const gone = once(host, 'exit');
      host.kill('SIGKILL');
      await gone;
      return seen;
    }
    throw new Error('it ended before');
  }

  it('goes on from a build in the middle: nothing left over, sent again, the old page served', async () => {
    const good = fixture.git.commit({ 'index.html': 'good' });
    const next = fixture.git.commit({ 'index.html': 'next' });
    const settings = {
      buildCommand:
        'sleep 300 & echo pid=$!; [ -e "$HOME/again" ] || { touch "$HOME/again"; wait; }',
    };
    const seen = await killWhen(
      [
        { deploymentId: 'd-good', commit: good, settings: {} },
        { deploymentId: 'd-next', commit: next, settings },
      ],
      ({ logTail }) => (logTail ?? []).some((line) => line.startsWith('pid=')),
    );
    const pid = /pid=(\d+)/.exec(seen.logTail?.join('\n') ?? '')?.[1];
    assert.equal(isAlive(pid), true, 'the build should have outlived its server');

    fixture.settings = settings;
    await fixture.backend.start?.([fixture.target()]);
    assert.equal(isAlive(pid), false);
    const { url } = await fixture.observe('d-good');
    assert.equal(await page(url), 'good');
    assert.deepEqual(await fixture.observe('d-next'), { state: 'queued', lost: true });

    const again = await fixture.deploy(next, { deploymentId: 'd-next', fencing: 3 });
    assert.equal(again.state, 'live', again.reason);
    assert.equal(await page(url), 'next');
  });

  it('ends the app of the time before and starts it again on the same address', async () => {
    const commit = fixture.git.commit({
      Procfile: 'web: node s.js',
      's.js': `require('http').createServer((q, r) => r.end(String(process.pid))).listen(process.env.PORT)`,
    });
    const seen = await killWhen(
      [{ deploymentId: 'd-app', commit, settings: {} }],
      ({ state }) => state === 'live',
    );
    await fixture.backend.start?.([fixture.target()]);
    const { url } = await fixture.observe('d-app');
    assert.equal(url, seen.url);
    let pid = '';
    const deadline = Date.now() + 10_000;
    while (!/^\d+$/.test(pid) && Date.now() < deadline) pid = await page(url);
    assert.equal(isAlive(pid), true);
    await fixture.backend.stop?.();
    assert.equal(isAlive(pid), false);
  });
});
