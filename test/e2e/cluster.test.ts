import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { leaseMs } from '../../src/queue/worker.js';
import { runCli } from '../support/e2e/cli.js';
import { ClusterStage, type ClusterNode } from '../support/e2e/cluster.js';
import { ObedientReceiver } from '../support/e2e/obedient-receiver.js';
import { waitFor } from '../support/e2e/wait-for.js';
import { databaseOrSkip, type TestDatabase } from '../support/postgres.js';

const page = { 'index.html': '<h1>Hello</h1>\n' };

describe('several nodes', function () {
  this.timeout(90_000);
  let database: TestDatabase;
  let stage: ClusterStage;
  let receiver: ObedientReceiver;

  beforeEach(async function () {
    database = await databaseOrSkip(this);
    stage = await ClusterStage.open(database.url);
    receiver = await ObedientReceiver.open();
  });

  afterEach(async () => {
    await stage?.close();
    await receiver?.close();
    await database?.drop();
  });

  const target = { name: 'Production', branchPattern: 'main' };
  const push = (message: string): Promise<string> =>
    stage.bench.commit({ message, files: { ...page, message } });
  /** Whose events come to this node, whatever else goes where. */
  const leadTo = (...nodes: ClusterNode[]): void =>
    stage.balancer.lead(nodes.map(({ address }) => address));

  it('with a role each: one takes pushes and shows pages, the other deploys and shows how it is, no more', async () => {
    const web = await stage.start('web', { SLIPWAY_ROLES: 'web' });
    const worker = await stage.start('worker', { SLIPWAY_ROLES: 'worker' });
    leadTo(web);
    const panel = await stage.install();
    const targetId = await panel.saveTarget({ ...target, backend: 'local' });
    const opened = await (await fetch(await stage.panelUrl())).text();
    const session = /<meta name="slipway-session" content="([^"]+)"/.exec(opened)?.[1];
    const form = await fetch(`${web.address}/panel/fragments/target-form`, {
      headers: { authorization: `Bearer ${session}` },
    });
    assert.match(await form.text(), /the one that deploys a target first keeps it/);
    const commit = await push('Hello');
    const { state, url } = await stage.outcome(panel, commit);
    assert.equal(state, 'live');
    assert.match(await (await fetch(url ?? '')).text(), /Hello/);
    assert.deepEqual(web.server.logged('lane.stepped'), []);
    assert.deepEqual(worker.server.logged('event.received'), []);
    await waitFor('the build status', () => worker.server.logged('status.written').length === 2);
    assert.deepEqual(web.server.logged('status.written'), []);
    const asked = async (path: string, method = 'GET'): Promise<number> =>
      (await fetch(`${worker.address}${path}`, { method })).status;
    assert.deepEqual(
      [
        await asked('/healthz'),
        await asked('/readyz'),
        await asked('/'),
        await asked('/panel.css'),
      ],
      [200, 200, 404, 404],
    );
    assert.equal(await asked('/connect/events', 'POST'), 404);
    assert.equal(await asked(new URL(await stage.panelUrl()).pathname), 404);
    // Removed through the node that does not have it: it goes from the one that does.
    const removed = await fetch(`${web.address}/panel/actions/target/remove`, {
      method: 'POST',
      headers: { authorization: `Bearer ${session}` },
      body: new URLSearchParams({ targetId }),
    });
    assert.equal(removed.status, 200);
    await waitFor(
      'the site to be gone',
      () =>
        fetch(url ?? '').then(
          () => false,
          () => true,
        ),
      { timeoutMs: 25_000 },
    );
  });

  it('refuses a node with another master key, and names the one it meets', async () => {
    const first = await stage.start('first');
    const env = {
      ...stage.settings,
      SLIPWAY_MASTER_KEY: randomBytes(32).toString('base64'),
      SLIPWAY_DATA_DIR: join(stage.folder, 'second'),
      PORT: '0',
    };
    const refused = await runCli(['start'], { env });
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /runs with master key \w+, and this one with \w+/);
    assert.match(refused.stderr, /Give every node the same SLIPWAY_MASTER_KEY/);
    // Nobody else is there by now, and nothing is sealed: it may start.
    await first.server.stop();
    const second = await stage.start('second', { SLIPWAY_MASTER_KEY: env.SLIPWAY_MASTER_KEY });
    assert.ok(second.server.isRunning);
  });

  it("has one node's pages go on at another: session, answers to polling, and what is typed", async () => {
    const nodes = [await stage.start('one'), await stage.start('two')] as const;
    await stage.install();
    const opened = await fetch(await stage.panelUrl());
    const session = /<meta name="slipway-session" content="([^"]+)"/.exec(await opened.text())?.[1];
    const ask = (node: ClusterNode, headers: Record<string, string> = {}) =>
      fetch(`${node.address}/panel/fragments/deployments`, {
        headers: { authorization: `Bearer ${session}`, ...headers },
      });
    const answers = [await ask(nodes[0]), await ask(nodes[1])] as const;
    assert.deepEqual([answers[0].status, answers[1].status], [200, 200]);
    const etag = answers[0].headers.get('etag') ?? '';
    assert.notEqual(etag, '');
    assert.equal(answers[1].headers.get('etag'), etag);
    assert.equal((await ask(nodes[1], { 'if-none-match': etag })).status, 304);
  });

  it('takes over within lease + 1 s what a node had in hand when it was killed', async () => {
    const [one, two] = [await stage.start('one'), await stage.start('two')];
    leadTo(one);
    const panel = await stage.install();
    await panel.saveTarget({ ...target, ...receiver.fields });
    let letGo = (): void => undefined;
    receiver.hold = new Promise((resolve) => (letGo = resolve));
    const commit = await push('In hand');
    await waitFor('the call of the backend', () => receiver.asked.length === 1);
    assert.equal(stepOf(two, commit), undefined);
    await one.server.kill();
    const killedAt = performance.now();
    receiver.hold = null;
    leadTo(two);
    await waitFor('the other node to ask', () => receiver.lookups.length > 0, {
      timeoutMs: leaseMs + 10_000,
    });
    const tookMs = (receiver.lookups[0]?.at ?? Infinity) - killedAt;
    console.log(`      taken over after ${(tookMs / 1000).toFixed(1)} s`);
    assert.ok(tookMs <= leaseMs + 1_000, `${tookMs} ms`);
    assert.equal((await stage.outcome(panel, commit)).state, 'live');
    letGo();
    assert.deepEqual(
      receiver.deployed.map((one) => one.commit),
      [commit],
    );
  });

  it('lets a node that slept through its lease put nothing older live', async () => {
    const [sleepy, awake] = [await stage.start('sleepy'), await stage.start('awake')];
    leadTo(sleepy);
    const panel = await stage.install();
    await panel.saveTarget({ ...target, ...receiver.fields });
    let letGo = (): void => undefined;
    receiver.hold = new Promise((resolve) => (letGo = resolve));
    const older = await push('Older');
    await waitFor('the call of the backend', () => receiver.asked.length === 1);
    process.kill(sleepy.server.pid, 'SIGSTOP');
    try {
      // Its request is on its way still; the next one is not held up.
      receiver.hold = null;
      leadTo(awake);
      assert.equal((await stage.outcome(panel, older)).state, 'live');
      const newer = await push('Newer');
      assert.equal((await stage.outcome(panel, newer)).state, 'live');
      letGo();
      await waitFor('the late request', () => receiver.outdated.length === 1);
      process.kill(sleepy.server.pid, 'SIGCONT');
      await waitFor('the sleeper to say what became of it', () =>
        sleepy.server
          .logged('lane.stepped')
          .some((line) => line['commit'] === older && line['noop'] === 'lease_lost'),
      );
      assert.deepEqual(
        receiver.deployed.map((one) => one.commit),
        [older, newer],
      );
      const fencing = receiver.asked.map((one) => one.fencing);
      assert.ok((fencing[0] ?? 0) < (fencing[1] ?? 0), fencing.join(' '));
      // Both go on, and what is live is the newer one.
      leadTo(sleepy, awake);
      await delay(1_500);
      const rows = await panel.deployments();
      assert.deepEqual(
        rows.map(({ commit, state }) => [commit, state]),
        [
          [newer, 'live'],
          [older, 'live'],
        ],
      );
      assert.equal(receiver.deployed.length, 2);
    } finally {
      process.kill(sleepy.server.pid, 'SIGCONT');
    }
  });

  function stepOf(node: ClusterNode, commit: string): object | undefined {
    return node.server.logged('lane.stepped').find((line) => line['commit'] === commit);
  }
});
