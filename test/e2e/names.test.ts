import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { git } from '../sandbox/support.js';
import { RawPanel, textOfHtml } from '../support/e2e/panel.js';
import { sendRaw } from '../support/e2e/raw-http.js';
import { Stage } from '../support/e2e/stage.js';

const rightToLeft = '\u202egpj.exe\u202c';
const message = `<script>alert('m')</script> <img src=x onerror=alert(1)> "' & ${rightToLeft} 🚀 {{7*7}} ${'long '.repeat(60)}`;
const targetName = `<b onmouseover="alert(1)">Pro'd</b> 🚀`;

/** git takes < and > out of author names by itself; quotes, direction marks and the rest stay. */
const author = `Ada "'&amp; ${rightToLeft} 🚀 ${'x'.repeat(150)}`;

/** As git lets them through: no spaces, no control characters, none of ~^:?*[\ */
const branches = [
  `x"><script>alert(1)</script>`,
  `it's-"quoted"-&amp;-{{this}}`,
  `feature/${rightToLeft}`,
  `emoji/🚀👩‍🚀-日本-é`,
  `long/${'a'.repeat(195)}`,
  'javascript/%3Cscript%3E#%2e%2e',
];

describe('names that want to be more than names', function () {
  this.timeout(60_000);
  let stage: Stage;
  let pushed: { branch: string; commit: string }[];
  let panel: RawPanel;
  const pages: { name: string; html: string }[] = [];

  before(async () => {
    stage = await Stage.open();
    await stage.addTarget({ name: targetName, branchPattern: '**' });
    const clone = join(stage.folder, 'clone');
    mkdirSync(clone);
    const url = stage.bench.cloneUrl('ada', stage.seed.ada.git_password);
    await git(clone, 'clone', '--quiet', url, '.');
    pushed = [];
    for (const [index, branch] of branches.entries()) {
      writeFileSync(join(clone, 'index.html'), `page ${index}\n`);
      const commit = [
        'commit',
        '--quiet',
        '-a',
        '-m',
        message,
        `--author=${author} <stranger@example.org>`,
      ];
      await git(clone, ...commit);
      await git(clone, 'branch', branch);
      pushed.push({ branch, commit: (await git(clone, 'rev-parse', 'HEAD')).trim() });
    }
    await git(clone, 'push', '--quiet', 'origin', ...branches);
    // Where nobody is said to have pushed, it is the author who is shown.
    const unsaid = { user: null, branch: 'by/nobody', author: `${author} <stranger@example.org>` };
    pushed.push({ branch: 'by/nobody', commit: await stage.bench.commit({ ...unsaid, message }) });
    for (const { commit } of pushed) {
      const { state, reason } = await stage.outcome(commit);
      assert.equal(state, 'live', reason ?? '');
    }
    // A deleted branch with such a name stands among the pushes that deployed nothing.
    await git(clone, 'push', '--quiet', 'origin', '--delete', branches[0] ?? '');
    await stage.bench.idle();

    panel = await RawPanel.open(await stage.panelUrl());
    pages.push({ name: 'the panel', html: panel.html });
    for (const name of ['deployments', 'new-target', 'target', 'target-form']) {
      const [target] = await stage.rows('SELECT id FROM targets');
      const { status, html } = await panel.fragment(name, { targetId: String(target?.['id']) });
      assert.equal(status, 200, name);
      pages.push({ name, html });
    }
    for (const { page_token: token } of await stage.rows('SELECT page_token FROM deployments')) {
      const { status, text } = await sendRaw(stage.server.url, `/d/${token}`);
      assert.equal(status, 200);
      pages.push({ name: `/d/${token}`, html: text });
    }
    const refusal = await panel.act('deploy', { targetId: '<script>alert(2)</script>' });
    pages.push({ name: 'a refusal', html: refusal.html });
    const unknown = await panel.act('deploy', {
      targetId: String((await stage.rows('SELECT id FROM targets'))[0]?.['id']),
      refName: '<script>alert(3)</script>',
    });
    assert.equal(unknown.status, 422);
    pages.push({ name: 'a branch that is not there', html: unknown.html });
  });

  after(() => stage?.close());

  it('go live under their own name', async () => {
    const stored = await stage.rows('SELECT ref_name, "commit", message FROM deployments');
    assert.deepEqual(
      new Set(stored.map((row) => `${row['ref_name']} ${row['commit']}`)),
      new Set(pushed.map(({ branch, commit }) => `${branch} ${commit}`)),
    );
    for (const row of stored) assert.ok(String(row['message']).startsWith("<script>alert('m')"));
  });

  it('get their build statuses', async () => {
    for (const { commit } of pushed) {
      const writes = await stage.finalStatuses(commit);
      assert.equal(writes.at(-1)?.state, 'SUCCESSFUL');
      assert.match(writes.at(-1)?.url ?? '', /\/d\/[\w-]+$/);
    }
  });

  it('are shown as what they are', () => {
    const text = textOfHtml(panel.html);
    for (const branch of branches) assert.ok(text.includes(branch), `${branch} is not shown`);
    assert.ok(text.includes(targetName));
    assert.ok(text.includes(`<script>alert('m')</script> <img src=x onerror=alert(1)>`));
    assert.ok(text.includes(author), 'the author is not shown');
  });

  it('add no tag, attribute, script or expression to any page', () => {
    assert.ok(pages.length > branches.length + 5);
    for (const { name, html } of pages) {
      for (const raw of [
        /<script>/i,
        /<script(?![^>]*\ssrc="[^"]+")/i,
        /<img\b/i,
        /<b\b/i,
        /\salert\(/,
        /<[^>]*\son\w+\s*=/i,
        /"><script/i,
        /javascript:/i,
        /\b49\b/,
      ]) {
        const found = raw.exec(html);
        const around = found && html.slice(Math.max(0, found.index - 80), found.index + 120);
        assert.equal(found, null, `${name} has ${raw.source}: ${around}`);
      }
    }
  });

  it('cannot turn the text around them: each stands in an element that keeps its direction to itself', () => {
    for (const { name, html } of pages) {
      const bare = html
        .replace(/<(bdi|title|option|textarea)\b[\s\S]*?<\/\1>/g, '')
        .replace(/\u2068[^\u2069<]*\u2069/g, '');
      const [outside] = />[^<]*\u202e/.exec(bare) ?? [];
      assert.equal(outside, undefined, name);
    }
  });

  it('lead to where Bitbucket has them, and nowhere else', () => {
    const { host } = new URL(stage.bench.url);
    for (const { name, html } of pages) {
      for (const [, address = ''] of html.matchAll(/\shref="([^"]*)"/g)) {
        const url = new URL(
          address.replaceAll('&amp;', '&').replaceAll('&#x3D;', '='),
          stage.server.url,
        );
        assert.match(url.protocol, /^https?:$/, name);
        const known = [host, new URL(stage.server.url).host];
        assert.ok(known.includes(url.host) || url.hostname === '127.0.0.1', `${name}: ${address}`);
      }
    }
  });

  it('come with a content policy that runs no script of a page', async () => {
    for (const path of [new URL(await stage.panelUrl()), new URL(`${stage.server.url}/nothing`)]) {
      const response = await fetch(path);
      const policy = response.headers.get('content-security-policy') ?? '';
      await response.text();
      assert.match(policy, /(script|default)-src/);
      assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/);
    }
  });
});
