import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { runCli, type CliOptions, type CliResult } from '../support/e2e/cli.js';
import { inParallel } from '../support/e2e/in-parallel.js';
import { sendRaw } from '../support/e2e/raw-http.js';
import { SlipwayServer } from '../support/e2e/slipway.js';
import { Stage } from '../support/e2e/stage.js';
import { within } from '../support/e2e/wait-for.js';
import { tempFolder } from '../support/temp-folder.js';

/** Enough to start on this machine without a Bitbucket. */
const loopback = {
  SLIPWAY_BITBUCKET_URL: 'http://127.0.0.1:9',
  SLIPWAY_BITBUCKET_API_URL: 'http://127.0.0.1:9',
};

describe('slipway start', function () {
  this.timeout(40_000);
  const folder = tempFolder('start');
  const open: SlipwayServer[] = [];

  after(async () => {
    for (const server of open) await server.close();
    folder.remove();
  });

  function at(name: string): string {
    return join(folder.path, name);
  }

  async function started(
    dataDir: string,
    env: Record<string, string> = {},
    options: CliOptions = {},
  ): Promise<SlipwayServer> {
    const settings = { ...loopback, ...env, SLIPWAY_DATA_DIR: dataDir };
    const server = await SlipwayServer.start(settings, options);
    open.push(server);
    return server;
  }

  /** A start that must not succeed: it is over by itself, in words for the operator. */
  async function refused(
    env: Record<string, string | undefined>,
    options: CliOptions = {},
  ): Promise<CliResult> {
    const result = await runCli(['start'], {
      ...options,
      env: { PORT: '0', SLIPWAY_DATA_DIR: at('never'), ...loopback, ...options.env, ...env },
    });
    assert.equal(result.stdout, '');
    assert.match(result.stderr, /^slipway: /m);
    assert.doesNotMatch(result.stderr, /^ {4}at |node_modules/m, 'a stack is not for operators');
    return result;
  }

  describe('what it refuses', () => {
    it('a port in use: 2, and the data folder is not touched', async () => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      try {
        const { code, stderr } = await refused({
          PORT: String(port),
          SLIPWAY_DATA_DIR: at('port-in-use'),
        });
        assert.equal(code, 2);
        assert.match(stderr, new RegExp(`Port ${port} is in use`));
        assert.ok(!existsSync(at('port-in-use')));
      } finally {
        taken.close();
      }
    });

    it('a host that is not on this machine: 2', async () => {
      const { code, stderr } = await refused({ SLIPWAY_HOST: '203.0.113.7' });
      assert.equal(code, 2);
      assert.match(stderr, /SLIPWAY_HOST is 203\.0\.113\.7/);
    });

    it('a data folder that cannot be written: 2, with its name', async () => {
      // Below a file: not even root can make a folder there.
      writeFileSync(at('file'), '');
      const { code, stderr } = await refused({ SLIPWAY_DATA_DIR: at('file/data') });
      assert.equal(code, 2);
      assert.ok(stderr.includes(at('file/data')), stderr);
      assert.match(stderr, /not writable \(ENOTDIR\).*SLIPWAY_DATA_DIR/);
    });

    it('several problems: all of them at once, 2, and never the value of a secret', async () => {
      const almost = `${'QUJD'.repeat(11)}`;
      const { code, stderr } = await refused({
        PORT: '99999',
        SLIPWAY_BASE_URL: 'https://user:hunter2@slipway.example.com/path',
        SLIPWAY_MASTER_KEY: almost,
        SLIPWAY_LOG_LEVEL: 'loud',
        SLIPWAY_BITBUCKET_URL: 'http://bitbucket.example.com',
        SLIPWAY_LOCAL_BACKEND: 'perhaps',
        SLIPWAY_CONNECT_APP_KEY: 'no spaces please',
        SLIPWAY_DATA_DIR: at('several'),
      });
      assert.equal(code, 2);
      const problems = stderr.split('\n').filter((line) => line.startsWith('  - '));
      for (const name of [
        'PORT',
        'SLIPWAY_BASE_URL',
        'SLIPWAY_MASTER_KEY',
        'SLIPWAY_LOG_LEVEL',
        'SLIPWAY_BITBUCKET_URL',
        'SLIPWAY_LOCAL_BACKEND',
        'SLIPWAY_CONNECT_APP_KEY',
      ]) {
        assert.ok(
          problems.some((line) => line.startsWith(`  - ${name} `)),
          `${name}:\n${stderr}`,
        );
      }
      assert.ok(!stderr.includes(almost));
      assert.ok(!stderr.includes('hunter2'));
      assert.ok(!existsSync(at('several')));
    });

    it('a public address without a master key, or one in plain http: 2', async () => {
      const { code, stderr } = await refused({
        SLIPWAY_BITBUCKET_URL: undefined,
        SLIPWAY_BITBUCKET_API_URL: undefined,
        SLIPWAY_BASE_URL: 'http://slipway.example.com',
      });
      assert.equal(code, 2);
      assert.match(stderr, /SLIPWAY_BASE_URL must use https/);
      assert.match(stderr, /SLIPWAY_MASTER_KEY is not set.*slipway keys new/);
    });

    it('a key file that is not there, or a key given twice: 2', async () => {
      const missing = await refused({ SLIPWAY_MASTER_KEY_FILE: at('no-such-key') });
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /SLIPWAY_MASTER_KEY_FILE points to .*no-such-key.*ENOENT/);
      writeFileSync(at('key'), 'x');
      const twice = await refused({ SLIPWAY_MASTER_KEY_FILE: at('key'), SLIPWAY_MASTER_KEY: 'y' });
      assert.equal(twice.code, 2);
      assert.match(twice.stderr, /both set/);
    });

    it('a kept master key that is damaged: 2, and the file stays as it is', async () => {
      mkdirSync(at('damaged'));
      writeFileSync(at('damaged/master.key'), 'c2hvcnQ=\n');
      const { code, stderr } = await refused({ SLIPWAY_DATA_DIR: at('damaged') });
      assert.equal(code, 2);
      assert.match(stderr, /master\.key does not hold keys of 32 bytes/);
      assert.ok(!stderr.includes('c2hvcnQ'));
      assert.equal(readFileSync(at('damaged/master.key'), 'utf8'), 'c2hvcnQ=\n');
    });

    it('a database file that is none: not 0, in words, and the file stays as it is', async () => {
      mkdirSync(at('garbage'));
      const garbage = 'this is no database\n'.repeat(1_000);
      writeFileSync(at('garbage/slipway.sqlite'), garbage);
      const { code, stderr } = await refused({ SLIPWAY_DATA_DIR: at('garbage') });
      assert.ok(code === 1 || code === 2);
      assert.match(stderr, /slipway\.sqlite/);
      assert.equal(readFileSync(at('garbage/slipway.sqlite'), 'utf8'), garbage);
    });

    it('arguments: 2, because settings come from the environment', async () => {
      const { code, stdout, stderr } = await runCli(['start', '--port', '4000']);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /^slipway: start takes no arguments.*environment\.\n$/);
    });
  });

  describe('without the binary of sqlite3', () => {
    let env: Record<string, string>;

    before(() => {
      // As after `npm ci --ignore-scripts`: the package is there, what it loads is not.
      const hook = at('no-sqlite.cjs');
      writeFileSync(
        hook,
        `const Module = require('node:module');
const load = Module._load;
Module._load = function (name, ...rest) {
  if (name === 'bindings' || /node_sqlite3|napi-v/.test(name)) {
    throw new Error('Could not locate the bindings file. Tried:\\n → /x/node_sqlite3.node');
  }
  return load.call(this, name, ...rest);
};\n`,
      );
      env = { NODE_OPTIONS: `--require ${hook}` };
    });

    it('says what to do, in words, and ends with 2', async () => {
      const { code, stderr } = await refused({ SLIPWAY_DATA_DIR: at('no-driver') }, { env });
      assert.equal(code, 2);
      assert.match(stderr, /sqlite3 has no binary for this machine/);
      assert.match(stderr, /npm rebuild sqlite3/);
      assert.doesNotMatch(stderr, /→/);
    });

    it('commands that store nothing work all the same', async () => {
      const received = await runCli(['receive', '-', '--json'], { env, input: '{}' });
      assert.equal(received.stdout, '[]\n');
      assert.equal((await runCli(['keys', 'new'], { env })).code, 0);
    });
  });

  describe('the running process', () => {
    it('ends with 0 in less than 2 s after SIGTERM, or after one Ctrl-C that comes twice', async () => {
      const wishes = [['SIGTERM'], ['SIGINT', 'SIGINT'], ['SIGINT', 'SIGTERM']];
      await inParallel(2, wishes, async (signals, index) => {
        const server = await started(at(`idle-${index}`));
        // A browser that keeps its connection must not hold it up.
        assert.equal(await (await fetch(`${server.url}/readyz`)).text(), 'ready\n');
        assert.deepEqual(openToOthers(at(`idle-${index}`)), []);
        const startedAt = performance.now();
        for (const signal of signals) process.kill(server.pid, signal);
        const { code } = await within(`the end after ${signals.join()}`, 5_000, server.ended);
        assert.equal(code, 0, `${signals.join()}: ${server.stderr}`);
        assert.ok(performance.now() - startedAt < 2_000, signals.join());
        assert.equal(server.logged('slipway.stopped').length, 1);
        assert.equal(server.stdout, '');
        for (const line of server.stderr.trimEnd().split('\n')) {
          assert.match(line, /^(\{.*\}|Slipway is listening on http:\/\/127\.0\.0\.1:\d+)$/);
        }
      });
    });
  });

  describe('again on the same data folder', () => {
    let stage: Stage;
    let targetId: string;
    before(async () => {
      stage = await Stage.open();
      targetId = await stage.addTarget({ name: 'Kept', 'settings.outputFolder': 'site' });
    });
    after(() => stage?.close());

    it('while it runs: 1, naming the process, and that one goes on', async () => {
      const { code, stderr } = await refused({ SLIPWAY_DATA_DIR: stage.dataDir });
      assert.equal(code, 1);
      assert.match(stderr, /in use by a running Slipway/);
      assert.ok(stderr.includes(`process ${stage.server.pid}`), stderr);
      assert.equal((await sendRaw(stage.server.url, '/readyz')).status, 200);
    });

    it('after it: has its targets, settings, installation, sessions and the served page as before', async () => {
      const commit = await stage.bench.commit({ files: { 'site/index.html': 'kept\n' } });
      const { url } = await stage.outcome(commit);
      assert.equal((await stage.server.stop()).code, 0);
      await stage.start();
      assert.equal(await (await fetch(url ?? '')).text(), 'kept\n');
      const [row] = await stage.deployments();
      assert.equal(row?.commit, commit);
      assert.equal(row?.url, url);
      const panel = await (await fetch(await stage.panelUrl())).text();
      assert.match(panel, /Kept/);
      const [target] = await stage.rows('SELECT settings FROM targets WHERE id = ?', targetId);
      assert.equal(
        (JSON.parse(String(target?.['settings'])) as { outputFolder: string }).outputFolder,
        'site',
      );
      const next = await stage.bench.commit({ files: { 'site/index.html': 'next\n' } });
      assert.equal((await stage.outcome(next)).state, 'live');
      assert.equal(await (await fetch(url ?? '')).text(), 'next\n');
    });

    it('without git: a deployment fails with a sentence, and a new target is refused with one', async function () {
      const without = ['unshare', '--mount', 'sh', '-c', hideGit, 'sh'];
      const probe = spawnSync(without[0] ?? '', [...without.slice(1), 'true']);
      if (probe.status !== 0) {
        console.warn(
          '      skipped: git can be hidden from a process only with the right to mount',
        );
        this.skip();
      }
      await stage.ensureRunning();
      assert.equal((await stage.server.stop()).code, 0);
      await stage.start({ through: without });
      const commit = await stage.bench.commit({ files: { 'site/index.html': 'gitless\n' } });
      const { state, reason } = await stage.outcome(commit);
      assert.equal(state, 'failed');
      assert.match(reason ?? '', /git is not installed on this machine/);
      const last = (await stage.finalStatuses(commit)).at(-1);
      assert.equal(last?.state, 'FAILED');
      assert.match(last?.description ?? '', /git is not installed/);
      await assert.rejects(stage.addTarget({ name: 'Second' }), /422.*git is not installed/);
      const { code, ms } = await stage.server.stop();
      assert.equal(code, 0);
      assert.ok(ms < 3_000, `it took ${ms} ms to stop`);
    });
  });
});

/** Files that other users of this machine could look into: there must be one at all, and none of these. */
function openToOthers(folder: string): string[] {
  assert.ok(readdirSync(folder).includes('slipway.sqlite'));
  const found = spawnSync('find', [folder, '-type', 'f', '-perm', '/077'], { encoding: 'utf8' });
  assert.equal(found.status, 0, found.stderr);
  return found.stdout.split('\n').filter((line) => line !== '');
}

/** Puts something that cannot be run in the place of every git, for this process and its children only. */
const hideGit = `set -e
for program in /usr/bin/git /bin/git /usr/local/bin/git /opt/homebrew/bin/git; do
  if [ -e "$program" ]; then mount --bind /dev/null "$program"; fi
done
exec "$@"`;
