import assert from 'node:assert/strict';
import pg from 'pg';
import { databaseOrSkip, type TestDatabase } from '../support/postgres.js';
import { waitFor } from '../support/e2e/wait-for.js';
import { startNode, type NodeOptions, type WakerNode } from './support/waker-nodes.js';
import type { TimedJob } from '../../src/queue/waker.js';

/** A sweep every second; a little more on a busy machine. */
const afterSweepMs = 3_000;

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`waker, ${kind}`, function () {
    this.timeout(30_000);
    let database: TestDatabase | null = null;
    let nodes: WakerNode[] = [];

    beforeEach(async function () {
      if (kind === 'postgres') database = await databaseOrSkip(this);
      nodes = [];
    });

    afterEach(async () => {
      for (const node of nodes) await node.stop();
      await database?.drop();
      database = null;
    });

    async function node(options: Omit<NodeOptions, 'databaseUrl'> = {}): Promise<WakerNode> {
      const started = await startNode({ ...options, databaseUrl: database?.url ?? null });
      nodes.push(started);
      return started;
    }

    const steps = (of: WakerNode, count: number): Promise<true> =>
      waitFor(`${count} steps`, () => (of.stepped.length >= count ? true : null), {
        timeoutMs: afterSweepMs,
      });

    it('wakes a worker for a lane that becomes due', async () => {
      const one = await node();
      await one.lane('a');
      await one.wake('a');
      await steps(one, 1);
      assert.deepEqual(one.stepped, ['a']);
    });

    it('wakes nobody for what was rolled back', async () => {
      const one = await node();
      await one.lane('a');
      await one.lane('b');
      await assert.rejects(
        one.storage.write(async (tx) => {
          await tx.lanes.wake(['a'], Date.now());
          throw new Error('changed its mind');
        }),
      );
      await one.wake('b');
      await steps(one, 1);
      assert.deepEqual(one.stepped, ['b']);
    });

    it('gives what is told during a step one more step, however often it is told', async () => {
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const one = await node({ stepping: () => held });
      await one.lane('a');
      await one.wake('a');
      await steps(one, 1);
      for (let count = 0; count < 200; count += 1) await one.wake('a');
      release();
      await steps(one, 2);
      await one.wake('a');
      await steps(one, 3);
      assert.deepEqual(one.stepped, ['a', 'a', 'a']);
    });

    it('finds by its sweep what nobody told it of', async () => {
      const one = await node();
      await one.lane('a');
      await one.storage.write((tx) => tx.lanes.wake(['a'], Date.now() + 700));
      assert.deepEqual(one.stepped, []);
      await steps(one, 1);
    });

    it('gives a timed job its turn once, whoever is there', async () => {
      const turns: string[] = [];
      const job = (name: string): TimedJob => {
        let dueAt = 0;
        const turn = (): void => {
          turns.push(name);
          dueAt = Infinity;
        };
        return {
          ...{ name: 'care', every: 'hour' as const, dueAt: () => dueAt },
          run: () => Promise.resolve(turn()).then(() => 0),
          turn: () => Promise.resolve(turn()).then(() => true),
        };
      };
      if (database) await makeDue(database, 'care');
      const names = database ? ['one', 'two'] : ['one'];
      for (const name of names) await node({ id: name, timed: [job(name)] });
      await waitFor('a turn', () => turns.length > 0 || null);
      // Both have looked by now: each wakes for a lane of its own.
      for (const one of nodes) {
        await one.lane(`lane of ${nodes.indexOf(one)}`);
        await one.wake(`lane of ${nodes.indexOf(one)}`);
      }
      await waitFor('their lanes', () => {
        const stepped = nodes.reduce((sum, one) => sum + one.stepped.length, 0);
        return stepped >= nodes.length || null;
      });
      assert.equal(turns.length, 1);
    });
  });
}

/** As if the nodes had been away at its last full hour: they make up for it when they start. */
async function makeDue({ url }: TestDatabase, job: string): Promise<void> {
  const first = await startNode({ databaseUrl: url });
  await first.stop();
  await sql(
    url,
    `INSERT INTO slipway_worker._private_known_crontabs (identifier, known_since, last_execution)
     VALUES ('${job}', now() - interval '2 hours', now() - interval '90 minutes')`,
  );
}

async function sql(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows;
  } finally {
    await client.end();
  }
}

describe('waker, PostgreSQL alone', function () {
  this.timeout(40_000);
  let database: TestDatabase;
  let nodes: WakerNode[] = [];

  beforeEach(async function () {
    database = await databaseOrSkip(this);
    nodes = [];
  });

  afterEach(async () => {
    for (const node of nodes) await node.stop();
    await database?.drop();
  });

  async function node(options: Omit<NodeOptions, 'databaseUrl'> = {}): Promise<WakerNode> {
    const started = await startNode({ ...options, databaseUrl: database.url });
    nodes.push(started);
    return started;
  }

  const jobs = () =>
    sql(
      database.url,
      `SELECT jobs.key AS key, tasks.identifier AS task, jobs.payload AS payload, jobs.locked_by AS locked_by
       FROM slipway_worker._private_jobs AS jobs JOIN slipway_worker._private_tasks AS tasks ON tasks.id = jobs.task_id
       WHERE tasks.identifier LIKE 'lane%' ORDER BY jobs.id`,
    );

  it('wakes a worker on another node, well before its sweep', async () => {
    const web = await node({ id: 'web', webOnly: true });
    const worker = await node({ id: 'worker' });
    await web.lane('warm-up');
    await web.wake('warm-up');
    await waitFor('the first', () => worker.stepped.length === 1 || null);
    const tookMs: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const id = `lane-${round}`;
      await web.lane(id);
      const wokenAt = performance.now();
      await web.wake(id);
      await waitFor('a step', () => worker.stepped.includes(id) || null, { everyMs: 2 });
      tookMs.push(performance.now() - wokenAt);
    }
    tookMs.sort((a, b) => a - b);
    // By sweeps alone it would be half a second.
    assert.ok((tookMs[5] ?? Infinity) < 250, tookMs.map(Math.round).join(' '));
    await waitFor('the jobs to be over', async () => ((await jobs()).length === 0 ? true : null));
  });

  it('adds a job only where a lane was idle, none where it is leased within the same work, one for a lane', async () => {
    const web = await node({ webOnly: true });
    for (const id of ['idle', 'later', 'due', 'leased']) await web.lane(id);
    await web.storage.write(async (tx) => {
      await tx.lanes.wake(['due'], Date.now());
      await tx.lanes.wake(['later'], Date.now() + 60_000);
      await tx.lanes.claim(1, Date.now(), 15_000, 'somebody');
    });
    assert.deepEqual(await jobs(), []);
    await web.storage.write(async (tx) => {
      await tx.lanes.wake(['idle', 'due', 'later'], Date.now());
      await tx.lanes.wake(['idle'], Date.now());
    });
    const wanted = ['idle', 'later'].map((key) => ({
      ...{ key, task: 'lane', payload: { lane: key }, locked_by: null },
    }));
    assert.deepEqual(sorted(await jobs()), wanted);
    await web.storage.write(async (tx) => {
      await tx.lanes.wake(['leased'], Date.now());
      // Whatever is due: the three from before, and this one.
      await tx.lanes.claim(10, Date.now(), 15_000, 'somebody');
    });
    assert.deepEqual(sorted(await jobs()), wanted);
  });

  it('repairs what was lost: the jobs are deleted, and the sweep finds their lanes', async () => {
    const web = await node({ webOnly: true });
    const ids = Array.from({ length: 50 }, (_, index) => `lane-${index}`);
    for (const id of ids) await web.lane(id);
    await web.wake(...ids);
    assert.equal((await jobs()).length, 50);
    await sql(database.url, 'DELETE FROM slipway_worker._private_jobs');
    const worker = await node({ id: 'worker' });
    await waitFor('all of them', () => worker.stepped.length === 50 || null, {
      timeoutMs: afterSweepMs,
    });
    assert.deepEqual([...worker.stepped].sort(), [...ids].sort());
  });

  it('is not held up by the four-hour lock that a dead node leaves behind', async () => {
    const web = await node({ webOnly: true });
    await web.lane('a');
    await web.wake('a');
    // Taken by a node that was killed before it had done anything.
    await sql(
      database.url,
      `UPDATE slipway_worker._private_jobs SET locked_at = now(), locked_by = 'dead', attempts = 1`,
    );
    await web.storage.write(async (tx) => {
      const [claimed] = await tx.lanes.claim(1, Date.now(), 15_000, 'somebody');
      assert.ok(claimed);
      const change = { dueAt: null, currentDeploymentId: null, failures: 0 };
      await tx.lanes.settle([{ lease: claimed.lease, ...change }], Date.now());
    });
    const worker = await node({ id: 'worker' });
    const wokenAt = performance.now();
    await web.wake('a');
    await waitFor('the step', () => worker.stepped.length > 0 || null, { everyMs: 2 });
    assert.ok(performance.now() - wokenAt < 900, 'it was the sweep, not the new job');
  });

  it("lets nobody's lane wait behind the 5,000 of another workspace, whichever node takes it", async () => {
    const web = await node({ webOnly: true });
    const crowd = Array.from({ length: 5_000 }, (_, index) => `crowd-${index}`);
    await web.storage.write(async (tx) => {
      for (const targetId of crowd) {
        await tx.lanes.create({ targetId, repositoryId: 'r', workspaceUuid: '{crowd}' });
      }
      for (let at = 0; at < crowd.length; at += 500) {
        await tx.lanes.wake(crowd.slice(at, at + 500), Date.now() - 1_000);
      }
    });
    const two = [await node({ id: 'a', concurrency: 4 }), await node({ id: 'b', concurrency: 4 })];
    await waitFor('both to be busy', () => two.every(({ stepped }) => stepped.length > 0));
    await web.lane('single');
    const before = two.reduce((sum, { stepped }) => sum + stepped.length, 0);
    assert.ok(before < 4_500, 'the crowd is nearly through');
    await web.wake('single');
    await waitFor('the single one', () => two.some(({ stepped }) => stepped.includes('single')));
    const after = two.reduce((sum, { stepped }) => sum + stepped.length, 0);
    // All that were under way, and what was begun until the next claim of either node.
    assert.ok(after - before < 500, `${after - before} of the crowd went before it`);
  });

  it('keeps a lane that lives on one node to that node, and wakes it there', async () => {
    const nodesByName = { a: await node({ id: 'a' }), b: await node({ id: 'b' }) };
    await nodesByName.a.lane('local');
    await nodesByName.a.storage.write((tx) => tx.lanes.bind(['local'], 'b'));
    for (let round = 1; round <= 5; round += 1) {
      await nodesByName.a.wake('local');
      await waitFor('a step', () => nodesByName.b.stepped.length === round || null);
    }
    assert.deepEqual(nodesByName.a.stepped, []);
  });

  it('goes on by sweeps while its own connections are cut, and hears again after that', async () => {
    const web = await node({ webOnly: true });
    const worker = await node({ id: 'worker' });
    await web.lane('a');
    await sql(
      database.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await waitFor('a wake-up that is stored', async () => {
      await web.wake('a').catch(() => undefined);
      return worker.stepped.length > 0 || null;
    });
  });
});

function sorted(rows: Record<string, unknown>[]): Record<string, unknown>[] {
  return rows.sort((a, b) => String(a['key']).localeCompare(String(b['key'])));
}
