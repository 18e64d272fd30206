import http from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { installApp } from '../../../src/actions/install-app.js';
import { removeApp } from '../../../src/actions/remove-app.js';
import type { Bitbucket } from '../../../src/core/ports.js';
import { SlipwayError } from '../../../src/core/errors.js';
import { createConnectDoor, type ConnectDoor } from '../../../src/doors/connect/connect-door.js';
import {
  clientKey,
  fakeVault,
  FakeProver,
  MemoryStorage,
  RecordingLogger,
  secret,
} from './fakes.js';
import type { ParsedDelivery } from '../../../src/doors/event-door.js';
import { queryStringHash } from '../../../src/doors/connect/qsh.js';
import { signToken } from './tokens.js';

export const bitbucketUrl = 'https://bitbucket.org';

/** The Connect door behind a real server, on the machine's own clock, because ACE asks no other. */
export class Harness {
  readonly memory = new MemoryStorage();
  readonly prover = new FakeProver();
  readonly logger = new RecordingLogger();
  readonly changed: string[] = [];
  readonly taken: ParsedDelivery[] = [];
  readonly app = express();
  #server: http.Server | null = null;
  #door: ConnectDoor | null = null;
  origin = '';
  readonly #bitbucketUrl: string;
  readonly #bitbucket: Pick<Bitbucket, 'proveInstallation'>;

  constructor(real?: { url: string; bitbucket(harness: Harness): Bitbucket }) {
    this.#bitbucketUrl = real?.url ?? bitbucketUrl;
    this.#bitbucket = real?.bitbucket(this) ?? this.prover.bitbucket;
  }

  get door(): ConnectDoor {
    if (!this.#door) throw new Error('not started');
    return this.#door;
  }

  async start(): Promise<void> {
    const server = http.createServer(this.app);
    this.#server = server;
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { memory, logger } = this;
    const clock = Date.now;
    let id = 0;
    const ids = { next: () => `new-${(id += 1)}`, secretToken: () => 'x' };
    const { storage } = memory;
    const bitbucket = this.#bitbucket;
    const vault = fakeVault;
    this.#door = createConnectDoor({
      baseUrl: this.origin,
      appKey: 'slipway',
      bitbucketUrl: this.#bitbucketUrl,
      storage,
      vault,
      clock,
      logger,
      lifecycle: {
        installed: (facts, proof) =>
          installApp(facts, proof, { storage, vault, bitbucket, clock, ids }),
        uninstalled: (key) => removeApp(key, { storage, clock }),
      },
      onInstallationChange: (workspace) => this.changed.push(workspace),
    });
    this.app.post('/connect/events', this.#takeEvent);
    this.app.use(this.#door.router);
    this.app.get('/panel/repository', this.#door.panelAuth, this.#show);
    this.app.get('/panel/overview', this.#door.overviewAuth, this.#show);
    this.app.get('/panel/workspace', this.#door.workspaceAuth, this.#show);
    this.app.use(this.#catchAll);
    await this.#door.ready;
  }

  /** Stands in for the intake, which is not part of this door. */
  readonly #takeEvent: express.RequestHandler = (request, response, next) => {
    const take = async (): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method, originalUrl: rawUrl, headers } = request;
      const delivery = { method, rawUrl, headers, body: Buffer.concat(chunks) };
      const verified = await this.door.events.verify(delivery);
      if (!verified.ok) return void response.status(401).end();
      this.taken.push(this.door.events.parse(delivery));
      response.status(204).end();
    };
    take().catch(next);
  };

  readonly #show: express.RequestHandler = (_request, response) => {
    const { panel, ...others } = response.locals;
    if (Object.keys(others).length > 0) throw new Error(Object.keys(others).join());
    response.json(panel);
  };

  readonly #catchAll: express.ErrorRequestHandler = (error: unknown, _request, response, _next) => {
    response.status(error instanceof SlipwayError ? error.httpStatus : 500).send('refused');
  };

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  /** Never waits longer than two seconds: a request that hangs is a finding. */
  async call(
    method: 'GET' | 'POST',
    path: string,
    options: { token?: string; json?: unknown } = {},
  ) {
    const response = await fetch(`${this.origin}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(options.token === undefined ? {} : { authorization: `JWT ${options.token}` }),
        ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(options.json === undefined ? {} : { body: JSON.stringify(options.json) }),
      signal: AbortSignal.timeout(2_000),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}

/** Signed like Bitbucket does, for now; `changed` wins over every claim. */
export function tokenFor(
  method: string,
  path: string,
  options: { key?: string; sharedSecret?: string; changed?: Record<string, unknown> } = {},
): string {
  const { key = clientKey, sharedSecret = secret, changed = {} } = options;
  const iat = Math.floor(Date.now() / 1000);
  const qsh = queryStringHash(method, path);
  return signToken(
    { iss: key, aud: key, sub: 'u1', iat, exp: iat + 180, qsh, ...changed },
    sharedSecret,
  );
}
