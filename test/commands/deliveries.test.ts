import assert from 'node:assert/strict';
import { runDeliveriesCommand } from '../../src/commands/deliveries.js';
import type { Deployment, Target } from '../../src/core/model/index.js';
import { change, commit, createEngine, type Engine } from '../support/engine.js';
import { tempFolder } from '../support/temp-folder.js';
import { run } from './capture.js';

interface Row {
  id: string;
  state: string;
  attempts: number;
  nextTryAt: number | null;
  target: string;
  repository: string;
  workspace: string;
}

describe('slipway deliveries', () => {
  let engine: Engine;
  let target: Target;
  let all: Deployment[];

  // Open and owned all the time, as by a running server.
  before(async () => {
    engine = await createEngine();
    target = await engine.target();
    engine.backend.onObserve = [() => ({ state: 'failed', reason: 'tests failed\u001b[2J' })];
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(5_000);
    engine.backend.onTrigger = [() => ({ kind: 'retry', reason: 'it is busy' })];
    await engine.push([change({ to: commit('b') })]);
    await engine.step();
    all = await engine.deployments(target.id);
  });

  after(() => engine.close());

  const deliveries = (...argv: string[]) =>
    run(runDeliveriesCommand, argv, { dataDir: engine.dataDir, now: engine.clock.now });
  const json = async (...argv: string[]): Promise<Row[]> => {
    const { code, out, err } = await deliveries(...argv, '--json');
    assert.deepEqual([code, err], [0, '']);
    return JSON.parse(out) as Row[];
  };

  it('lists the newest first, with state, commit, target, reason, attempts and next try', async () => {
    const { code, out } = await deliveries();
    assert.equal(code, 0);
    const [first, why, second] = out.split('\n');
    assert.match(first ?? '', /^\S{26} {2}queued {6}bbbbbbbbbbbb {2}acme\/site → Production /);
    assert.match(first ?? '', /branch main, push, .*, 1 attempt, next in \d+ s$/);
    assert.match(why ?? '', /Will be tried again: it is busy/);
    assert.match(second ?? '', /failed {6}aaaaaaaaaaaa/);
  });

  it('shows what steers a terminal as its code', async () => {
    const { out } = await deliveries('--state', 'failed');
    assert.ok(out.includes('tests failed\\u{1b}[2J'), out);
    assert.ok(!out.includes('\u001b'));
  });

  it('says the same as JSON, without the address of its page', async () => {
    const rows = await json();
    assert.deepEqual(
      rows.map(({ id, state, attempts }) => [id, state, attempts]),
      [
        [all[1]?.id, 'queued', 1],
        [all[0]?.id, 'failed', 1],
      ],
    );
    const lane = await engine.storage.read.lanes.byTarget(target.id);
    assert.equal(rows[0]?.nextTryAt, lane?.dueAt);
    assert.equal(rows[1]?.nextTryAt, null);
    assert.deepEqual(
      [rows[0]?.target, rows[0]?.repository, rows[0]?.workspace],
      ['Production', 'acme/site', 'acme'],
    );
    const text = JSON.stringify(rows);
    for (const { pageToken } of all) assert.ok(!text.includes(pageToken));
  });

  it('filters by state, workspace, repository and target, and limits', async () => {
    const ids = async (...argv: string[]): Promise<string[]> =>
      (await json(...argv)).map(({ id }) => id);
    const [failed = '', queued = ''] = all.map(({ id }) => id);
    assert.deepEqual(await ids('--state', 'failed'), [failed]);
    assert.deepEqual(await ids('--state', 'failed,queued'), [queued, failed]);
    assert.deepEqual(await ids('--workspace', 'acme', '--limit', '1'), [queued]);
    assert.deepEqual(await ids('--workspace', 'other'), []);
    assert.deepEqual(await ids('--repository', 'acme/site', '--state', 'queued'), [queued]);
    assert.deepEqual(await ids('--target', target.id), [queued, failed]);
    assert.deepEqual(await ids('--target', 'other'), []);
    assert.equal((await deliveries('--state', 'live')).out, 'No deployments.\n');
  });

  it('shows one with its push, decision, attempts and build statuses', async () => {
    const id = all[0]?.id ?? '';
    const { code, out } = await deliveries('show', id);
    assert.equal(code, 0);
    assert.match(out, /update branch main: 000000000000 → aaaaaaaaaaaa/);
    assert.match(out, /deploy \(matched\): Branch main matches main\./);
    assert.match(out, /1 {2}trigger at .*, accepted/);
    assert.match(out, /INPROGRESS, written/);
    assert.match(out, /FAILED, written/);
    const whole = JSON.parse((await deliveries('show', id, '--json')).out) as {
      attempts: { outcome: string }[];
      statusReports: object[];
      refChange: { name: string };
      decision: { outcome: string };
    };
    assert.deepEqual(
      [whole.attempts[0]?.outcome, whole.refChange.name, whole.decision.outcome],
      ['accepted', 'main', 'deploy'],
    );
    assert.equal(whole.statusReports.length, 2);
    assert.ok(!JSON.stringify(whole).includes(all[0]?.pageToken ?? '?'));
  });

  it('ends with 1 for one that does not exist, on stderr', async () => {
    const { code, out, err } = await deliveries('show', 'nobody');
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /there is no deployment nobody/);
  });

  for (const argv of [
    ['--state', 'lost'],
    ['--limit', '0'],
    ['--limit', 'many'],
    ['show'],
    ['show', 'a', 'b'],
    ['list'],
    ['--nonsense'],
  ]) {
    it(`${argv.join(' ')}: ends with 2 and one line`, async () => {
      const { code, out, err } = await deliveries(...argv);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, /^slipway deliveries: [^\n]+\n$/);
    });
  }

  it('says so when there is no database', async () => {
    const empty = tempFolder('empty');
    const { code, err } = await run(runDeliveriesCommand, [], { dataDir: empty.path });
    assert.equal(code, 2);
    assert.match(err, /There is no database in/);
    empty.remove();
  });
});
