import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sendRaw } from '../support/e2e/raw-http.js';
import { filesIn, SecretSearch } from '../support/e2e/secret-search.js';
import { Stage } from '../support/e2e/stage.js';

/**
 * The build of somebody who wants everything: reads what it can, tries to break what it can reach, and puts all of it where
 * it is served. Says for each try how it went, so that the test can see that it was made.
 */
const hostile = String.raw`import { execSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const loot = [];
const tried = {};
function attempt(name, work) {
  try {
    const got = work();
    tried[name] = 'ok';
    if (got !== undefined) loot.push('== ' + name + '\n' + got);
    return got;
  } catch (error) {
    tried[name] = error.code ?? String(error.message).split('\n')[0];
  }
}
const read = (file) => fs.readFileSync(file, 'latin1');
const readSome = (file) => {
  const handle = fs.openSync(file, 'r');
  const buffer = Buffer.alloc(1 << 16);
  const length = fs.readSync(handle, buffer, 0, buffer.length, null);
  fs.closeSync(handle);
  return buffer.subarray(0, length).toString('latin1');
};
function everythingBelow(folder, depth = 6) {
  for (const name of attempt('list ' + folder, () => fs.readdirSync(folder).join('\n'))?.split('\n') ?? []) {
    const entry = path.join(folder, name);
    let facts;
    try { facts = fs.lstatSync(entry); } catch { continue; }
    if (facts.isDirectory() && depth > 0) everythingBelow(entry, depth - 1);
    else if (facts.isFile() && facts.size < 1 << 20) attempt('read ' + entry, () => read(entry));
  }
}

// <data>/local/<target>/work/<deployment>/source
const source = process.cwd();
const target = path.resolve(source, '../../..');
const local = path.dirname(target);
const data = path.dirname(local);
const victim = fs.readFileSync('victim.txt', 'utf8').trim();
const server = Number(fs.readFileSync('server.txt', 'utf8'));

attempt('own environment', () => JSON.stringify(process.env));
attempt('planted', () => read(fs.readFileSync('planted.txt', 'utf8').trim()));
attempt('own .git', () => fs.readdirSync(path.join(source, '.git')).join('\n'));
fs.mkdirSync('dist/linked', { recursive: true });
// As the same user nothing would be refused, and the person who runs the tests would be the victim.
if (fs.readFileSync('user.txt', 'utf8') !== 'of its own') {
  fs.writeFileSync('dist/index.html', JSON.stringify(tried) + '\n\n' + loot.join('\n'));
  process.exit(0);
}

for (const name of ['slipway.sqlite', 'slipway.sqlite-wal', 'slipway.sqlite-shm', 'master.key', 'owner.json', 'owner.lock']) {
  attempt('read ' + name, () => read(path.join(data, name)));
}
attempt('list data', () => fs.readdirSync(data).join('\n'));
attempt('list local', () => fs.readdirSync(local).join('\n'));
everythingBelow(path.join(local, victim));
for (const name of ['releases', 'logs', 'deployments', 'homes', 'work', 'target.json', 'current/files/index.html']) {
  attempt('victim ' + name, () => {
    const entry = path.join(local, victim, name);
    return fs.lstatSync(entry).isDirectory() ? fs.readdirSync(entry).join('\n') : read(entry);
  });
}
for (const name of ['logs', 'deployments', 'target.json', 'work/' + path.basename(path.dirname(source)) + '/git-home']) {
  attempt('own ' + name, () => {
    const entry = path.join(target, name);
    return fs.lstatSync(entry).isDirectory() ? fs.readdirSync(entry).join('\n') : read(entry);
  });
}
everythingBelow(target);

const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
for (const pid of new Set([server, process.ppid, ...pids])) {
  for (const file of ['environ', 'maps', 'mem', 'cmdline', 'stack', 'auxv']) {
    if (file === 'mem' && pid === process.pid) continue;
    attempt('/proc/' + (pid === server ? 'server' : pid) + '/' + file, () => readSome('/proc/' + pid + '/' + file));
  }
  attempt('fds of ' + (pid === server ? 'server' : pid), () => fs.readdirSync('/proc/' + pid + '/fd').map((fd) => readSome('/proc/' + pid + '/fd/' + fd)).join('\n'));
  attempt('root of ' + (pid === server ? 'server' : pid), () => read('/proc/' + pid + '/root' + data + '/master.key'));
}
// Signal 0 asks whether a real one would be let through.
attempt('kill server', () => void process.kill(server, 0));
attempt('kill everything', () => void process.kill(1, 0));
attempt('own open files', () => fs.readdirSync('/proc/self/fd').map((fd) => fs.readlinkSync('/proc/self/fd/' + fd)).join('\n'));
attempt('become root', () => void process.setuid(0));
attempt('sudo', () => execSync('sudo -n cat ' + data + '/master.key', { stdio: ['ignore', 'pipe', 'ignore'] }).toString());

attempt('overwrite database', () => void fs.appendFileSync(path.join(data, 'slipway.sqlite'), 'x'));
attempt('remove database', () => void fs.rmSync(path.join(data, 'slipway.sqlite')));
attempt('new file in data', () => void fs.writeFileSync(path.join(data, 'planted'), 'x'));
attempt('rename data', () => void fs.renameSync(data, data + '-gone'));
attempt('overwrite victim', () => void fs.writeFileSync(path.join(local, victim, 'current/files/index.html'), 'defaced'));
attempt('redirect victim', () => { fs.rmSync(path.join(local, victim, 'current')); });
attempt('overwrite own records', () => void fs.writeFileSync(path.join(target, 'target.json'), '{}'));
attempt('escape own release', () => void fs.symlinkSync('/', path.join(target, 'releases', 'root')));

const links = { 'key.txt': path.join(data, 'master.key'), 'db.txt': path.join(data, 'slipway.sqlite'), 'passwd.txt': '/etc/passwd', 'environ.txt': '/proc/' + server + '/environ', 'self.txt': '/proc/self/environ' };
for (const [name, to] of Object.entries(links)) attempt('link ' + name, () => void fs.symlinkSync(to, 'dist/' + name));
attempt('link folder', () => void fs.symlinkSync(data, 'dist/data'));
attempt('hard link', () => void fs.linkSync(path.join(data, 'slipway.sqlite'), 'dist/linked/hard.txt'));
fs.writeFileSync('dist/index.html', JSON.stringify(tried) + '\n\n' + loot.join('\n'));
`;

describe('a build that goes looking', function () {
  this.timeout(60_000);
  const isRoot = process.getuid?.() === 0;
  const search = new SecretSearch();
  const serverMarker = 'marker-in-the-environment-of-slipway';
  const victimSecret = 'secret-of-the-other-target-4711';
  const victimPage = 'page-of-the-other-target-0815';
  const planted = 'what-anybody-may-read-on-this-machine';
  let stage: Stage;
  let victimUrl: string;
  let siteUrl: string;
  let page: string;
  let tried: Record<string, string>;
  let log: string;

  before(async () => {
    if (!isRoot) {
      console.warn(
        '      not root: builds run as this user, so only the environment and git are looked at',
      );
    }
    stage = await Stage.open({}, { env: { SOME_OTHER_SECRET: serverMarker } });
    const victim = await stage.addTarget({
      name: 'Victim',
      branchPattern: 'victim',
      'settings.secretEnvironment': `VICTIM_TOKEN=${victimSecret}`,
      'settings.buildCommand':
        'mkdir site && cp page.txt site/index.html && echo $VICTIM_TOKEN > site/built',
      'settings.outputFolder': 'site',
    });
    await stage.addTarget({
      name: 'Hostile',
      'settings.buildCommand': 'node hostile.mjs',
      'settings.outputFolder': 'dist',
    });
    const plantedFile = join(stage.folder, 'readable.txt');
    writeFileSync(plantedFile, planted);
    chmodSync(plantedFile, 0o644);
    const first = await stage.bench.commit({ branch: 'victim', files: { 'page.txt': victimPage } });
    const live = await stage.outcome(first);
    assert.equal(live.state, 'live', live.reason ?? '');
    victimUrl = live.url ?? '';

    const commit = await stage.bench.commit({
      files: {
        'hostile.mjs': hostile,
        'victim.txt': victim,
        'user.txt': isRoot ? 'of its own' : 'the same',
        'server.txt': String(stage.server.pid),
        'planted.txt': plantedFile,
      },
    });
    const row = await stage.outcome(commit);
    assert.equal(row.state, 'live', row.reason ?? '');
    siteUrl = row.url ?? '';
    page = await (await fetch(siteUrl)).text();
    tried = JSON.parse(page.split('\n', 1)[0] ?? '') as Record<string, string>;
    const logs = filesIn(join(stage.dataDir, 'local')).filter(({ path }) => path.endsWith('.log'));
    log = logs.map(({ content }) => content.toString()).join('\n');

    const { installations, tokens } = await stage.bitbucketSecrets();
    for (const { secret } of installations) search.add('the shared secret', secret);
    for (const token of tokens) search.add('an access token', token);
  });

  after(() => stage?.close());

  it('was really tried: it got what anybody may have', () => {
    assert.equal(tried['planted'], 'ok');
    assert.ok(page.includes(planted));
    assert.equal(tried['own environment'], 'ok');
    if (isRoot) assert.ok(Object.keys(tried).length > 60, Object.keys(tried).join());
  });

  it('found no credential: none in its environment, in files of git or in a process it may look at', () => {
    assert.deepEqual(search.findIn(page), []);
    assert.deepEqual(search.findIn(log), []);
    assert.equal(tried['own .git'], 'ENOENT');
    assert.doesNotMatch(page, /Authorization: Basic|x-token-auth/);
    assert.doesNotMatch(page, /GIT_CONFIG_VALUE_\d+=/);
  });

  it("was not given anything of Slipway's own environment", () => {
    const [, own = ''] = /== own environment\n(.*)/.exec(page) ?? [];
    const names = Object.keys(JSON.parse(own) as Record<string, string>);
    assert.ok(!own.includes(serverMarker));
    assert.ok(!names.includes('SOME_OTHER_SECRET'));
    for (const name of names.filter((each) => each.startsWith('SLIPWAY_'))) {
      assert.ok(['SLIPWAY_DEPLOYMENT', 'SLIPWAY_BRANCH', 'SLIPWAY_TAG'].includes(name), name);
    }
  });

  describe('where it runs under a user of its own', () => {
    before(function () {
      if (isRoot) return;
      console.warn('      skipped: only root can give a build a user of its own');
      this.skip();
    });

    function assertDenied(...names: string[]): void {
      for (const name of names) {
        const outcome = tried[name];
        assert.ok(outcome !== undefined, `${name} was not tried`);
        assert.match(outcome, /^(EACCES|EPERM|ENOENT|ESRCH)$/, `${name}: ${outcome}`);
      }
    }

    it('read neither database nor master key nor owner files', () => {
      const files = ['slipway.sqlite', 'slipway.sqlite-wal', 'master.key', 'owner.json'];
      for (const name of files) {
        assert.ok(existsSync(join(stage.dataDir, name)), name);
        assert.equal(tried[`read ${name}`], 'EACCES', name);
      }
      assertDenied('list data', 'list local', 'become root');
      const key = readFileSync(join(stage.dataDir, 'master.key'), 'utf8').trim();
      search.add('the master key', Buffer.from(key, 'base64'));
      assert.deepEqual(search.findIn(page), []);
      assert.ok(!page.includes('SQLite format 3'));
    });

    it('read nothing of another target, nor the records of its own', () => {
      assertDenied(
        ...['releases', 'logs', 'deployments', 'homes', 'work', 'target.json'].map(
          (name) => `victim ${name}`,
        ),
        ...['logs', 'deployments', 'target.json'].map((name) => `own ${name}`),
        'victim current/files/index.html',
      );
      assert.ok(!page.includes(victimSecret));
      assert.ok(!page.includes(victimPage));
    });

    it('looked into no process but its own', () => {
      const ofServer = ['environ', 'maps', 'mem', 'stack', 'auxv'];
      assertDenied(...ofServer.map((file) => `/proc/server/${file}`));
      assertDenied('fds of server', 'root of server', 'kill server', 'kill everything');
      assert.ok(!page.includes(serverMarker));
    });

    it('changed nothing that is not its own', async () => {
      assertDenied(
        'overwrite database',
        'remove database',
        'new file in data',
        'rename data',
        'overwrite victim',
        'redirect victim',
        'overwrite own records',
        'escape own release',
        'hard link',
      );
      assert.equal(await (await fetch(victimUrl)).text(), victimPage);
      assert.equal((await sendRaw(stage.server.url, '/readyz')).status, 200);
      assert.ok(stage.server.isRunning);
    });

    it('put no link into its release that leads out of it', async () => {
      for (const name of ['key.txt', 'db.txt', 'passwd.txt', 'environ.txt', 'self.txt']) {
        assert.equal(tried[`link ${name}`], 'ok');
        const { status, text } = await sendRaw(siteUrl, `/${name}`);
        assert.equal(status, 404, `${name}: ${text.slice(0, 200)}`);
        assert.doesNotMatch(text, /root:x:0|SQLite format|SLIPWAY_/);
      }
      for (const path of ['/data/master.key', '/data/slipway.sqlite', '/linked/hard.txt']) {
        assert.equal((await sendRaw(siteUrl, path)).status, 404, path);
      }
      for (const path of ['/../release.json', '/..%2frelease.json', '/%2e%2e/release.json']) {
        const { status, text } = await sendRaw(siteUrl, path);
        assert.ok(status === 404 || status === 400, path);
        assert.doesNotMatch(text, /commit/);
      }
    });
  });
});
