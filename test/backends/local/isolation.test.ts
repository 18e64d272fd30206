import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isolationSentence, localIsolation } from '../../../src/backends/local/index.js';
import { lockTree } from '../../../src/backends/local/lock-tree.js';
import { Fixture, page } from './support/fixture.js';
import { isAlive } from './support/processes.js';

/** Each line tries something and says whether it worked. */
const attempts = (dataDir: string) => `
try() { if sh -c "$2" >/dev/null 2>&1; then echo "WORKED $1"; else echo "refused $1"; fi; }
try database "cat ${dataDir}/slipway.db"
try database-link "ln ${dataDir}/slipway.db stolen"
try key "cat ${dataDir}/master.key"
try folder "ls ${dataDir}"
try local "ls ${dataDir}/local"
try own-target "ls ${dataDir}/local/site"
try other-target "ls ${dataDir}/local/other/releases || cat ${dataDir}/local/other/target.json"
try records "cat ${dataDir}/local/site/target.json || ls ${dataDir}/local/site/logs"
try environ "cat /proc/${process.pid}/environ"
try memory "head -c 1 /proc/${process.pid}/mem || ls /proc/${process.pid}/fd"
try signal "kill -0 ${process.pid}"
try release "for f in ${dataDir}/local/site/releases/1-*/files; do echo x > $f/index.html || rm $f/index.html || touch $f/new || mv $f $f.gone; done"
try current "ln -sfn /tmp ${dataDir}/local/site/current"
try root "touch /etc/slipway-was-here"
echo "groups: $(node -p 'process.getgroups().join()') uid: $(id -u) gid: $(id -g)"
`;

describe('local backend: hostile builds', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.open();
    // As a careless umask leaves them.
    for (const name of ['slipway.db', 'master.key']) {
      writeFileSync(path.join(fixture.dataDir, name), 'marker', { mode: 0o644 });
    }
    chmodSync(fixture.dataDir, 0o755);
  });
  afterEach(() => fixture.close());

  it('says plainly which isolation there is', () => {
    const sentence = isolationSentence();
    if (localIsolation() === 'separate-user')
      assert.match(sentence, /cannot read the data of Slipway/);
    else assert.match(sentence, /not isolated.*Deploy only code that you trust/);
    assert.match(isolationSentence('none'), /not isolated/);
  });

  it('reads and changes nothing that is not its own, building or running', async function () {
    if (localIsolation() === 'none') return skip(this, 'we are not root');
    await fixture.deployTree({ 'index.html': 'good' });
    const other = fixture.request(fixture.git.commit({ 'index.html': 'x' }), {
      target: fixture.target('other'),
    });
    await fixture.trigger(other);
    await fixture.untilTrue(() =>
      Promise.resolve(existsSync(fixture.folder('..', 'other', 'current'))),
    );

    const script = attempts(fixture.dataDir);
    fixture.settings = {
      buildCommand: 'sh hostile.sh',
      startCommand: 'sh hostile.sh; exec node s.js',
    };
    const end = await fixture.deployTree({
      'hostile.sh': script,
      's.js': `require('http').createServer((q, r) => r.end('up')).listen(process.env.PORT)`,
    });
    assert.equal(end.state, 'live', end.reason);
    const lines = (await fixture.logs(end.id)).split('\n');
    assert.deepEqual(
      lines.filter((line) => line.startsWith('WORKED')),
      [],
    );
    // Once in the build and once in the app.
    assert.equal(lines.filter((line) => line.startsWith('refused')).length, 28);
    const users = lines.filter((line) => line.startsWith('groups:'));
    const ids = users.map((line) => /groups: (\d+) uid: (\d+) gid: \1$/.exec(line));
    assert.equal(ids.length, 2);
    // Its own group only, and the app is another user than the build.
    for (const match of ids) assert.ok(Number(match?.[2]) >= 64_000, users.join());
    assert.notEqual(ids[0]?.[2], ids[1]?.[2]);
    assert.equal(statSync(path.join(fixture.dataDir, 'slipway.db')).mode & 0o077, 0);
  });

  it('leaves nothing running, not even what left its process group', async function () {
    if (localIsolation() === 'none') return skip(this, 'only a user of its own can be ended whole');
    fixture.settings = {
      buildCommand: `setsid sh -c 'echo pid=$$; while :; do
        for f in ${fixture.folder('releases')}/*/files/index.html ${fixture.folder('work')}/*/*/*/index.html; do echo hacked > $f; done; sleep 0.02; done' 2>/dev/null &
        sleep 0.2`,
    };
    const end = await fixture.deployTree({ 'index.html': 'good' });
    assert.equal(isAlive(/pid=(\d+)/.exec(await fixture.logs(end.id))?.[1]), false);
    assert.equal(await page(end.url), 'good');
  });

  it('makes no trap of what it leaves in the output', async () => {
    fixture.settings = { buildCommand: 'mkfifo pipe; chmod 4777 index.html; mkdir -m 000 closed' };
    const end = await fixture.deployTree({
      'index.html': 'good',
      'link.txt': { link: '/etc/passwd' },
    });
    assert.equal(end.state, 'live', end.reason);
    assert.equal((await fetch(`${end.url}pipe`)).status, 404);
    assert.equal((await fetch(`${end.url}link.txt`)).status, 404);
    const release = fixture.folder(readlinkSync(fixture.folder('current')), 'files');
    assert.equal(statSync(path.join(release, 'index.html')).mode & 0o7777, 0o550);
  });

  it('refuses a release with a file of somebody else in it', async function () {
    if (localIsolation() === 'none') return skip(this, 'we own everything ourselves');
    const tree = mkdtempSync(path.join(os.tmpdir(), 'slipway-tree-'));
    writeFileSync(path.join(tree, 'database'), 'x', { mode: 0o600 });
    await assert.rejects(lockTree(tree, { uid: 64_001, gid: 64_000 }), /not its own/);
    assert.equal(statSync(path.join(tree, 'database')).mode & 0o777, 0o600);
    rmSync(tree, { recursive: true });
  });

  it('works below a folder that only root may enter, by building elsewhere', async function () {
    if (localIsolation() === 'none') return skip(this, 'we are not root');
    const closed = mkdtempSync(path.join(os.tmpdir(), 'slipway-closed-'));
    const dataDir = path.join(closed, 'data');
    mkdirSync(dataDir);
    fixture.backend = fixture.open({}, { dataDir });
    fixture.settings = { buildCommand: 'echo built >> index.html' };
    const end = await fixture.deployTree({ 'index.html': 'good ' });
    const elsewhere = readlinkSync(path.join(dataDir, 'local'));
    assert.equal(end.state, 'live', end.reason);
    assert.equal(await page(end.url), 'good built\n');
    assert.equal(statSync(closed).mode & 0o777, 0o700);
    await fixture.backend.stop?.();
    rmSync(elsewhere, { recursive: true });
    rmSync(closed, { recursive: true });
  });
});

function skip(context: Mocha.Context, why: string): void {
  process.stderr.write(`    skipped: ${why}\n`);
  context.skip();
}
