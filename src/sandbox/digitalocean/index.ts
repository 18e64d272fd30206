import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BadBody, Exchange, type Reply } from '../http/exchange.js';
import { Router } from '../http/router.js';
import { Account } from './account.js';
import { Faults } from './faults.js';
import { isOver, type CodeSource } from './model.js';
import { refusal, routes, type Handler } from './routes.js';

export type { Fault } from './faults.js';
export type { AppState, BuildResult, CodeSource, DeploymentState } from './model.js';

/** One request as it came in, for tests. */
export interface SeenCall {
  method: string;
  path: string;
  query: string;
  body: string;
  status: number;
  answer: string;
}

export interface FakeDigitalOcean {
  url: string;
  account: Account;
  faults: Faults;
  calls: SeenCall[];
  /** Every running deployment one phase on. */
  advance(): Promise<void>;
  /** Every running deployment to its end. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/**
 * DigitalOcean's App Platform on this machine, written from reference/deploy-backends.md §1 and importing nothing of Slipway, so
 * that it can disagree with the client.
 *
 * @param options.stepMs time between phases; 0: only `advance` and `finish` move them
 */
export async function startDigitalOcean(options: {
  source: CodeSource;
  clock?: () => number;
  stepMs?: number;
  port?: number;
}): Promise<FakeDigitalOcean> {
  const clock = options.clock ?? Date.now;
  const account = new Account(options.source, clock);
  const fake = {
    account,
    faults: new Faults(),
    calls: [] as SeenCall[],
    url: '',
    limit: new Limit(),
  };
  const server = createServer((request, response) => {
    handle(fake, new Exchange(request, response)).catch(() => response.destroy());
  });
  fake.url = await listen(server, options.port ?? 0);
  const advance = async (): Promise<void> => {
    for (const app of account.apps) {
      for (const one of app.deployments.filter((each) => !isOver(each))) {
        await account.advance(app, one);
      }
    }
  };
  const timer = options.stepMs ? setInterval(() => void advance(), options.stepMs) : null;
  timer?.unref();
  return {
    ...fake,
    advance,
    async finish() {
      const isRunning = () => account.apps.some((app) => account.running(app) !== undefined);
      while (isRunning()) await advance();
    },
    async close() {
      if (timer) clearInterval(timer);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const router = new Router<Handler>(routes);

interface Fake {
  account: Account;
  faults: Faults;
  calls: SeenCall[];
  url: string;
  limit: Limit;
}

async function handle(fake: Fake, exchange: Exchange): Promise<void> {
  const { method, path } = exchange;
  const fault = fake.faults.take(method, path);
  const isDone = fault?.kind !== 'drop_before' && fault?.kind !== 'status';
  const real = isDone ? await answer(fake, exchange) : null;
  const body = (await exchange.body()).toString('utf8');
  const reply = real ?? {
    status: fault?.status ?? 500,
    headers: { 'Content-Type': 'application/json', ...fault?.headers },
    body: JSON.stringify(fault?.body ?? { id: 'server_error', message: 'Server Error' }),
  };
  const seen = { method, path, query: exchange.query.toString(), body, status: reply.status };
  fake.calls.push({ ...seen, answer: reply.body.toString() });
  switch (fault?.kind) {
    case 'drop_before':
    case 'drop_after':
      exchange.request.socket.destroy();
      return;
    case 'hang':
      return;
    case 'garbage':
      return write(fake, exchange, {
        status: 200,
        headers: { 'Content-Type': 'text/html' },
        body: '<!doctype html><title>Sign in</title>',
      });
    default:
      return write(fake, exchange, reply);
  }
}

async function answer(fake: Fake, exchange: Exchange): Promise<Reply> {
  const found = router.find(exchange.method, exchange.path);
  if (found === null || Array.isArray(found)) {
    return refusal(404, 'not_found', 'The resource you requested could not be found.');
  }
  const { handler } = found.route;
  const refused = handler.scope === null ? null : authorise(fake, exchange, handler.scope);
  if (refused) return refused;
  try {
    return await handler.run({
      ...{ account: fake.account, exchange, params: found.params, origin: fake.url },
    });
  } catch (error) {
    if (error instanceof BadBody) return refusal(400, 'bad_request', error.message);
    throw error;
  }
}

/** deploy-backends §1.1, §1.2 */
function authorise(fake: Fake, exchange: Exchange, scope: string): Reply | null {
  const [, text] = /^Bearer (\S+)$/.exec(exchange.header('authorization') ?? '') ?? [];
  const token = fake.account.tokens.find((one) => one.token === text);
  if (!token) return refusal(401, 'unauthorized', 'Unable to authenticate you');
  if (!token.scopes.includes(scope)) {
    return refusal(403, 'forbidden', 'You are not authorized to perform this operation');
  }
  const wait = fake.limit.take(fake.account.now());
  if (wait === null) return null;
  const limited = refusal(429, 'too_many_requests', 'API rate limit exceeded.');
  return { ...limited, headers: { ...limited.headers, ...wait } };
}

/** 250 a minute and 5,000 an hour; only the first says `retry-after` (§1.2). */
class Limit {
  #made: number[] = [];

  take(now: number): Record<string, string> | null {
    this.#made = this.#made.filter((at) => at > now - 3_600_000);
    const lastMinute = this.#made.filter((at) => at > now - 60_000);
    if (lastMinute.length >= 250) {
      const seconds = Math.ceil(((lastMinute[0] ?? now) + 60_000 - now) / 1000);
      return { 'retry-after': String(seconds) };
    }
    if (this.#made.length >= 5_000) return this.headers(now);
    this.#made.push(now);
    return null;
  }

  headers(now: number): Record<string, string> {
    const reset = Math.ceil(((this.#made[0] ?? now) + 3_600_000) / 1000);
    return {
      'ratelimit-limit': '5000',
      'ratelimit-remaining': String(5_000 - this.#made.length),
      'ratelimit-reset': String(reset),
    };
  }
}

async function write(fake: Fake, exchange: Exchange, reply: Reply): Promise<void> {
  const { response } = exchange;
  const now = fake.account.now();
  response.sendDate = false;
  response.writeHead(reply.status, {
    ...fake.limit.headers(now),
    ...reply.headers,
    Date: new Date(now).toUTCString(),
    'Content-Length': Buffer.byteLength(reply.body),
  });
  response.end(reply.status === 204 ? undefined : reply.body);
  await closed(response);
}

async function closed(response: ServerResponse<IncomingMessage>): Promise<void> {
  if (!response.closed) await once(response, 'close');
}

async function listen(server: Server, port: number): Promise<string> {
  server.keepAliveTimeout = 65_000;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}
