import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import express, { type ErrorRequestHandler } from 'express';
import type { Backend } from '../../../src/core/backend.js';
import type { NoticeSender } from '../../../src/core/notices.js';
import { errorPageOf, renderErrorPage } from '../../../src/doors/pages/error-page.js';
import { createViewEngine, viewExtension } from '../../../src/doors/panel/views.js';
import { createWorkspaceRouter } from '../../../src/doors/workspace/router.js';
import type { CredentialServices } from '../../../src/doors/workspace/sections/credentials.js';
import type { WorkspaceSection } from '../../../src/doors/workspace/section.js';
import { createHookParts } from '../../../src/wiring/hooks.js';
import { createWorkspaceParts, type WorkspaceParts } from '../../../src/wiring/workspace-parts.js';
import { workspaceUuid, type Engine } from '../../support/engine.js';
import { root, sessionKey } from '../panel/support/serve-panel.js';

export const graceUuid = '{2f1e9a10-2222-4bbb-8ccc-abcdefabcdef}';

/** What stands behind the page, over a real store. */
export function workspaceParts(
  engine: Engine,
  more: {
    backends?: Backend[];
    sender?: NoticeSender;
    credentials?: CredentialServices;
    baseUrl?: string;
  } = {},
): WorkspaceParts {
  const hooks = createHookParts({
    ...engine,
    clock: engine.clock.now,
    baseUrl: more.baseUrl ?? 'https://slipway.example',
    random: () => 0.5,
    bitbucket: { prompt: engine.bitbucket, background: engine.bitbucket },
  });
  return createWorkspaceParts(
    {
      ...engine.requestDeps,
      vault: engine.vault,
      bitbucket: engine.bitbucket,
      hooks,
      sender: more.sender ?? { kinds: [], send: () => Promise.resolve({ ok: true }) },
      credentials: more.credentials ?? {
        save: () => Promise.reject(new Error('not in this test')),
        remove: () => Promise.resolve(),
      },
    },
    more.backends ?? [],
  );
}

/** The workspace's page as app.ts puts it together, over a real store. */
export async function serveWorkspace(
  engine: Engine,
  more: {
    sections?: WorkspaceSection[];
    proof?: 'admin_page' | 'none';
    backends?: Backend[];
    sender?: NoticeSender;
    credentials?: CredentialServices;
    userName?: string;
  } = {},
) {
  const app = express();
  const views = path.join(root, 'views');
  app.engine(viewExtension, createViewEngine(views));
  app.set('views', views);
  app.set('view engine', viewExtension);
  const server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const parts = workspaceParts(engine, { ...more, baseUrl: url });
  app.use('/public', express.static(path.join(root, 'public')));
  app.use(
    createWorkspaceRouter({
      ...parts,
      sections: [...parts.sections, ...(more.sections ?? [])],
      sessionKeys: [sessionKey],
      clock: engine.clock.now,
      logger: engine.logger,
      baseUrl: url,
      bitbucketUrl: url,
      authenticate: [
        (_req, res, next) => {
          const proof = more.proof ?? 'admin_page';
          const who = { userUuid: graceUuid, userName: more.userName ?? 'Grace Hopper' };
          res.locals['panel'] = { door: 'connect', workspaceUuid, proof, ...who };
          next();
        },
      ],
    }),
  );
  const lastResort: ErrorRequestHandler = (error: unknown, _req, res, next) => {
    renderErrorPage(res, errorPageOf(error, 'ref-123')).catch(next);
  };
  app.use(lastResort);

  async function page(): Promise<{ html: string; status: number; session: string }> {
    const answer = await fetch(`${url}/panel/workspace?jwt=x`);
    const html = await answer.text();
    const session = /<meta name="slipway-session" content="([^"]*)">/.exec(html)?.[1] ?? '';
    return { html, session, status: answer.status };
  }

  async function call(session: string, method: 'GET' | 'POST', where: string, fields = {}) {
    const answer = await fetch(`${url}/panel/workspace/${where}`, {
      method,
      headers: { authorization: `Bearer ${session}` },
      ...(method === 'POST' ? { body: new URLSearchParams(fields) } : {}),
    });
    return { status: answer.status, html: await answer.text() };
  }

  return {
    url,
    page,
    call,
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type ServedWorkspace = Awaited<ReturnType<typeof serveWorkspace>>;
