import assert from 'node:assert/strict';
import { change, createEngine, facts, workspaceUuid, type Engine } from '../../support/engine.js';
import { askPostgres, databaseOrSkip, type TestDatabase } from '../../support/postgres.js';
import { waitFor } from '../../support/e2e/wait-for.js';

/** Tables that grow with every push. */
const growing = ['events', 'ref_changes', 'refs', 'decisions', 'deployments', 'attempts'];

/** Statements are prepared while the tables are empty; a plan that reads a whole table would get slower with every push. */
describe('what a push costs on PostgreSQL', function () {
  this.timeout(30_000);
  let database: TestDatabase;
  let engine: Engine;

  before(async function () {
    database = await databaseOrSkip(this);
    engine = await createEngine({ databaseUrl: database.url });
    await engine.target({ branchPattern: '*' });
  });

  after(async () => {
    await engine?.close();
    await database?.drop();
  });

  const counted = async (): Promise<Record<string, unknown>> => {
    const rows = await askPostgres(
      database.url,
      `SELECT relname, seq_scan, n_tup_ins FROM pg_stat_user_tables
       WHERE relname IN (${growing.map((name) => `'${name}'`).join(', ')})`,
    );
    return Object.fromEntries(rows.map((row) => [String(row['relname']), row]));
  };

  /** As they come in a crowd: a handful of statements for many pushes. */
  async function push(rounds: number, name: string): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      const crowd = Array.from({ length: 33 }, (_, index) => {
        const to = `${round}${index}`.padStart(40, 'a');
        const branch = `${name}-${round}-${index}`;
        return engine.push([change({ name: branch, from: null, to, kind: 'create' })]);
      });
      await Promise.all(crowd);
      await engine.step();
    }
  }

  const stored = async (events: number) => {
    // The server counts with the next commit that comes a second later.
    await engine.storage.write((tx) => tx.lanes.nextDue());
    const all = await counted();
    const { n_tup_ins: inserted } = all['events'] as { n_tup_ins: string };
    return Number(inserted) >= events ? all : null;
  };
  const scans = (all: Record<string, unknown>) =>
    Object.entries(all).map(([name, row]) => [name, (row as { seq_scan: string }).seq_scan]);

  it('does not grow with what is stored: no table is read as a whole', async () => {
    await push(8, 'first');
    const before = await waitFor('the first pushes to be counted', () => stored(264));
    await push(8, 'second');
    const after = await waitFor('all pushes to be counted', () => stored(528));
    assert.deepEqual(scans(after), scans(before));
  });

  it('does not grow either where a name is learnt that events left out', async () => {
    const before = await counted();
    const actor = { uuid: '{eve}', name: null };
    const tell = (to: string): Promise<unknown> => {
      const changes = [change({ name: 'eves', from: null, to, kind: 'create' })];
      return engine.push([], { event: { kind: 'push', repository: facts(), actor, changes } });
    };
    await tell('e'.repeat(40));
    const eve = { workspaceUuid, personUuid: '{eve}', name: 'Eve' };
    assert.equal(await engine.storage.write((tx) => tx.personNames.spread(eve, 100)), 1);
    await tell('f'.repeat(40));
    const after = await waitFor('both pushes to be counted', () => stored(530));
    assert.deepEqual(scans(after), scans(before));
  });
});
