import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { startSandbox, type Sandbox, type SandboxOptions } from '../../src/sandbox/index.js';

export interface Answer {
  status: number;
  headers: Headers;
  json: unknown;
  text: string;
}

/** Looks into JSON by path (`push.changes.0.new.name`); undefined where there is nothing. */
export function at(value: unknown, path: string): unknown {
  let current = value;
  for (const name of path === '' ? [] : path.split('.')) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[name];
  }
  return current;
}

export function textAt(value: unknown, path: string): string {
  const found = at(value, path);
  assert.equal(typeof found, 'string', `${path} is no text in ${JSON.stringify(value)}`);
  return found as string;
}

export function listAt(value: unknown, path: string): unknown[] {
  const found = at(value, path);
  assert.ok(Array.isArray(found), `${path} is no list in ${JSON.stringify(value)}`);
  return found as unknown[];
}

export interface SandboxUser {
  uuid: string;
  account_id: string;
  nickname: string;
  git_password: string;
}

export interface PushAnswer {
  changes: { ref_type: string; name: string; from: string | null; to: string | null }[];
  deliveries: string[];
}

export interface RepositoryAnswer extends PushAnswer {
  uuid: string;
  full_name: string;
}

export interface DeliveryAnswer {
  id: string;
  event: string;
  state: string;
  request_uuid: string;
  hook_uuid: string;
  resend_of: string | null;
  bytes: number;
  body: string;
  attempts: {
    number: number;
    request_headers: Record<string, string>;
    status: number | null;
    response_body: string;
    error: string | null;
  }[];
}

export async function call(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options;
  const raw = body instanceof URLSearchParams || typeof body === 'string';
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers:
      raw || body === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, json, text };
}

export interface Seed {
  ada: SandboxUser;
  bob: SandboxUser;
  repository: RepositoryAnswer;
  first: string;
}

/** A sandbox with the control calls tests need most. */
export class Bench {
  readonly sandbox: Sandbox;

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  static async start(options: SandboxOptions = {}): Promise<Bench> {
    return new Bench(await startSandbox(options));
  }

  get url(): string {
    return this.sandbox.url;
  }

  /** The caller says which answer it expects; a wrong one fails where it is read. */
  async control<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.tryControl(method, path, body);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    }
    return answer.json as T;
  }

  tryControl(method: string, path: string, body?: unknown): Promise<Answer> {
    return call(`${this.url}/_control/${path}`, { method, body });
  }

  /** Workspace `acme` with ada (admin), bob (read), and `acme/site` with one commit. */
  async seed(): Promise<Seed> {
    const ada = await this.control<SandboxUser>('POST', 'users', {
      nickname: 'ada',
      display_name: 'Ada Example',
      email: 'ada@example.com',
    });
    const bob = await this.control<SandboxUser>('POST', 'users', { nickname: 'bob' });
    await this.control('POST', 'workspaces', { slug: 'acme', name: 'Acme', owner: 'ada' });
    const repository = await this.control<RepositoryAnswer>('POST', 'repositories', {
      workspace: 'acme',
      slug: 'site',
      permissions: { ada: 'admin', bob: 'read' },
      files: { 'index.html': 'one\n', 'docs/readme.md': '# Docs\n' },
      user: 'ada',
    });
    return { ada, bob, repository, first: repository.changes[0]?.to ?? '' };
  }

  push(body: Record<string, unknown>): Promise<PushAnswer> {
    return this.control('POST', 'push', { repository: 'acme/site', user: 'ada', ...body });
  }

  /** The new commit of a push that changes one file. */
  async commit(body: Record<string, unknown> = {}): Promise<string> {
    const files = { 'index.html': `${Math.random()}\n` };
    const { changes } = await this.push({ files, ...body });
    return changes[0]?.to ?? '';
  }

  async idle(): Promise<void> {
    await this.control('GET', 'idle');
  }

  async deliveries(): Promise<DeliveryAnswer[]> {
    const answer = await this.control<{ deliveries: DeliveryAnswer[] }>('GET', 'deliveries');
    return answer.deliveries;
  }

  rest(path: string, token: string, options: Parameters<typeof call>[1] = {}): Promise<Answer> {
    const headers = { Authorization: `Bearer ${token}`, ...options.headers };
    return call(`${this.url}/2.0/${path}`, { ...options, headers });
  }

  /** A token of a person, with the scopes given. */
  async userToken(user: string, scopes = 'account repository'): Promise<string> {
    return textAt(await this.control('POST', 'tokens', { user, scopes }), 'access_token');
  }

  cloneUrl(user: string, password: string, name = 'acme/site'): string {
    const { host } = new URL(this.url);
    return `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}/${name}.git`;
  }

  stop(): Promise<void> {
    return this.sandbox.stop();
  }
}

export interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  raw: Buffer;
  json: unknown;
}

/** The app under installation: records what it gets and answers what the test wants. */
export class FakeApp {
  readonly received: Received[] = [];
  /** By path; a function may look at the request. */
  readonly answers = new Map<string, number | ((request: Received) => Promise<number> | number)>();
  readonly installations: unknown[] = [];
  descriptor: Record<string, unknown>;
  private readonly server: Server;
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.server = server;
    this.url = url;
    this.descriptor = {
      key: 'testapp',
      name: 'Test app',
      description: 'An app under test',
      baseUrl: url,
      authentication: { type: 'jwt' },
      lifecycle: { installed: '/connect/installed', uninstalled: '/connect/uninstalled' },
      scopes: ['account', 'repository'],
      contexts: ['account'],
      modules: {
        webhooks: ['repo:push', 'repo:updated', 'repo:transfer', 'repo:deleted'].map((event) => ({
          event,
          url: '/connect/events',
        })),
        adminPages: [
          {
            key: 'panel',
            name: { value: 'Test app' },
            location: 'org.bitbucket.repository.admin',
            url:
              '/panel?workspaceUuid={workspace.uuid}&repoUuid={repository.uuid}' +
              '&repoName={repository.full_name}&userUuid={user.uuid}',
          },
        ],
        repoPages: [
          {
            key: 'overview',
            name: { value: 'Test overview' },
            location: 'org.bitbucket.repository.navigation',
            url: '/overview?repoUuid={repository.uuid}',
          },
        ],
      },
    };
  }

  static async start(): Promise<FakeApp> {
    const server = createServer((request, response) => {
      void app.handle(request).then(({ status, body }) => {
        response.writeHead(status, { 'Content-Type': 'application/json' });
        response.end(body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const app = new FakeApp(server, `http://127.0.0.1:${port}`);
    return app;
  }

  get descriptorUrl(): string {
    return `${this.url}/descriptor.json`;
  }

  get secret(): string {
    return textAt(this.installations.at(-1), 'sharedSecret');
  }

  get clientKey(): string {
    return textAt(this.installations.at(-1), 'clientKey');
  }

  events(key = 'repo:push'): Received[] {
    return this.received.filter((r) => r.headers['x-event-key'] === key);
  }

  async handle(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const url = request.url ?? '/';
    if (url === '/descriptor.json') return { status: 200, body: JSON.stringify(this.descriptor) };
    const { method = '', headers } = request;
    const json: unknown = headers['content-encoding'] ? null : JSON.parse(raw.toString() || 'null');
    const received = { method, url, headers, raw, json };
    this.received.push(received);
    const wanted = this.answers.get(url) ?? 204;
    if (url === '/connect/installed') this.installations.push(json);
    return { status: typeof wanted === 'number' ? wanted : await wanted(received), body: '' };
  }

  /** A JWT as the app makes it; the sandbox's own code is not used. */
  jwt(claims: Record<string, unknown> = {}, secret = this.secret): string {
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: 'testapp', sub: this.clientKey, iat: now, exp: now + 180, ...claims };
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${part({ typ: 'JWT', alg: 'HS256' })}.${part(all)}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  }

  token(bench: Bench, form: Record<string, string> = {}): Promise<Answer> {
    return call(`${bench.url}/site/oauth2/access_token`, {
      method: 'POST',
      headers: { Authorization: `JWT ${this.jwt()}` },
      body: new URLSearchParams({ grant_type: 'urn:bitbucket:oauth2:jwt', ...form }),
    });
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

export function installIn(bench: Bench, app: FakeApp): Promise<unknown> {
  const body = { workspace: 'acme', user: 'ada', descriptor_url: app.descriptorUrl };
  return bench.control('POST', 'apps/install', body);
}

export function claimsOf(jwt: string): unknown {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
}

const run = promisify(execFile);

/** git as a person has it, but without their configuration. */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, {
    cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: cwd,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'Ada Example',
      GIT_AUTHOR_EMAIL: 'ada@example.com',
      GIT_COMMITTER_NAME: 'Ada Example',
      GIT_COMMITTER_EMAIL: 'ada@example.com',
    },
  });
  return stdout;
}

export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sandbox-test-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
