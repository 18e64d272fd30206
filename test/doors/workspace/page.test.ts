import assert from 'node:assert/strict';
import { AccessError, BitbucketError, InputError } from '../../../src/core/errors.js';
import { createSessionTokens, createWorkspaceTokens } from '../../../src/doors/panel/session.js';
import type { WorkspaceSection } from '../../../src/doors/workspace/section.js';
import { createEngine, workspaceUuid, type Engine } from '../../support/engine.js';
import { storeHook } from '../../support/hooks.js';
import { textOfHtml, unescapeHtml } from '../../support/e2e/panel.js';
import { sessionKey } from '../panel/support/serve-panel.js';
import { graceUuid, serveWorkspace, type ServedWorkspace } from './serve-workspace.js';

/** Drawn with the partial of a part that failed: it says two things and nothing else. */
function section(more: Partial<WorkspaceSection> = {}): WorkspaceSection {
  return {
    key: 'failed',
    title: 'Another part',
    help: 'For this test.',
    adminOnly: false,
    load: () => Promise.resolve({ says: 'Drawn', advice: '' }),
    actions: {},
    ...more,
  };
}

describe('workspace page', () => {
  let engine: Engine;
  let served: ServedWorkspace | undefined;
  beforeEach(async () => {
    engine = await createEngine();
  });
  afterEach(async () => {
    await served?.close();
    served = undefined;
    await engine.close();
  });

  const serve = async (more?: Parameters<typeof serveWorkspace>[1]): Promise<ServedWorkspace> =>
    (served = await serveWorkspace(engine, more));

  it('shows the repositories that deploy, with their targets, and no others', async () => {
    await engine.target({ name: 'Production' });
    for (const slug of ['idle', 'busy']) {
      const facts = { workspaceUuid, workspaceSlug: null, workspaceName: null, isPrivate: true };
      const repository = await engine.storage.write((tx) =>
        tx.repositories.saveFacts(
          { ...facts, uuid: `{${slug}}`, fullName: `acme/${slug}`, name: slug },
          workspaceUuid,
          0,
        ),
      );
      if (slug === 'busy') await engine.target({ repository, name: 'Test <b>' });
    }
    const { html, status } = await (await serve()).page();
    assert.equal(status, 200);
    const text = textOfHtml(html);
    assert.match(text, /acme\/busy.*Test <b>.*acme\/site.*Production/);
    assert.doesNotMatch(text, /acme\/idle/);
    assert.match(text, /How Acme deploys/);
    assert.doesNotMatch(html, /<b>|<style|\sstyle=|\son[a-z]+=/);
  });

  it('finds by a part of the name and goes on from the last one shown', async () => {
    for (let i = 0; i < 30; i += 1) {
      const name = `app-${String(i).padStart(2, '0')}`;
      const repository = await engine.storage.write((tx) =>
        tx.repositories.saveFacts(
          {
            ...{ uuid: `{${name}}`, fullName: `acme/${name}`, name, isPrivate: true },
            ...{ workspaceUuid, workspaceSlug: null, workspaceName: null },
          },
          workspaceUuid,
          0,
        ),
      );
      await engine.target({ repository });
    }
    const { page, call } = await serve();
    const { html, session } = await page();
    assert.match(html, /title="acme\/app-24"/);
    assert.doesNotMatch(html, /title="acme\/app-25"/);
    const loads = [...html.matchAll(/data-load="([^"]*)"/g)].map(([, path = '']) =>
      unescapeHtml(path),
    );
    const more = loads.find((path) => path.includes('after=acme'));
    assert.ok(more);
    const second = await call(session, 'GET', more.replace('/panel/workspace/', ''));
    assert.match(second.html, /app-25[\s\S]*app-29/);
    assert.doesNotMatch(second.html, /app-24/);
    const found = await call(session, 'GET', 'sections/repositories?search=APP-1');
    assert.match(found.html, /app-10[\s\S]*app-19/);
    assert.doesNotMatch(found.html, /app-20/);
    const none = await call(
      session,
      'GET',
      `sections/repositories?${new URLSearchParams({ search: '%<i>' }).toString()}`,
    );
    assert.match(textOfHtml(none.html), /No repository .* has “%<i>” in its name/);
    assert.doesNotMatch(none.html, /<i>/);
  });

  it('keeps what only admins may see from others, and says why', async () => {
    engine.bitbucket.workspacePermissionIs = 'none';
    const ran: string[] = [];
    const secret = section({
      adminOnly: true,
      title: 'Secret part',
      actions: { go: () => Promise.resolve(ran.push('go')).then(() => ({ says: 'Done.' })) },
    });
    const { page, call } = await serve({ sections: [secret] });
    const { html, session } = await page();
    assert.match(textOfHtml(html), /You can look, but not change.*Only an admin of this workspace/);
    assert.doesNotMatch(html, /Secret part/);
    assert.equal((await call(session, 'GET', 'sections/failed')).status, 403);
    assert.equal((await call(session, 'POST', 'actions/failed/go')).status, 403);
    assert.deepEqual(ran, []);
  });

  it('counts the signed admin page only where Bitbucket may not be asked', async () => {
    engine.bitbucket.workspacePermissionIs = 'unknown';
    const first = await (await serve()).page();
    assert.doesNotMatch(first.html, /You can look/);
    await served?.close();
    const second = await (await serve({ proof: 'none' })).page();
    assert.match(textOfHtml(second.html), /does not let Slipway ask whether you are an admin/);
  });

  it('is read only while Bitbucket does not answer', async () => {
    engine.bitbucket.failures.push(new BitbucketError('bitbucket_unavailable', 'away'));
    const { html } = await (await serve()).page();
    assert.match(
      textOfHtml(html),
      /Bitbucket did not say whether you are an admin of this workspace/,
    );
  });

  it('draws a part again after its action, with what was said', async () => {
    const { page, call } = await serve({
      sections: [
        section({
          actions: {
            go: (_context, fields) => {
              if (fields.get('name') === 'bad') {
                throw new InputError('target_invalid', undefined, { name: 'Not that.' });
              }
              if (fields.get('name') === 'no') throw new AccessError('repository_gone', 404);
              return Promise.resolve({ says: 'It is done.', advice: 'Look.' });
            },
          },
        }),
      ],
    });
    const { session } = await page();
    const done = await call(session, 'POST', 'actions/failed/go', { name: 'good' });
    assert.equal(done.status, 200);
    assert.match(textOfHtml(done.html), /It is done\. Look\..*Drawn/);
    const bad = await call(session, 'POST', 'actions/failed/go', { name: 'bad' });
    assert.equal(bad.status, 422);
    assert.match(textOfHtml(bad.html), /These settings cannot work.*Drawn/);
    const unknown = await call(session, 'POST', 'actions/failed/nothing');
    assert.equal(unknown.status, 404);
    assert.match(unknown.html, /data-code="call_unknown"/);
    const refused = await call(session, 'POST', 'actions/failed/go', { name: 'no' });
    assert.equal(refused.status, 404);
    assert.match(refused.html, /data-code="repository_gone"/);
    assert.equal((await call(session, 'GET', 'sections/nothing')).status, 404);
  });

  it('shows a hook in trouble, and repairs it with one click', async () => {
    await engine.target();
    const hook = await storeHook(engine, 'secret', {
      health: { checkedAt: 0, problem: 'missing', detail: null },
    });
    const { page, call } = await serve();
    const { html, session } = await page();
    assert.match(
      textOfHtml(html),
      /Webhook in trouble.*no webhook that leads to Slipway any more.*Repair/,
    );
    const strange = await call(session, 'POST', 'actions/repositories/repair', {
      repositoryId: 'x',
    });
    assert.equal(strange.status, 404);
    const { repositoryId } = hook;
    const done = await call(session, 'POST', 'actions/repositories/repair', { repositoryId });
    assert.equal(done.status, 200);
    assert.match(
      textOfHtml(done.html),
      /The webhook of acme\/site is as it should be.*Webhook well/,
    );
    assert.equal(engine.bitbucket.remoteHooks.length, 1);
  });

  it('takes nobody else’s session, nor that of a repository', async () => {
    const { call } = await serve();
    const clock = engine.clock.now;
    const who = { door: 'connect' as const, workspaceUuid, userUuid: graceUuid, userName: 'Grace' };
    const facts = { ...who, proof: 'admin_page' as const, rights: 'admin' as const };
    const wrong = createSessionTokens([sessionKey], clock).issue({ ...facts, repoUuid: '{r}' });
    const right = createWorkspaceTokens([sessionKey], clock).issue(facts);
    assert.equal((await call(wrong, 'GET', 'sections/repositories')).status, 401);
    assert.equal((await call('', 'GET', 'sections/repositories')).status, 401);
    assert.equal((await call(right, 'GET', 'sections/repositories')).status, 200);
    assert.equal(createSessionTokens([sessionKey], clock).read(right), null);
  });
});
