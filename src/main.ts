import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHandler } from './app.js';
import type { Config, Secrets } from './config/config.js';
import { databaseInWords } from './config/database-url.js';
import { rolesInWords } from './config/roles.js';
import { createContext, type Context } from './context.js';
import { ConfigError } from './core/errors.js';
import type { Logger } from './core/ports.js';
import { createLogger } from './lib/logger.js';
import { onceDatabaseIsThere } from './wiring/wait-for-database.js';

export interface RunningServer {
  /** Where Slipway is reached, without a trailing slash. */
  url: string;
  stop(): Promise<void>;
}

/**
 * Bitbucket resends on 5xx only, so what comes before we are ready is answered with one. That the process is alive is true
 * already: whoever looks after it must not end it while it waits for its database.
 */
const notReady: RequestListener = (request, response) => {
  if (request.method === 'GET' && request.url === '/healthz') response.end('ok\n');
  else response.writeHead(503, { 'retry-after': '2' }).end('starting\n');
};

/**
 * Config → context → roles. The port is bound first: it may be part of our own address, and a port that is taken should be
 * said before a data folder is touched. A PostgreSQL that is not there yet is waited for. Throws `ConfigError` or
 * `InfrastructureError` with words for the operator; nothing is left open then.
 */
export async function startServer(
  config: Readonly<Config>,
  secrets: Secrets,
): Promise<RunningServer> {
  // Everything we write is ours alone: builds and served apps run on this machine under other users.
  process.umask(0o077);
  const logger: Logger = createLogger(config.logLevel);
  let handler = notReady;
  const server = createServer((request, response) => handler(request, response));
  await listen(server, config);
  const url = config.baseUrl ?? `http://${config.host}:${(server.address() as AddressInfo).port}`;
  const handle = (by: RequestListener): void => void (handler = by);
  const context = await bringUp([config, secrets, url, logger], handle).catch((error: unknown) => {
    server.close();
    server.closeAllConnections();
    throw error;
  });
  logger.info(summary(config, secrets, url), 'slipway.started');
  return { url, stop: () => stop(server, context, logger) };
}

/** Built and started; on PostgreSQL begun anew while that is away. Nothing is left open when it rejects. */
async function bringUp(
  parts: Parameters<typeof createContext>,
  handle: (by: RequestListener) => void,
): Promise<Context> {
  const [config, , , logger] = parts;
  const begin = async (): Promise<Context> => {
    const context = await createContext(...parts);
    handle(createHandler(context));
    try {
      await context.start();
      return context;
    } catch (error) {
      handle(notReady);
      await context.stop();
      throw error;
    }
  };
  if (config.database.kind === 'sqlite') return begin();
  const database = databaseInWords(config.database, config.dataDir);
  return onceDatabaseIsThere(begin, { database, logger });
}

/** Takes nothing new, lets what runs come to its next safe point, then closes in the reverse order of the start. */
async function stop(server: Server, context: Context, logger: Logger): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await context.stop();
  server.closeAllConnections();
  await closed;
  logger.info({}, 'slipway.stopped');
}

function listen(server: Server, config: Readonly<Config>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenProblem(error, config)));
    server.listen(config.port, config.host, resolve);
  });
}

function listenProblem(error: NodeJS.ErrnoException, { host, port }: Readonly<Config>): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new ConfigError([
        `Port ${port} is in use. Stop what uses it, or set PORT to another one.`,
      ]);
    case 'EACCES':
      return new ConfigError([
        `Port ${port} may not be used by this user. Set PORT to 1024 or more.`,
      ]);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ConfigError([`SLIPWAY_HOST is ${host}, which is no address of this machine.`]);
    default:
      return error;
  }
}

/** Whether a secret is set, never the secret. */
function summary(config: Readonly<Config>, secrets: Secrets, url: string): object {
  return {
    url,
    port: config.port,
    host: config.host,
    dataDir: config.dataDir,
    database: databaseInWords(config.database, config.dataDir),
    roles: rolesInWords(config.roles),
    bitbucket: config.bitbucketUrl,
    connectAppKey: config.connectAppKey,
    oauthConsumer: config.oauthClientId !== null,
    localBackend: config.localBackend,
    masterKeyIs: secrets.masterKey === null ? 'kept in the data folder' : 'set',
  };
}
