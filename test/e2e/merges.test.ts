import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { git } from '../sandbox/support.js';
import { RawPanel, textOfHtml } from '../support/e2e/panel.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

/** A path filter and merges that a developer pushes with plain git: what counts is what they bring to what is live. */
describe('path filters and merge commits', function () {
  this.timeout(40_000);
  let stage: Stage;
  let clone: string;

  before(async () => {
    stage = await Stage.open();
    clone = join(stage.folder, 'clone');
    mkdirSync(clone);
    await git(
      clone,
      'clone',
      '--quiet',
      stage.bench.cloneUrl('ada', stage.seed.ada.git_password),
      '.',
    );
    await stage.addTarget({ includePaths: 'web' });
    const first = await commit({ 'web/index.html': 'one\n', 'index.html': 'one\n' }, 'First');
    await git(clone, 'push', '--quiet', 'origin', 'main');
    assert.equal((await stage.outcome(first)).state, 'live');
  });
  after(() => stage?.close());

  async function commit(files: Record<string, string>, message: string): Promise<string> {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(clone, path)), { recursive: true });
      writeFileSync(join(clone, path), text);
    }
    await git(clone, 'add', '--all');
    await git(clone, 'commit', '--quiet', '-m', message);
    return (await git(clone, 'rev-parse', 'HEAD')).trim();
  }

  /** Of a branch that went its own way, with a commit of main's in between, so that it is a real merge. */
  async function merged(files: Record<string, string>, name: string): Promise<string> {
    await git(clone, 'checkout', '--quiet', '-b', name, 'main');
    await commit(files, `On ${name}`);
    await git(clone, 'checkout', '--quiet', 'main');
    await commit({ [`docs/${name}.md`]: `${name}\n` }, `Beside ${name}`);
    await git(clone, 'merge', '--quiet', '--no-ff', '-m', `Merge ${name}`, name);
    const parents = (await git(clone, 'rev-list', '--parents', '-n', '1', 'HEAD'))
      .trim()
      .split(' ');
    assert.equal(parents.length, 3, 'a merge');
    await git(clone, 'push', '--quiet', 'origin', 'main');
    return parents[0] ?? '';
  }

  /** What became of the push that moved main there. */
  async function decision(head: string): Promise<string> {
    return waitFor('the push to be decided on', async () => {
      const [made] = await stage.rows(
        `SELECT outcome, decisions.reason AS reason FROM decisions
         JOIN ref_changes ON ref_changes.id = ref_change_id WHERE "to" = ?`,
        head,
      );
      return made && made['outcome'] !== 'pending' && `${made['outcome']}: ${made['reason']}`;
    });
  }

  it('skips a merge that brings nothing that matters, and says so', async () => {
    const merge = await merged({ 'docs/side.md': 'side\n' }, 'words');
    assert.match(await decision(merge), /^skip: No file of web changed since/);
    assert.deepEqual(
      (await stage.deployments()).filter((row) => row.commit === merge),
      [],
    );
  });

  it('deploys a merge by what came in from the other branch, also behind a skipped one', async () => {
    const merge = await merged({ 'web/side.html': 'side\n' }, 'pages');
    assert.equal((await stage.outcome(merge)).state, 'live');
    assert.match(await decision(merge), /^deploy: web\/side\.html changed since/);
  });

  it('deploys a merge that cannot be compared, and says so', async () => {
    // As where it takes Bitbucket too long; more pages than are asked for: test/bitbucket/changed-paths.test.ts.
    const tooLong = await stage.fault({ path: '/diffstat/', status: 555 });
    const merge = await merged({ 'docs/more.md': 'more\n' }, 'many');
    await stage.faultMet(tooLong);
    assert.equal((await stage.outcome(merge)).state, 'live');
    assert.match(
      await decision(merge),
      /^deploy: Which files changed since .* cannot be known, so it is deployed to be safe/,
    );
    const { html } = await RawPanel.open(await stage.panelUrl());
    assert.match(textOfHtml(html), /cannot be known, so it is deployed to be safe/);
  });
});
