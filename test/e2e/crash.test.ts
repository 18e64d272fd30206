import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Gate } from '../support/e2e/gate.js';
import { Stage } from '../support/e2e/stage.js';

/** What every commit of this suite is built by; `gate.sh` is where a build can be met. */
const buildScript = `set -e
mkdir -p dist
. ./gate.sh
cp page.html dist/index.html
`;

describe('a server that ends in the middle', function () {
  this.timeout(60_000);
  let stage: Stage;
  let targetId: string;
  let siteUrl: string;
  const gates: Gate[] = [];

  before(async () => {
    stage = await Stage.open();
    targetId = await stage.addTarget({
      'settings.buildCommand': 'sh build.sh',
      'settings.outputFolder': 'dist',
    });
    const gate = newGate();
    gate.open();
    const first = await push('First', gate);
    const { state, url } = await stage.outcome(first);
    assert.equal(state, 'live', stage.server.stderr);
    siteUrl = url ?? '';
  });

  after(() => stage?.close());
  beforeEach(async () => {
    await stage.ensureRunning();
    await stage.settled();
  });
  afterEach(async () => {
    // What a test that failed half-way left waiting must not hold up the next one.
    for (const gate of gates) gate.open();
    await stage.clearFaults();
  });

  function newGate(): Gate {
    const gate = new Gate(join(stage.folder, `gate-${gates.length}`));
    gates.push(gate);
    return gate;
  }

  /** Pushes a page that says `word`; resolves when Bitbucket has the answer to its delivery. */
  async function push(word: string, gate: Gate, more = ''): Promise<string> {
    const commit = await stage.bench.commit({
      message: word,
      files: {
        'build.sh': buildScript,
        'gate.sh': `${more}${gate.script}`,
        'page.html': page(word),
      },
    });
    await stage.bench.idle();
    const delivery = (await stage.bench.deliveries()).at(-1);
    assert.equal(delivery?.attempts.at(-1)?.status, 204);
    return commit;
  }

  function page(word: string): string {
    return `<h1>${word}</h1>\n`;
  }

  async function served(): Promise<string> {
    return (await fetch(siteUrl)).text();
  }

  async function assertDown(): Promise<void> {
    await assert.rejects(fetch(`${stage.server.url}/healthz`));
    await assert.rejects(fetch(siteUrl));
  }

  /** Live, once: one deployment, one release, one SUCCESSFUL status and none that says otherwise. */
  async function assertLiveOnce(commit: string, word: string): Promise<void> {
    const row = await stage.outcome(commit);
    assert.equal(row.state, 'live', `${row.reason ?? ''}\n${stage.server.stderr}`);
    assert.equal(await served(), page(word));
    const stored = await stage.rows(
      'SELECT state, cause FROM deployments WHERE "commit" = ?',
      commit,
    );
    assert.deepEqual(stored, [{ state: 'live', cause: 'push' }]);
    const releases = readdirSync(join(stage.dataDir, 'local', targetId, 'releases'));
    assert.equal(releases.filter((name) => name.endsWith(commit.slice(0, 12))).length, 1);
    const states = (await stage.finalStatuses(commit)).map(({ state }) => state);
    assert.deepEqual([...new Set(states)], ['INPROGRESS', 'SUCCESSFUL']);
    assert.equal(states.filter((state) => state === 'SUCCESSFUL').length, 1);
  }

  /** A restart forgets the tokens in memory, so the next trigger has to ask Bitbucket for one. */
  async function withoutTokens(): Promise<void> {
    assert.equal((await stage.server.stop()).code, 0);
    await stage.start();
  }

  it('kill -9 between event and deployment: the push goes live, once', async () => {
    await withoutTokens();
    const hung = await stage.fault({ path: '^/site/oauth2/', delay_ms: 30_000 });
    const gate = newGate();
    gate.open();
    const commit = await push('After a kill', gate);
    await stage.faultMet(hung);
    assert.deepEqual(gate.arrivals, [], 'it must be killed before anything is built');
    assert.equal(await served(), page('First'));

    await stage.server.kill();
    await assertDown();
    await stage.clearFaults();
    const startedAt = performance.now();
    await stage.start();
    assert.equal(await served(), page('First'), 'the old page is served again at once');
    assert.equal(stage.server.logged('storage.leases_taken_over').length, 1);
    await assertLiveOnce(commit, 'After a kill');
    // The lease of the dead process would have run for 15 s more.
    assert.ok(performance.now() - startedAt < 12_000, 'it waited for something that was over');
    assert.equal(gate.arrivals.length, 1);
  });

  it('kill -9 during a build: the old page stays, the build is started again and goes live', async () => {
    const before = await served();
    const gate = newGate();
    const commit = await push('After a killed build', gate);
    const [firstBuild = 0] = await gate.arrived(1);
    await stage.server.kill();
    await assertDown();
    assert.ok(isAlive(firstBuild), 'a build of its own group survives the server');

    const startedAt = performance.now();
    await stage.start();
    assert.equal(await served(), before);
    const builds = await gate.arrived(2);
    assert.ok(performance.now() - startedAt < 8_000, 'it must not wait for the next look around');
    assert.ok(!isAlive(firstBuild), 'what was left of the first build must be gone');
    assert.equal(await served(), before);
    gate.open();
    await assertLiveOnce(commit, 'After a killed build');
    assert.equal(builds.length, 2);
  });

  it('SIGTERM during a build that does not listen: ends with 0 within 10 s, and goes on after the start', async () => {
    const before = await served();
    const gate = newGate();
    const commit = await push('After SIGTERM', gate, "trap '' TERM INT HUP\n");
    const [build = 0] = await gate.arrived(1);
    const { code, ms } = await stage.server.stop();
    assert.equal(code, 0, stage.server.stderr);
    assert.ok(ms < 10_000, `it took ${ms} ms`);
    assert.ok(!isAlive(build), 'a build must not outlive the server');
    assert.equal(stage.server.logged('slipway.stopped').length, 1);
    await assertDown();

    await stage.start();
    assert.equal(await served(), before);
    await gate.arrived(2);
    gate.open();
    await assertLiveOnce(commit, 'After SIGTERM');
  });

  it('SIGTERM while Bitbucket gives no credential: ends with 0 at once, and goes on after the start', async () => {
    await withoutTokens();
    const hung = await stage.fault({ path: '^/site/oauth2/', delay_ms: 30_000 });
    const gate = newGate();
    gate.open();
    const commit = await push('After a wait', gate);
    await stage.faultMet(hung);
    const { code, ms } = await stage.server.stop();
    assert.equal(code, 0, stage.server.stderr);
    assert.ok(ms < 3_000, `it took ${ms} ms`);
    await stage.clearFaults();
    await stage.start();
    await assertLiveOnce(commit, 'After a wait');
  });

  it('a push after the restart goes live after the one that was interrupted', async () => {
    const gate = newGate();
    const older = await push('Older', gate);
    await gate.arrived(1);
    await stage.server.kill();
    await stage.start();
    await gate.arrived(2);
    const newer = await push('Newer', gate);
    gate.open();
    await assertLiveOnce(newer, 'Newer');
    assert.equal((await stage.outcome(older)).state, 'live');
    assert.equal(gate.arrivals.length, 3);
  });

  it('kill -9 while a build status is written: it reaches its end soon after the start', async () => {
    const gate = newGate();
    gate.open();
    const hung = await stage.fault({ path: '/statuses/build', delay_ms: 60_000 });
    const commit = await push('Unreported', gate);
    await stage.faultMet(hung);
    assert.equal((await stage.outcome(commit)).state, 'live');
    await stage.server.kill();
    await stage.clearFaults();
    await stage.start();
    await assertLiveOnce(commit, 'Unreported');
  });
});

/** A zombie does not live: it only waits to be read by its parent. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
