import assert from 'node:assert/strict';
import { ProcessWatch } from '../support/e2e/process-watch.js';
import { SecretSearch } from '../support/e2e/secret-search.js';
import { Stage } from '../support/e2e/stage.js';

/** The check of a save, against Bitbucket as the sandbox plays it, through the panel of the running server. */
describe('saving a target', function () {
  this.timeout(30_000);
  let stage: Stage;
  let session: string;

  before(async () => {
    stage = await Stage.open({ SLIPWAY_LOG_LEVEL: 'trace' });
    await stage.install();
    const page = await (await fetch(await stage.panelUrl())).text();
    session = /<meta name="slipway-session" content="([^"]+)"/.exec(page)?.[1] ?? '';
  });
  afterEach(() => stage.clearFaults());
  after(() => stage?.close());

  async function act(action: string, more: Record<string, string> = {}) {
    const form = { targetId: '', expectedVersion: '0', backend: 'local', branchPattern: 'main' };
    const response = await fetch(`${stage.server.url}/panel/actions/${action}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${session}` },
      body: new URLSearchParams({ ...form, name: 'Production', ...more }),
    });
    const html = await response.text();
    const marks = [...html.matchAll(/<li class="step step-(\w+)">/g)].map(([, mark]) => mark);
    const target = response.headers.get('x-slipway-target') ?? '';
    return { status: response.status, html, marks, target };
  }
  const targets = () => stage.rows('SELECT id FROM targets');

  it('shows what was tried, and the clone credential to nobody', async () => {
    const watch = new ProcessWatch(stage.server.pid);
    const slow = await stage.fault({ path: '/site\\.git/', delay_ms: 150 });
    const { status, html, marks, target } = await act('target/save');
    await stage.faultMet(slow);
    await watch.end();
    assert.equal(status, 200, html);
    assert.deepEqual(marks, ['success', 'success', 'success']);
    assert.match(html, /with the app of the workspace \(Connect\)/);
    assert.match(html, new RegExp(`id="deploy-now-${target}"`));

    const lines = [...watch.commandLines].filter((line) => line.includes('git'));
    assert.ok(
      lines.some((line) => /fetch .*--filter/.test(line)),
      lines.join('\n'),
    );
    const { tokens } = await stage.bitbucketSecrets();
    assert.ok(tokens.length >= 1);
    const search = new SecretSearch();
    for (const token of tokens) search.add('an access token', token);
    assert.deepEqual(search.findIn(lines.join('\n')), []);
    assert.deepEqual(search.findIn(stage.server.stderr), []);
    assert.ok(stage.server.log.length > 0);

    const again = await act('target/check', { targetId: target });
    assert.equal(again.status, 200);
    assert.deepEqual(again.marks, ['success', 'success', 'success']);
  });

  it('refuses what git would refuse, with the fix, and stores nothing', async () => {
    const before = await targets();
    await stage.fault({ path: '/site\\.git/', status: 403 });
    const { status, html, marks } = await act('target/save', { name: 'Never' });
    assert.equal(status, 422);
    assert.deepEqual(marks, ['success', 'danger', 'success']);
    assert.match(html, /right to read repositories/);
    assert.match(html, /value="Never"/);
    assert.deepEqual(await targets(), before);
  });

  it('saves while Bitbucket is away, and says what could not be checked', async () => {
    await stage.fault({ path: '/2\\.0/repositories/[^/]+/[^/]+/refs', status: 503 });
    await stage.fault({ path: '/site\\.git/', status: 503 });
    const { status, html, marks } = await act('target/save', { name: 'Later' });
    assert.equal(status, 200, html);
    assert.deepEqual(marks, ['warning', 'warning', 'success']);
    assert.match(html, /Could not be checked now/);
  });

  it('saves a target for a branch that is yet to be pushed', async () => {
    const { status, html, marks } = await act('target/save', {
      name: 'Next',
      branchPattern: 'next',
    });
    assert.equal(status, 200, html);
    assert.deepEqual(marks, ['neutral', 'success', 'success']);
    assert.match(html, /no branch next yet/);
  });
});
