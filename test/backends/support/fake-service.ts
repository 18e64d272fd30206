import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  /** Raw, and as JSON where it is some. */
  text: string;
  json: Record<string, unknown>;
}

/** What a route answers; `body` undefined sends none. */
export interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/**
 * - `cut_before`, `silent_before`: the request is read, nothing happens, no answer;
 * - `cut_after`, `silent_after`: what was asked for is done, and its answer is lost;
 * - `page_after`: what is asked for is done, and the answer is a web page;
 * - a reply: given instead of the real one, and nothing is done.
 */
export type Fault =
  'cut_before' | 'silent_before' | 'cut_after' | 'silent_after' | 'page_after' | Reply;

export interface FaultRule {
  fault: Fault;
  /** Absent: every call. */
  when?: (call: Call) => boolean;
  /** Absent: until `heal`. */
  times?: number;
}

/** An HTTP service on this machine that behaves as its routes say, until a test gives it a fault. */
export abstract class FakeService {
  readonly calls: Call[] = [];
  clock = (): number => Date.now();
  readonly #server: http.Server;
  #faults: { rule: FaultRule; left: number }[] = [];

  constructor() {
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.#take(request, response, Buffer.concat(chunks).toString()));
    });
  }

  protected abstract route(call: Call): Reply;

  async listen(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  fail(rule: FaultRule | Fault): void {
    const full = typeof rule === 'object' && 'fault' in rule ? rule : { fault: rule };
    this.#faults.push({ rule: full, left: full.times ?? Infinity });
  }

  heal(): void {
    this.#faults = [];
  }

  /** Like a process that is not there: the port refuses. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #take(request: http.IncomingMessage, response: http.ServerResponse, text: string): void {
    const url = new URL(request.url ?? '/', 'http://fake');
    const call: Call = {
      method: request.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      text,
      json: asObject(text),
    };
    this.calls.push(call);
    const fault = this.#nextFault(call);
    if (fault === 'cut_before') return void request.socket.destroy();
    if (fault === 'silent_before') return;
    const reply = fault !== null && typeof fault === 'object' ? fault : this.route(call);
    if (fault === 'cut_after') return void request.socket.destroy();
    if (fault === 'silent_after') return;
    response.setHeader('date', new Date(this.clock()).toUTCString());
    send(response, fault === 'page_after' ? loginPage : reply);
  }

  #nextFault(call: Call): Fault | null {
    const found = this.#faults.find(({ rule, left }) => left > 0 && (rule.when?.(call) ?? true));
    if (!found) return null;
    found.left -= 1;
    return found.rule.fault;
  }
}

function send(response: http.ServerResponse, { status, body, headers }: Reply): void {
  const isText = typeof body === 'string';
  const type = body === undefined || isText ? {} : { 'content-type': 'application/json' };
  response.writeHead(status, { ...type, ...headers });
  if (body === undefined) response.end();
  else response.end(isText ? body : JSON.stringify(body));
}

function asObject(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** A login page in front of the service: a success that means nothing. */
export const loginPage: Reply = {
  status: 200,
  body: '<!doctype html><h1>Sign in</h1>',
  headers: { 'content-type': 'text/html; charset=utf-8' },
};

export const elsewhere: Reply = {
  status: 302,
  headers: { location: 'https://elsewhere.example/' },
};
