import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import express, { type ErrorRequestHandler } from 'express';
import { BitbucketError } from '../../../src/core/errors.js';
import type { PersonView } from '../../../src/core/person-view.js';
import type { RepositoryPermission } from '../../../src/core/ports.js';
import { createDashboardRouter } from '../../../src/doors/dashboard/router.js';
import { errorPageOf, renderErrorPage } from '../../../src/doors/pages/error-page.js';
import { createViewEngine, viewExtension } from '../../../src/doors/panel/views.js';
import { createWebSessions } from '../../../src/doors/web/sessions.js';
import { createEngine, repositoryUuid, workspaceUuid, type Engine } from '../../support/engine.js';
import { workspaceParts } from '../workspace/serve-workspace.js';
import { textOfHtml } from '../../support/e2e/panel.js';
import { fakePanel, type FakePanel } from '../panel/support/fake-panel.js';
import { root } from '../panel/support/serve-panel.js';

const bare = (uuid: string): string => uuid.replace(/[{}]/g, '');
const at = `/w/${bare(workspaceUuid)}`;
const here = `${at}/r/${bare(repositoryUuid)}`;

describe('dashboard', () => {
  let engine: Engine;
  let server: Server;
  let url: string;
  let fake: FakePanel;
  let permission: RepositoryPermission | Error;
  let asked: string[];
  let pages: { search: string; page: number }[];
  let role: 'admin' | 'member' | 'none';
  const acme = { slug: 'acme', name: 'Acme & Sons' };

  const remote = {
    ...{ uuid: repositoryUuid, workspaceUuid, fullName: 'acme/site', name: 'Site <b>' },
    ...{ mainBranch: 'main', isPrivate: true },
  };
  const view: PersonView = {
    workspaces: (who) => {
      asked.push(who);
      return Promise.resolve([{ uuid: workspaceUuid, slug: 'acme', name: null, isAdmin: true }]);
    },
    workspace: (_who, uuid) =>
      Promise.resolve(role === 'none' ? null : { ...acme, uuid, isAdmin: role === 'admin' }),
    repositories: (who, _workspace, page) => {
      asked.push(who);
      pages.push(page);
      return Promise.resolve({ repositories: [remote], hasMore: true });
    },
    repository: () => Promise.resolve(permission === 'none' ? null : remote),
    permission: () =>
      permission instanceof Error ? Promise.reject(permission) : Promise.resolve(permission),
  };

  beforeEach(async () => {
    engine = await createEngine();
    [permission, asked, pages, role] = ['admin', [], [], 'admin'];
    fake = fakePanel();
    const app = express();
    const views = path.join(root, 'views');
    app.engine(viewExtension, createViewEngine(views));
    app.set('views', views);
    app.set('view engine', viewExtension);
    server = createServer(app);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const clock = engine.clock.now;
    const sessions = createWebSessions({ ...engine, clock, baseUrl: url });
    app.get('/sign-in', (req, res, next) => {
      sessions
        .begin(req, res, { userUuid: '{ada}', userName: 'Ada Example' })
        .then(() => res.end(), next);
    });
    app.use(
      createDashboardRouter({
        ...{ services: fake, sessions, view, storage: engine.storage, clock },
        workspace: { ...workspaceParts(engine), logger: engine.logger },
        ...{ baseUrl: url, bitbucketUrl: 'https://bitbucket.example', canSignIn: true },
      }),
    );
    const lastResort: ErrorRequestHandler = (error: unknown, _req, res, next) => {
      renderErrorPage(res, errorPageOf(error, 'ref-123')).catch(next);
    };
    app.use(lastResort);
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await engine.close();
  });

  async function signIn(): Promise<string> {
    const answer = await fetch(`${url}/sign-in`);
    return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  }
  const get = (where: string, cookie = '') =>
    fetch(url + where, { redirect: 'manual', headers: { cookie, accept: 'text/html' } });

  it('says what Slipway is and how to sign in, without a script', async () => {
    const answer = await get('/');
    const html = await answer.text();
    assert.equal(answer.status, 200);
    assert.match(html, /href="\/oauth\/start\?returnTo=%2F"/);
    assert.match(textOfHtml(html), /Push to Bitbucket, and it is live/);
    assert.doesNotMatch(html, /<script|<style|\sstyle=/);
    assert.match(answer.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
    assert.deepEqual(asked, []);
  });

  it('leads from workspaces to repositories, asked in the person’s own name', async () => {
    const cookie = await signIn();
    const first = await (await get('/', cookie)).text();
    assert.ok(first.includes(`href="${at}"`));
    const list = await (await get(`${at}?search=si&page=2`, cookie)).text();
    assert.deepEqual(pages, [{ search: 'si', page: 2 }]);
    assert.ok(list.includes(`href="${here}"`));
    assert.match(textOfHtml(list), /Site <b>.*Previous.*Next/);
    assert.doesNotMatch(list, /<b>/);
    assert.deepEqual(asked, ['{ada}', '{ada}']);
  });

  it('sends whoever is not signed in to the sign-in, and back', async () => {
    const answer = await get(here);
    assert.equal(answer.status, 303);
    assert.equal(
      answer.headers.get('location'),
      `/oauth/start?returnTo=${encodeURIComponent(here)}`,
    );
    assert.equal((await get(`${here}/panel/fragments/hook`)).status, 401);
  });

  it('is the panel, with a cookie and a CSRF token instead of a bearer token', async () => {
    const cookie = await signIn();
    const html = await (await get(here, cookie)).text();
    const csrf = /<meta name="slipway-csrf" content="([^"]+)">/.exec(html)?.[1] ?? '';
    assert.match(html, new RegExp(`<meta name="slipway-at" content="${here}">`));
    assert.match(textOfHtml(html), /Enable Slipway here/);
    const post = (headers: Record<string, string>) =>
      fetch(`${url}${here}/panel/actions/hook/enable`, { method: 'POST', headers });
    assert.equal((await post({ cookie })).status, 403);
    assert.equal((await post({ 'x-slipway-csrf': csrf })).status, 401);
    assert.equal(fake.calls.length, 0);
    assert.equal((await post({ cookie, 'x-slipway-csrf': csrf })).status, 200);
    assert.equal(fake.calls.at(-1)?.name, 'hooks.ensure');
  });

  it('shows a reader why nothing can be changed, and a stranger nothing', async () => {
    const cookie = await signIn();
    permission = 'read';
    const html = await (await get(here, cookie)).text();
    assert.match(
      textOfHtml(html),
      /You can look, but not change.*Only an admin of this repository/,
    );
    assert.doesNotMatch(html, /hook-enable/);
    engine.clock.advance(61_000);
    permission = 'none';
    assert.equal((await get(here, cookie)).status, 404);
    assert.equal((await get(`${here}/panel/fragments/deployments`, cookie)).status, 404);
    assert.equal((await get('/w/nonsense/r/x', cookie)).status, 404);
  });

  it('gives nobody a right while Bitbucket does not answer', async () => {
    const cookie = await signIn();
    permission = new BitbucketError('bitbucket_unavailable', 'away');
    assert.equal((await get(here, cookie)).status, 502);
  });

  describe('settings of a workspace', () => {
    const settings = `${at}/settings`;

    const call = async (
      what: string,
      method: 'GET' | 'POST',
      headers: Record<string, string>,
      fields: Record<string, string> = {},
    ): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`${url}${settings}/panel/workspace/${what}`, {
        ...{ method, headers },
        ...(method === 'POST' ? { body: new URLSearchParams(fields) } : {}),
      });
      return { status: answer.status, text: textOfHtml(await answer.text()) };
    };

    it('are one click from the list, and show an admin every section', async () => {
      const cookie = await signIn();
      assert.ok((await (await get('/', cookie)).text()).includes(`href="${settings}"`));
      assert.ok((await (await get(at, cookie)).text()).includes(`href="${settings}"`));
      const html = await (await get(settings, cookie)).text();
      assert.match(html, new RegExp(`<meta name="slipway-at" content="${settings}">`));
      assert.match(html, new RegExp(`href="${at}"><bdi class="clip">Acme &amp; Sons`));
      assert.match(
        textOfHtml(html),
        /Acme & Sons deploys.*Notices.*Repositories.*Connections.*Credentials.*Who changed what/,
      );
    });

    it('are changed with a cookie and the CSRF token of that session, by admins alone', async () => {
      const cookie = await signIn();
      const html = await (await get(settings, cookie)).text();
      const csrf = /<meta name="slipway-csrf" content="([^"]+)">/.exec(html)?.[1] ?? '';
      const remove = 'actions/credentials/remove';
      assert.equal((await call(remove, 'POST', { cookie })).status, 403);
      assert.equal((await call(remove, 'POST', { 'x-slipway-csrf': csrf })).status, 401);
      const done = await call(remove, 'POST', { cookie, 'x-slipway-csrf': csrf });
      assert.match(done.text, /The credential was deleted here/);
      role = 'member';
      engine.clock.advance(61_000);
      const refused = await call(remove, 'POST', { cookie, 'x-slipway-csrf': csrf });
      assert.equal(refused.status, 403);
      assert.match(refused.text, /Only an admin of this workspace may change this/);
      assert.equal((await call('sections/credentials', 'GET', { cookie })).status, 403);
    });

    it('show a member what is no secret, and a stranger nothing', async () => {
      const cookie = await signIn();
      role = 'member';
      const text = textOfHtml(await (await get(settings, cookie)).text());
      assert.match(text, /You can look, but not change.*Repositories/);
      assert.doesNotMatch(text, /Credentials|Who changed what/);
      role = 'none';
      engine.clock.advance(61_000);
      for (const where of [settings, at]) {
        const answer = await get(where, cookie);
        assert.equal(answer.status, 404);
        assert.match(textOfHtml(await answer.text()), /no member of this workspace/);
      }
      assert.equal((await call('sections/repositories', 'GET', { cookie })).status, 404);
      assert.equal((await call('sections/repositories', 'GET', {})).status, 401);
    });
  });

  it('says on every page who is signed in, how to leave and how to go back', async () => {
    const cookie = await signIn();
    for (const where of ['/', at, `${at}/settings`, here]) {
      const html = await (await get(where, cookie)).text();
      assert.match(textOfHtml(html), /Signed in as Ada Example Sign out/, where);
      assert.match(
        html,
        /method="post" action="\/oauth\/sign-out"><input type="hidden" name="csrf"/,
      );
      if (where !== '/') assert.match(html, /href="\/"><bdi class="clip">Workspaces</, where);
    }
    const panel = await (await get(here, cookie)).text();
    assert.match(panel, new RegExp(`href="${at}"><bdi class="clip">Acme &amp; Sons`));
  });

  it('shows what needs somebody: the person’s own notices, and to admins those of the place', async () => {
    const cookie = await signIn();
    await get(here, cookie);
    const repository = await engine.storage.read.repositories.byUuid(repositoryUuid);
    const tell = (id: string, to: object, says: string) =>
      engine.storage.write((tx) =>
        tx.notices.add({
          ...{
            id,
            kind: 'k',
            level: 'warning',
            subject: id,
            dedupeKey: id,
            says,
            advice: 'Do it.',
          },
          ...{ workspaceUuid: null, repositoryId: null, userUuid: null, path: null },
          ...{ createdAt: engine.clock.now(), resolvedAt: null, ...to },
        }),
      );
    await tell('1', { userUuid: '{ada}' }, 'Ada’s connection ends.');
    await tell('2', { userUuid: '{bob}' }, 'Bob’s connection ends.');
    await tell('3', { workspaceUuid, repositoryId: repository?.id }, 'The webhook of <i>site</i>.');
    const textAt = async (where: string) => (await get(where, cookie)).text();
    assert.match(textOfHtml(await textAt('/')), /Ada’s connection ends.*Do it/);
    assert.doesNotMatch(await textAt('/'), /webhook of/);
    for (const where of [at, here]) {
      assert.match(textOfHtml(await textAt(where)), /webhook of <i>site.*Ada’s connection ends/);
      assert.doesNotMatch(await textAt(where), /Bob’s/);
    }
    [role, permission] = ['member', 'read'];
    engine.clock.advance(61_000);
    for (const where of [at, here]) assert.doesNotMatch(await textAt(where), /webhook of/);
  });
});
