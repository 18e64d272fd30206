import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../../src/core/ports.js';
import type { Repository } from '../../src/core/model/index.js';
import { createTokens } from '../../src/bitbucket/tokens.js';
import { createBitbucket, type BitbucketOptions } from '../../src/bitbucket/client.js';
import { createConnectGrant, type ConnectIdentity } from '../../src/bitbucket/connect-grant.js';
import { createOutboundHttp } from '../../src/lib/outbound-http.js';

export interface Seen {
  method: string;
  /** Path and query as they came over the wire. */
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  /** An object is sent as JSON, text as it is; absent: the connection is cut. */
  body?: object | string;
}

export const workspaceUuid = '{7d3f0c52-1111-4a2b-9c3d-0123456789ab}';
export const clientKey = `ari:cloud:bitbucket::app/${workspaceUuid}/slipway`;
export const identity: ConnectIdentity = { clientKey, sharedSecret: 'acme-secret' };

export const repository: Repository = {
  id: 'r1',
  uuid: '{0a1b2c3d-0000-4000-8000-000000000001}',
  workspaceUuid,
  fullName: 'acme-inc/site',
  name: 'site',
  mainBranch: 'main',
  isPrivate: true,
  state: 'active',
  baselineAt: null,
  reconcileDueAt: null,
  createdAt: 0,
  updatedAt: 0,
};
export const repositoryPath =
  '/2.0/repositories/%7B7d3f0c52-1111-4a2b-9c3d-0123456789ab%7D/%7B0a1b2c3d-0000-4000-8000-000000000001%7D';

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/**
 * A stand-in for token endpoint and API on one real port. `answer` decides; the token endpoint hands out `token-1`,
 * `token-2` … unless `answer` takes that path over, too.
 */
export class Peer {
  readonly seen: Seen[] = [];
  answer: (request: Seen) => Answer | null = () => null;
  clockMs = Date.UTC(2026, 10, 23, 12);
  /** What `sleep` was asked for; the clock moves on by as much. */
  readonly slept: number[] = [];
  baseUrl = '';
  #tokens = 0;
  readonly #http = createOutboundHttp({
    userAgent: 'Slipway/test',
    allowPlainHttpHosts: ['127.0.0.1'],
  });
  readonly #server = http.createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const seen: Seen = {
        method: req.method ?? '',
        url: req.url ?? '',
        headers: req.headers,
        body: Buffer.concat(chunks).toString(),
      };
      this.seen.push(seen);
      const answer = this.answer(seen) ?? this.#standard(seen);
      if (answer.body === undefined && answer.status === undefined)
        return void req.socket.destroy();
      const text = typeof answer.body === 'object' ? JSON.stringify(answer.body) : answer.body;
      const type = typeof answer.body === 'object' ? { 'content-type': 'application/json' } : {};
      res.writeHead(answer.status ?? 200, { ...type, ...answer.headers }).end(text);
    });
  });

  async start(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    this.baseUrl = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#http.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #standard(seen: Seen): Answer {
    if (seen.url !== '/site/oauth2/access_token') return { status: 404, body: { error: {} } };
    this.#tokens += 1;
    const body = { access_token: `token-${this.#tokens}`, expires_in: 7200, token_type: 'bearer' };
    return { body };
  }

  /** Requests to the API, without those to the token endpoint. */
  get api(): Seen[] {
    return this.seen.filter((seen) => seen.url.startsWith('/2.0/'));
  }

  get exchanges(): Seen[] {
    return this.seen.filter((seen) => seen.url.startsWith('/site/'));
  }

  grant(find: (workspace: string) => ConnectIdentity | null = () => identity) {
    return createConnectGrant({
      appKey: 'slipway',
      siteUrl: this.baseUrl,
      http: this.#http,
      clock: () => this.clockMs,
      findActiveInstallation: (workspace) => Promise.resolve(find(workspace)),
    });
  }

  client(changed: Partial<BitbucketOptions> = {}) {
    const clock = () => this.clockMs;
    const connect = this.grant();
    const tokens = createTokens({ sources: [connect], clock });
    const bitbucket = createBitbucket({
      siteUrl: this.baseUrl,
      apiUrl: this.baseUrl,
      http: this.#http,
      tokens,
      connect,
      clock,
      logger: silentLogger,
      patienceMs: 5_000,
      sleep: (ms) => {
        this.slept.push(ms);
        this.clockMs += ms;
        return Promise.resolve();
      },
      random: () => 0.5,
      ...changed,
    });
    return { bitbucket, tokens };
  }
}
