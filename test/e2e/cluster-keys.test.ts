import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PanelVisitor } from '../../src/demo/panel-visitor.js';
import { runCli } from '../support/e2e/cli.js';
import { ClusterStage, type ClusterNode } from '../support/e2e/cluster.js';
import { ObedientReceiver } from '../support/e2e/obedient-receiver.js';
import { waitFor } from '../support/e2e/wait-for.js';
import { databaseOrSkip, type TestDatabase } from '../support/postgres.js';

const newKey = (): string => randomBytes(32).toString('base64');

/** As docs/postgresql.md describes it, step by step, with two real nodes that are restarted one after the other. */
describe('a new master key for several nodes', function () {
  this.timeout(90_000);
  const [older, newer] = [newKey(), newKey()];
  let database: TestDatabase;
  let stage: ClusterStage;
  const receivers: ObedientReceiver[] = [];

  before(async function () {
    database = await databaseOrSkip(this);
    stage = await ClusterStage.open(database.url);
    receivers.push(await ObedientReceiver.open(), await ObedientReceiver.open());
  });

  after(async () => {
    await stage?.close();
    for (const receiver of receivers) await receiver.close();
    await database?.drop();
  });

  async function restart(name: string, keys: string): Promise<ClusterNode> {
    await stage.nodes.get(name)?.server.stop();
    return stage.start(name, { SLIPWAY_MASTER_KEY: keys });
  }

  const target = (index: number) => ({
    ...{ name: `Target ${index}`, branchPattern: 'main' },
    ...receivers[index]?.fields,
  });

  /**
   * Pushed through this node until it has called the backend of every target itself, and so opened its secret: a busy one leaves
   * a lane to the other. All of them go live.
   */
  async function deployThrough(node: ClusterNode, targets: number): Promise<void> {
    stage.balancer.lead([node.address]);
    const panel = await PanelVisitor.open(await stage.panelUrl());
    const called = new Set<unknown>();
    for (let push = 1; called.size < targets; push += 1) {
      assert.ok(push <= 5, `${node.name} called ${called.size} of ${targets} itself`);
      const commit = await stage.bench.commit({ message: `Through ${node.name}, ${push}` });
      await waitFor(
        `${targets} deployments through ${node.name}`,
        async () => {
          const rows = (await panel.deployments()).filter((row) => row.commit === commit);
          return rows.length === targets && rows.every(({ state }) => state === 'live');
        },
        { otherwise: () => node.server.stderr },
      );
      for (const line of node.server.logged('lane.stepped')) {
        if (line['commit'] === commit && line['step'] === 'trigger') called.add(line['target']);
      }
    }
  }

  /** A page that one node has opened goes on at the other. */
  async function assertSharedPages(opener: ClusterNode, other: ClusterNode): Promise<void> {
    stage.balancer.lead([opener.address]);
    const page = await (await fetch(await stage.panelUrl())).text();
    const session = /<meta name="slipway-session" content="([^"]+)"/.exec(page)?.[1] ?? '';
    for (const node of [opener, other]) {
      const { status } = await fetch(`${node.address}/panel/fragments/deployments`, {
        headers: { authorization: `Bearer ${session}` },
      });
      assert.equal(status, 200, `opened at ${opener.name}, asked at ${node.name}`);
    }
  }

  it('comes without a pause: what was sealed before and after is read by both, and the old one goes in the end', async () => {
    let one = await stage.start('one', { SLIPWAY_MASTER_KEY: older });
    let two = await stage.start('two', { SLIPWAY_MASTER_KEY: older });
    await (await stage.install()).saveTarget(target(0));
    await deployThrough(one, 1);

    one = await restart('one', `${older} ${newer}`);
    await assertSharedPages(one, two);
    two = await restart('two', `${older} ${newer}`);

    one = await restart('one', `${newer} ${older}`);
    await assertSharedPages(one, two);
    await assertSharedPages(two, one);
    stage.balancer.lead([one.address]);
    await (await PanelVisitor.open(await stage.panelUrl())).saveTarget(target(1));
    await deployThrough(two, 2);
    two = await restart('two', `${newer} ${older}`);

    const rotated = await runCli(['keys', 'rotate', '--json'], {
      env: {
        DATABASE_URL: database.url,
        SLIPWAY_MASTER_KEY: `${newer} ${older}`,
        SLIPWAY_DATA_DIR: join(stage.folder, 'one'),
      },
    });
    assert.equal(rotated.code, 0, rotated.stderr);
    const counts = JSON.parse(rotated.stdout) as { rewrapped: number; unopened: number };
    assert.ok(counts.rewrapped > 0, rotated.stdout);
    assert.equal(counts.unopened, 0);
    await deployThrough(two, 2);

    one = await restart('one', newer);
    await assertSharedPages(one, two);
    await assertSharedPages(two, one);
    two = await restart('two', newer);
    await deployThrough(one, 2);
    await deployThrough(two, 2);
  });
});
