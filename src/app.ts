import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import compression from 'compression';
import express, { type ErrorRequestHandler, type Express } from 'express';
import helmet from 'helmet';
import type { Context } from './context.js';
import { createBackendApi } from './doors/api/backend-api.js';
import { createForgeUi } from './doors/forge/ui.js';
import { createIntake } from './doors/intake.js';
import { createDashboardRouter } from './doors/dashboard/router.js';
import { createOAuthRouter } from './doors/oauth/router.js';
import { createOpsRouter } from './doors/ops/health.js';
import { createDeploymentPage } from './doors/pages/deployment-page.js';
import { createErrorHelpPage } from './doors/pages/error-help.js';
import { errorPageOf, renderErrorPage } from './doors/pages/error-page.js';
import { createPanelRouter } from './doors/panel/router.js';
import { createViewEngine, viewExtension } from './doors/panel/views.js';
import { createWorkspaceRouter } from './doors/workspace/router.js';

/** The project's own folder, the same from `src` and from `dist`. */
const root = join(import.meta.dirname, '..');

/** Events first, on the bare server; everything else through Express. A node that only works shows how it is, and no more. */
export function createHandler(context: Context): RequestListener {
  if (!context.config.roles.web) return createWorkerApp(context);
  const app = createApp(context);
  const intake = createIntake(context.intake);
  return (request, response) => {
    if (!intake(request, response)) app(request, response);
  };
}

/** `/healthz`, `/readyz`, `/metrics`. */
function createWorkerApp(context: Context): Express {
  const app = bareApp(context);
  app.use(helmet());
  app.use(createOpsRouter(context.health));
  app.use(context.metrics);
  app.use((_request, response) => void response.status(404).type('text').send('not found\n'));
  app.use(errorHandler(context));
  return app;
}

function bareApp({ config, baseUrl }: Context): Express {
  const app = express();
  app.disable('x-powered-by');
  // Connect hashes the query as it came over the wire; nested objects are nobody's friend.
  app.set('query parser', 'simple');
  app.set('trust proxy', config.trustProxy);
  app.engine(viewExtension, createViewEngine(join(root, 'views'), { baseUrl }));
  app.set('views', join(root, 'views'));
  app.set('view engine', viewExtension);
  return app;
}

/** The whole middleware and route order. */
export function createApp(context: Context): Express {
  const { config, baseUrl, connect, panel, clock, logger } = context;
  const { bitbucketUrl } = config;
  const app = bareApp(context);

  // Each kind of page sets its own content policy, and the panel must stay frameable by Bitbucket.
  app.use(
    helmet({
      contentSecurityPolicy: false,
      xFrameOptions: false,
      crossOriginResourcePolicy: { policy: 'cross-origin' },
      crossOriginOpenerPolicy: false,
      strictTransportSecurity: baseUrl.startsWith('https:'),
    }),
  );
  app.use(compression());
  app.use(createOpsRouter(context.health));
  app.use(context.metrics);
  app.use(createBackendApi(context.api));
  app.use(createErrorHelpPage());
  app.use('/public', express.static(join(root, 'public'), { index: false, maxAge: '1h' }));
  app.use(createDeploymentPage({ services: panel, clock, baseUrl, bitbucketUrl }));
  app.use(
    createPanelRouter({
      services: panel,
      sessionKeys: context.sessionKeys,
      clock,
      authenticate: connect.panelAuth,
      authenticateReader: connect.overviewAuth,
      baseUrl,
      bitbucketUrl,
    }),
  );
  app.use(
    createDashboardRouter({
      ...context.dashboard,
      services: panel,
      workspace: { ...context.workspace, logger },
      sessions: context.people.sessions,
      canSignIn: context.people.oauth !== null,
      ...{ clock, baseUrl, bitbucketUrl },
    }),
  );
  app.use(createOAuthRouter({ ...context.people, vault: context.vault, clock, baseUrl, logger }));
  app.use(
    createWorkspaceRouter({
      ...context.workspace,
      sessionKeys: context.sessionKeys,
      clock,
      logger,
      authenticate: connect.workspaceAuth,
      baseUrl,
      bitbucketUrl,
    }),
  );
  app.use(connect.router);
  if (context.forge) {
    const frame = { baseUrl, bitbucketUrl, clock };
    app.use(context.forge.router);
    app.use(
      createForgeUi({
        ...context.forge,
        panel: { services: panel, ...frame },
        workspace: { ...context.workspace, ...frame, logger },
      }),
    );
  }
  app.use((_request, response, next) => {
    renderErrorPage(response, notFound).catch(next);
  });
  app.use(errorHandler(context));
  return app;
}

const notFound = {
  status: 404,
  says: 'There is nothing here',
  advice: 'Check the address, or open Slipway from your repository settings in Bitbucket.',
  reference: null,
};

/** Known errors in their own words; anything else as a reference, with the detail in the log only. */
function errorHandler({ logger }: Context): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const reference = randomUUID();
    const page = errorPageOf(error, reference);
    const log = { reference, method: request.method, path: request.path, status: page.status };
    if (page.status >= 500) logger.error({ ...log, err: error }, 'request.failed');
    else logger.info(log, 'request.refused');
    renderErrorPage(response, { ...page, reference: page.status >= 500 ? reference : null }).catch(
      next,
    );
  };
}
