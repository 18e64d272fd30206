import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express, { type Express } from 'express';
import { signIn, type SignInDeps } from '../../src/actions/sign-in.js';
import { createOAuthClient } from '../../src/bitbucket/oauth-client.js';
import { whoAmI } from '../../src/bitbucket/who-am-i.js';
import { createOAuthRouter } from '../../src/doors/oauth/router.js';
import { errorPageOf, renderErrorPage } from '../../src/doors/pages/error-page.js';
import { createViewEngine, viewExtension } from '../../src/doors/panel/views.js';
import { createWebSessions, type WebSessions } from '../../src/doors/web/sessions.js';
import { createIds } from '../../src/lib/ids.js';
import { createOutboundHttp } from '../../src/lib/outbound-http.js';
import { openStorage } from '../../src/storage/open-storage.js';
import { createKeyRing } from '../../src/vault/key-ring.js';
import { createVault } from '../../src/vault/vault.js';
import { OAuthPeer } from './oauth-peer.js';
import { silentLogger } from './silent-logger.js';
import { tempFolder } from './temp-folder.js';
import { testClock } from './test-clock.js';

/** Sign-in over a real database and real HTTP on both sides. */
export async function createPeopleStage(
  options: {
    publicUrl?: string;
    off?: boolean;
    /** Default: SQLite. */
    databaseUrl?: string;
    routes?: (app: Express, sessions: WebSessions) => void;
  } = {},
) {
  const folder = tempFolder('people');
  const clock = testClock();
  const ids = createIds();
  const logger = silentLogger();
  const storage = await openStorage({
    databaseUrl: options.databaseUrl ?? null,
    ...{ dataDir: folder.path, newId: () => ids.next(), now: clock.now, logger },
  });
  const vault = createVault(createKeyRing([randomBytes(32)]));
  const peer = await new OAuthPeer().start();
  peer.clock = clock.now;
  const app = express();
  const server = http.createServer(app);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const baseUrl = options.publicUrl ?? url;
  const outbound = createOutboundHttp({
    userAgent: 'Slipway/test',
    allowPlainHttpHosts: [new URL(peer.url).host],
  });
  const endpoint = { siteUrl: peer.url, apiUrl: peer.url, http: outbound, clock: clock.now };
  const oauth = createOAuthClient({
    ...endpoint,
    consumer: { clientId: peer.clientId, clientSecret: peer.clientSecret },
    redirectUrl: `${baseUrl}/oauth/callback`,
  });
  const deps: SignInDeps = {
    ...{ storage, vault, ids, clock: clock.now, logger, oauth },
    whoAmI: (token) => whoAmI(token, endpoint),
    waker: { wake: () => undefined },
  };
  const sessions = createWebSessions({ storage, ids, clock: clock.now, baseUrl });
  mount(app, (root) => {
    root.use(
      createOAuthRouter({
        oauth: options.off ? null : oauth,
        signIn: (callback) => signIn(callback, deps),
        ...{ sessions, vault, clock: clock.now, baseUrl, logger },
      }),
    );
    options.routes?.(root, sessions);
  });
  return {
    ...{ app, url, peer, clock, storage, vault, sessions, deps, endpoint, folder, logger },
    /** As the browser does it, without a browser. */
    async allow(): Promise<void> {
      const begun = { state: 's'.repeat(43), codeVerifier: 'v'.repeat(43) };
      const back = new URL(peer.allow(await oauth.authorizeUrl(begun)));
      await signIn({ query: back.search.slice(1), ...begun }, deps);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      peer.stop();
      outbound.close();
      await storage.close();
      folder.remove();
    },
  };
}

function mount(app: Express, routes: (app: Express) => void): void {
  const views = join(import.meta.dirname, '../../views');
  app.engine(viewExtension, createViewEngine(views));
  app.set('views', views);
  app.set('view engine', viewExtension);
  routes(app);
  app.use(((error: unknown, _request, response, next) => {
    renderErrorPage(response, errorPageOf(error, null)).catch(next);
  }) as express.ErrorRequestHandler);
}
