import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { controlApi } from './control/routes.js';
import type { RequestFault } from './faults.js';
import { forgeRoutes } from './forge/routes.js';
import { gitEndpoint, gitTarget } from './git/git-endpoint.js';
import { emptyReply, Exchange, jsonReply, textReply, type Reply } from './http/exchange.js';
import { authKind, maskQuery } from './journal.js';
import { tokenEndpoint } from './oauth/token-endpoint.js';
import { restApi } from './rest/api.js';
import { webPages } from './web/routes.js';
import type { World } from './world.js';

/** One server plays bitbucket.org, api.bitbucket.org and the sandbox's own control API. */
export function makeServer(world: () => World, resetAll: () => Promise<void>): Server {
  const server = createServer((request, response) => {
    handle(world(), resetAll, request, response).catch((error: unknown) => {
      // A client that has left is no error of the sandbox.
      if (response.destroyed) return;
      world().log(`error: ${error instanceof Error ? (error.stack ?? error.message) : 'unknown'}`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  // Pushes over slow links may take longer than Node's five minutes.
  server.requestTimeout = 0;
  // Longer than clients keep idle connections, so that they never meet one just closed.
  server.keepAliveTimeout = 65_000;
  return server;
}

export async function listen(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      throw new Error(`Port ${port} is in use; choose another one for the sandbox.`, {
        cause: error,
      });
    }
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address.port;
}

async function handle(
  world: World,
  resetAll: () => Promise<void>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const exchange = new Exchange(request, response);
  const control = exchange.path.startsWith('/_control/');
  const reply = control
    ? await controlApi(world, exchange, resetAll)
    : await bitbucket(world, exchange);
  if (!reply) return;
  // Follows the sandbox's clock, as tokens do.
  response.setHeader('Date', new Date(world.clock.now()).toUTCString());
  await write(exchange, reply);
}

/** Everything that Bitbucket itself would answer, with faults in front of it. */
async function bitbucket(world: World, exchange: Exchange): Promise<Reply | null> {
  const started = Date.now();
  const at = world.clock.timestamp();
  const fault = world.faults.takeForRequest(exchange.method, exchange.rawUrl);
  if (fault && fault.delay_ms > 0) await sleep(fault.delay_ms, undefined, { ref: false });
  const replaces = fault !== null && (fault.drop || fault.status !== null);
  const real = replaces && fault.when === 'before' ? null : await route(world, exchange);
  // git has answered the client itself by then; only cutting the connection is left.
  const answered = exchange.response.headersSent;
  const reply = replaces && !answered ? faultReply(fault) : real;
  if (isApi(exchange.path)) {
    world.journal.call({
      at,
      method: exchange.method,
      path: exchange.path,
      query: maskQuery(exchange.query),
      status: replaces && fault.drop ? 0 : (reply?.status ?? 0),
      auth: authKind(exchange.header('authorization')),
      grant: exchange.path === tokenPath ? await grantType(exchange) : null,
      duration_ms: Date.now() - started,
      fault: fault?.id ?? null,
    });
  }
  if (replaces && fault.drop) {
    exchange.request.socket.destroy();
    return null;
  }
  return reply;
}

const tokenPath = '/site/oauth2/access_token';

async function grantType(exchange: Exchange): Promise<string | null> {
  return (await exchange.form().catch(() => null))?.get('grant_type') ?? null;
}

function isApi(path: string): boolean {
  return path.startsWith('/2.0/') || path.startsWith('/site/') || path === '/_forge/jwks.json';
}

/** null: the answer has been written already (git). */
async function route(world: World, exchange: Exchange): Promise<Reply | null> {
  if (exchange.path.startsWith('/2.0/')) return restApi(world, exchange);
  if (exchange.path === tokenPath) {
    if (exchange.method !== 'POST') return emptyReply(405, { Allow: 'POST' });
    return tokenEndpoint(world, exchange);
  }
  if (exchange.path.startsWith('/_forge/')) return forgeRoutes(world, exchange);
  const git = gitTarget(exchange.path);
  if (git) return gitEndpoint(world, exchange, git);
  return webPages(world, exchange);
}

function faultReply(fault: RequestFault): Reply {
  const status = fault.status ?? 500;
  const reply =
    typeof fault.body === 'string' ? textReply(status, fault.body) : jsonReply(status, fault.body);
  return { ...reply, headers: { ...reply.headers, ...fault.headers } };
}

async function write(exchange: Exchange, reply: Reply): Promise<void> {
  const { response } = exchange;
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
  const bodyless = reply.status === 304 || reply.status === 204;
  response.writeHead(reply.status, {
    ...reply.headers,
    ...(bodyless ? {} : { 'Content-Length': body.length }),
  });
  response.end(bodyless || exchange.method === 'HEAD' ? undefined : body);
  await once(response, 'close').catch(() => undefined);
}
