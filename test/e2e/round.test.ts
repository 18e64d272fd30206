import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { git } from '../sandbox/support.js';
import { runCli, spawnCli, type CliResult } from '../support/e2e/cli.js';
import { inParallel } from '../support/e2e/in-parallel.js';
import { waitFor, within } from '../support/e2e/wait-for.js';
import { databaseOrSkip } from '../support/postgres.js';
import { tempFolder } from '../support/temp-folder.js';

interface Push {
  commit: string;
  state: string;
  reason: string | null;
  cause: string;
  statuses: { state: string; at: string }[];
  page_before: string | null;
  page_after: string | null;
}

interface Report {
  door: string;
  credential: string;
  hooks_left: number;
  ok: boolean;
  steps: { name: string; ms: number }[];
  pushes: Push[];
  failure: string | null;
}

describe('slipway demo', function () {
  this.timeout(60_000);
  const folder = tempFolder('round');
  after(() => folder.remove());

  /** Everything temporary goes below this folder, so that what is left behind can be seen. */
  function temporary(name: string): { path: string; env: Record<string, string> } {
    const path = join(folder.path, name);
    mkdirSync(path);
    chmodSync(folder.path, 0o711);
    chmodSync(path, 0o711);
    return { path, env: { TMPDIR: path } };
  }

  for (const { door, credential } of [
    { door: 'forge', credential: 'app' },
    { door: 'oauth', credential: 'oauth' },
  ] as const) {
    it(`goes the same round through the door ${door}, and leaves nothing behind`, async () => {
      const { env } = temporary(door);
      const args = ['demo', '--once', '--json', '--door', door];
      const result = await runCli(args, { env, timeoutMs: 60_000 });
      assert.equal(result.code, 0, result.stderr);
      const report = JSON.parse(result.stdout) as Report;
      assert.deepEqual(
        [report.ok, report.door, report.credential, report.hooks_left],
        [true, door, credential, 0],
      );
      assert.deepEqual(
        report.pushes.map(({ state }) => state),
        ['live', 'live', 'failed'],
      );
    }).timeout(70_000);
  }

  describe('--once --json', () => {
    let result: CliResult;
    let report: Report;
    let leftBehind: string[];

    before(async () => {
      const { path, env } = temporary('once');
      // Settings of another Slipway on this machine must not reach the demo's own.
      result = await runCli(['demo', '--once', '--json'], {
        env: { ...env, SLIPWAY_DATA_DIR: '/nonexistent/data', PORT: '1' },
        timeoutMs: 50_000,
      });
      leftBehind = readdirSync(path);
    });

    it('ends with 0 and prints exactly one JSON object on stdout', () => {
      assert.equal(result.code, 0, result.stderr);
      assert.match(result.stdout, /^\{.*\}\n$/);
      assert.equal(result.stdout.trimEnd().split('\n').length, 1);
      report = JSON.parse(result.stdout) as Report;
    });

    it('has the fields that others rely on, and no others', () => {
      const names =
        'ok door backend store nodes steps pushes credential refreshes hooks_left failure';
      assert.deepEqual(Object.keys(report), names.split(' '));
      const { steps, pushes, ...facts } = report;
      assert.deepEqual(facts, {
        ok: true,
        door: 'connect',
        backend: 'local',
        store: 'sqlite',
        nodes: 1,
        credential: 'app',
        refreshes: 0,
        hooks_left: 0,
        failure: null,
      });
      assert.ok(steps.length >= 6);
      for (const step of steps) {
        assert.deepEqual(Object.keys(step), ['name', 'ms']);
        assert.ok(step.name !== '' && Number.isInteger(step.ms) && step.ms >= 0);
      }
      assert.equal(pushes.length, 3);
      for (const push of pushes) {
        const of = 'commit state reason cause statuses page_before page_after';
        assert.deepEqual(Object.keys(push), of.split(' '));
        assert.match(push.commit, /^[0-9a-f]{40}$/);
        assert.equal(push.cause, 'push');
        for (const status of push.statuses) {
          assert.deepEqual(Object.keys(status), ['state', 'at']);
          assert.ok(!Number.isNaN(Date.parse(status.at)));
        }
      }
      assert.equal(new Set(pushes.map(({ commit }) => commit)).size, 3);
    });

    it('deploys two good pushes, one after the other', () => {
      const [first, second] = report.pushes;
      for (const push of [first, second]) {
        assert.equal(push?.state, 'live');
        assert.equal(push?.reason, null);
        assert.deepEqual(
          push?.statuses.map(({ state }) => state),
          ['INPROGRESS', 'SUCCESSFUL'],
        );
      }
      assert.equal(first?.page_before, null);
      assert.match(first?.page_after ?? '', /One/);
      assert.equal(second?.page_before, first?.page_after);
      assert.match(second?.page_after ?? '', /Two/);
    });

    it('keeps the second page while the third build fails, and says why it failed', () => {
      const [, second, broken] = report.pushes;
      assert.equal(broken?.state, 'failed');
      assert.match(broken?.reason ?? '', /exited with code 1.*page\.html is broken/);
      assert.deepEqual(
        broken?.statuses.map(({ state }) => state),
        ['INPROGRESS', 'FAILED'],
      );
      assert.equal(broken?.page_before, second?.page_after);
      assert.equal(broken?.page_after, second?.page_after);
    });

    it('tells its progress on stderr', () => {
      assert.match(result.stderr, /push a first page/);
      assert.match(result.stderr, /uninstall the app/);
    });

    it('leaves nothing behind', () => assert.deepEqual(leftBehind, []));
  });

  it('--backend signed-webhook does the round with the receiver that the documentation offers', async () => {
    const { path, env } = temporary('webhook');
    const args = ['demo', '--once', '--json', '--backend', 'signed-webhook'];
    const { code, stdout, stderr } = await runCli(args, { env, timeoutMs: 50_000 });
    assert.equal(code, 0, stderr);
    const { ok, pushes, ...rest } = JSON.parse(stdout) as Report & { backend: string };
    assert.deepEqual([ok, rest.backend], [true, 'signed-webhook']);
    assert.deepEqual(
      pushes.map(({ state, page_after }) => [state, page_after]),
      [
        ['live', 'One One'],
        ['live', 'Two Two'],
        ['failed', 'Two Two'],
      ],
    );
    assert.match(pushes[2]?.reason ?? '', /page.html is broken/);
    assert.deepEqual(readdirSync(path), []);
  });

  it('--backend digitalocean does the round with a DigitalOcean on this machine', async () => {
    const { path, env } = temporary('digitalocean');
    const args = ['demo', '--once', '--json', '--backend', 'digitalocean'];
    const { code, stdout, stderr } = await runCli(args, { env, timeoutMs: 55_000 });
    assert.equal(code, 0, stderr);
    const { ok, pushes } = JSON.parse(stdout) as Report;
    assert.equal(ok, true);
    assert.deepEqual(
      pushes.map(({ state, page_after }) => [state, page_after]),
      [
        ['live', 'One One'],
        ['live', 'Two Two'],
        ['failed', 'Two Two'],
      ],
    );
    assert.match(pushes[2]?.reason ?? '', /build command exited 1/);
    assert.deepEqual(readdirSync(path), []);
  });

  describe('--nodes 2', () => {
    interface NodeReport extends Omit<Report, 'pushes'> {
      store: string;
      nodes: number;
      pushes: (Push & { received_by: number; deployed_by: number })[];
    }
    const playWith = async (name: string, env: Record<string, string>, ...more: string[]) => {
      const place = temporary(name);
      const args = ['demo', '--once', '--json', '--nodes', '2', ...more];
      const { code, stdout, stderr } = await runCli(args, {
        env: { ...place.env, ...env },
        timeoutMs: 85_000,
      });
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /Error/);
      assert.deepEqual(readdirSync(place.path), []);
      return JSON.parse(stdout) as NodeReport;
    };

    it('plays with two processes on a PostgreSQL that it starts; what is built here stays with one of them', async function () {
      // Says loudly where there is none.
      await (await databaseOrSkip(this)).drop();
      // A careful person's umask: what the demo writes cannot be read by the user that PostgreSQL runs as.
      const umask = process.umask(0o077);
      const playing = playWith('two-nodes', {});
      process.umask(umask);
      const report = await playing;
      assert.deepEqual([report.ok, report.store, report.nodes], [true, 'postgres', 2]);
      assert.deepEqual(
        report.pushes.map(({ state, page_after }) => [state, page_after]),
        [
          ['live', 'One One'],
          ['live', 'Two Two'],
          ['failed', 'Two Two'],
        ],
      );
      const [first] = report.pushes;
      // Pushes alternate between the nodes; the page goes on living where it was built first.
      const received = report.pushes.map((push) => push.received_by);
      assert.deepEqual([...received].sort(), received[0] === 1 ? [1, 1, 2] : [1, 2, 2]);
      for (const push of report.pushes) assert.equal(push.deployed_by, first?.deployed_by);
    }).timeout(90_000);

    it('ends with 1 when it cannot be played, whatever its PostgreSQL has to say when it ends', async function () {
      await (await databaseOrSkip(this)).drop();
      const { env } = temporary('two-nodes-broken-git');
      const programs = join(folder.path, 'broken-git');
      mkdirSync(programs);
      const path = process.env['PATH'] ?? '';
      const git = `#!/bin/sh\ncase "$*" in *clone*) exit 1;; esac\nPATH='${path}' exec git "$@"\n`;
      writeFileSync(join(programs, 'git'), git, { mode: 0o755 });
      const result = await runCli(['demo', '--once', '--json', '--nodes', '2'], {
        env: { ...env, PATH: `${programs}:${path}` },
        timeoutMs: 60_000,
      });
      const { ok, failure } = JSON.parse(result.stdout) as Report;
      assert.deepEqual([result.code, ok], [1, false], failure ?? '');
      assert.match(failure ?? '', /git/);
      assert.doesNotMatch(result.stderr, /TypeError/);
    }).timeout(65_000);

    it('plays in a database of its own on the server that DATABASE_URL names, and drops it', async function () {
      const database = await databaseOrSkip(this);
      try {
        const env = { DATABASE_URL: database.url };
        const report = await playWith('given', env, '--backend', 'signed-webhook');
        assert.equal(report.ok, true);
        for (const push of report.pushes) assert.ok([1, 2].includes(push.deployed_by));
        assert.deepEqual(await demoDatabases(database.url), []);
      } finally {
        await database.drop();
      }
    }).timeout(90_000);
  });

  describe('for a person', () => {
    it('prints lines that work, tells what happens, and Ctrl-C leaves nothing behind', async () => {
      const { path, env } = temporary('stage');
      const clones = join(folder.path, 'clones');
      mkdirSync(clones);
      const child = spawnCli(['demo', '--port', '0', '--sandbox-port', '0'], { env });
      let said = '';
      let stdout = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      const says = (pattern: RegExp) =>
        waitFor(`the demo to say ${pattern.source}`, () => pattern.exec(said), {
          timeoutMs: 30_000,
          otherwise: () => said,
        });
      try {
        const [, cloneUrl = ''] = await says(/^ {2}git clone (\S+)$/m);
        const [, panelPage = ''] = await says(/Slipway's panel +(\S+)$/m);
        await says(/ live +http/);
        const page = await fetch(panelPage);
        assert.equal(page.status, 200);
        assert.match(await page.text(), /<iframe/);

        await git(clones, 'clone', '--quiet', cloneUrl, 'site');
        writeFileSync(join(clones, 'site', 'index.html'), '<h1>Hello again</h1>\n');
        await git(join(clones, 'site'), 'commit', '--quiet', '-am', 'Say hello again');
        const commit = (await git(join(clones, 'site'), 'rev-parse', 'HEAD')).trim();
        await git(join(clones, 'site'), 'push', '--quiet');
        const [, url = ''] = await says(new RegExp(`${commit.slice(0, 12)} +live +(http\\S+)`));
        assert.equal(await (await fetch(url)).text(), '<h1>Hello again</h1>\n');
      } finally {
        child.kill('SIGINT');
        await within('the end after Ctrl-C', 15_000, ended).catch(() => child.kill('SIGKILL'));
      }
      assert.equal(await ended, 0);
      assert.equal(stdout, '');
      assert.deepEqual(readdirSync(path), []);
    });
  });

  for (const nodes of [1, 2]) {
    it(`--once leaves nothing behind, ${nodes === 1 ? 'neither process nor file' : 'also none of PostgreSQL'}, when it is stopped halfway`, async function () {
      if (nodes > 1) await (await databaseOrSkip(this)).drop();
      const { path, env } = temporary(`stopped-${nodes}`);
      const child = spawnCli(['demo', '--once', '--json', '--nodes', String(nodes)], { env });
      let said = '';
      let stdout = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      const deadline = { timeoutMs: 30_000, otherwise: () => said };
      try {
        await waitFor('a first push', () => said.includes('push a first page'), deadline);
        child.kill('SIGTERM');
        assert.equal(await within('the end', 20_000, ended), 1);
      } finally {
        child.kill('SIGKILL');
      }
      const { ok, failure } = JSON.parse(stdout) as Report;
      assert.deepEqual([ok, failure], [false, 'interrupted']);
      assert.deepEqual(readdirSync(path), []);
      assert.deepEqual(processesThatNamed(path), []);
    }).timeout(60_000);
  }

  it('fails with ok:false and 1 when it cannot be played', async () => {
    const { path, env } = temporary('no-git');
    const result = await runCli(['demo', '--once', '--json'], {
      env: { ...env, PATH: join(folder.path, 'no-programs') },
    });
    assert.equal(result.code, 1);
    const { ok, failure, pushes } = JSON.parse(result.stdout) as Report;
    assert.equal(ok, false);
    assert.match(failure ?? '', /git/);
    assert.deepEqual(pushes, []);
    assert.deepEqual(readdirSync(path), []);
  });

  it('ends with 2 and says what is wrong when called wrongly', async () => {
    const wrong: [string[], RegExp][] = [
      [['--once', '--json', '--door', 'telnet'], /door "telnet"/],
      [['--once', '--json', '--backend', 'ftp'], /backend "ftp"/],
      [['--once', '--nodes', 'many'], /node/],
      [['--json'], /--json goes with --once/],
      [['--port', 'http'], /port/],
      [['--port', '70000'], /port/],
      [['--tomorrow'], /--tomorrow/],
      [['now'], /now/],
    ];
    const results = await inParallel(3, wrong, ([args]) => runCli(['demo', ...args]));
    for (const [index, [args, words]] of wrong.entries()) {
      const { code, stdout, stderr } = results[index] ?? assert.fail();
      assert.equal(code, 2, args.join(' '));
      assert.equal(stdout, '', args.join(' '));
      assert.match(stderr, words);
      assert.match(stderr, /usage: slipway demo/);
    }
  });
});

/** By their command line or environment; Linux only, elsewhere none is found. */
function processesThatNamed(path: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const file of ['cmdline', 'environ']) {
      try {
        if (readFileSync(join('/proc', pid, file), 'utf8').includes(path)) found.push(pid);
      } catch {
        // It has ended, or is somebody else's.
      }
    }
  }
  return found;
}

async function demoDatabases(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>(
      "SELECT datname FROM pg_database WHERE datname LIKE 'slipway_demo%'",
    );
    return rows.map(({ datname }) => datname);
  } finally {
    await client.end();
  }
}
