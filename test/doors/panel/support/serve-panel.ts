import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import compression from 'compression';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { createErrorHelpPage } from '../../../../src/doors/pages/error-help.js';
import { errorPageOf, renderErrorPage } from '../../../../src/doors/pages/error-page.js';
import { createDeploymentPage } from '../../../../src/doors/pages/deployment-page.js';
import { createPanelRouter } from '../../../../src/doors/panel/router.js';
import { createViewEngine, viewExtension } from '../../../../src/doors/panel/views.js';
import { startOfTime, type FakePanel } from './fake-panel.js';

export const sessionKey = Buffer.alloc(32, 7);
export const root = path.resolve(import.meta.dirname, '../../../..');

export interface ServedPanel {
  url: string;
  /** Unix ms, moved by hand. */
  clock: { now: number };
  close(): Promise<void>;
}

export interface ServeOptions {
  identity?: Record<string, unknown> | null;
  port?: number;
  bitbucketUrl?: string;
  /** Real time instead of a clock that stands still. */
  realTime?: boolean;
  before?: RequestHandler;
  cache?: boolean;
}

const grace = {
  door: 'connect',
  proof: 'admin_page',
  workspaceUuid: '{ws-1}',
  repoUuid: '{repo-1}',
  userUuid: '{grace}',
  userName: 'Grace Hopper',
};

const reader = { userUuid: 'reader', userName: 'A reader', proof: 'reader_page' };

/** The panel as app.ts puts it together, over fake services. */
export async function servePanel(
  services: FakePanel,
  options: ServeOptions = {},
): Promise<ServedPanel> {
  const app = express();
  const views = path.join(root, 'views');
  app.engine(viewExtension, createViewEngine(views, { cache: options.cache ?? true }));
  app.set('views', views);
  app.set('view engine', viewExtension);
  const server = createServer(app);
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  // Cast: listening on TCP, so it is an AddressInfo.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = { now: startOfTime };
  const deps = {
    services,
    clock: () => (options.realTime === true ? Date.now() : clock.now),
    baseUrl: url,
    bitbucketUrl: options.bitbucketUrl ?? url,
  };
  if (options.before) app.use(options.before);
  app.use(compression());
  app.get('/atlassian-connect/all.js', (_req, res) => {
    res.type('js').send(bitbucketScript);
  });
  app.use(createErrorHelpPage());
  app.use('/public', express.static(path.join(root, 'public')));
  const authenticated = {
    authenticate: [identify(options)],
    authenticateReader: [identify({ ...options, identity: reader })],
  };
  app.use(createPanelRouter({ ...deps, sessionKeys: [sessionKey], ...authenticated }));
  app.use(createDeploymentPage(deps));
  app.use(lastResort);
  return {
    url,
    clock,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Stands for Bitbucket's own script, which tells pages about themes. */
const bitbucketScript =
  'globalThis.AP = { theming: { initializeTheming: async () => { globalThis.themed = 1; } } };';

function identify(options: ServeOptions): RequestHandler {
  return (_req, res, next) => {
    if (options.identity !== null) res.locals['panel'] = { ...grace, ...options.identity };
    next();
  };
}

const lastResort: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  renderErrorPage(res, errorPageOf(error, 'ref-123')).catch(next);
};

/** A plain HTTP client with the page's session, as the demo driver is one. */
export async function openPanel(url: string, where = '/panel/repository'): Promise<PanelClient> {
  const page = await fetch(`${url}${where}?jwt=x`);
  const html = await page.text();
  const token = /<meta name="slipway-session" content="([^"]*)">/.exec(html)?.[1] ?? '';
  return panelClient(url, token, html);
}

export interface PanelClient {
  token: string;
  html: string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  post(action: string, fields: Record<string, string>): Promise<Response>;
}

export function panelClient(url: string, token: string, html = ''): PanelClient {
  const authorization = `Bearer ${token}`;
  return {
    token,
    html,
    get: (where, headers = {}) =>
      fetch(`${url}${where}`, { headers: { authorization, ...headers } }),
    post: (action, fields) =>
      fetch(`${url}/panel/actions/${action}`, {
        method: 'POST',
        headers: { authorization },
        body: new URLSearchParams(fields),
      }),
  };
}
