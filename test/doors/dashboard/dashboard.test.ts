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

  const remote = {
    ...{ uuid: repositoryUuid, workspaceUuid, fullName: 'acme/site', name: 'Site <b>' },
    ...{ mainBranch: 'main', isPrivate: true },
  };
  const view: PersonView = {
    workspaces: (who) => {
      asked.push(who);
      return Promise.resolve([{ uuid: workspaceUuid, slug: 'acme', isAdmin: true }]);
    },
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
    [permission, asked, pages] = ['admin', [], []];
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
});
