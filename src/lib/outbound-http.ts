import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import axios, { type AxiosRequestConfig, type AxiosResponse } from 'axios';

export interface OutboundRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Buffer;
  /** For everything from name lookup to the last byte, ms. Default: the client's. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  /** Bytes after inflation. Default: the client's. */
  maxResponseBytes?: number;
  /** For a body that may never end: what came until time or size was up is the answer. */
  partial?: true;
}

export interface OutboundResponse {
  status: number;
  /** Lower-case names; repeated headers joined with a comma. */
  headers: Readonly<Record<string, string>>;
  text: string;
  /** Parsed body. Throws `SyntaxError` when it is not JSON. */
  json(): unknown;
}

/** Any status is an answer; only the lack of one throws. Throws `OutboundError`. */
export interface OutboundHttp {
  send(request: OutboundRequest): Promise<OutboundResponse>;
  /** Closes idle connections. */
  close(): void;
}

export interface OutboundHttpOptions {
  userAgent: string;
  /** `host` or `host:port` that may be called without TLS. Everything else needs https. */
  allowPlainHttpHosts?: readonly string[];
  /** Default 20 s. */
  timeoutMs?: number;
  /** Default 4 MiB. */
  maxResponseBytes?: number;
  /** Replaces name lookup, for callers that must judge the address before it is used. */
  lookup?: LookupFunction;
}

export type OutboundFailure = 'refused_url' | 'timeout' | 'aborted' | 'too_large' | 'network';

/**
 * No usable answer. Names the host only: path, query, headers and body may hold secrets, and the axios error that lies
 * beneath carries all of them, so it is not kept as `cause`.
 */
export class OutboundError extends Error {
  readonly failure: OutboundFailure;
  /** Node's code, for example `ECONNREFUSED`; null when there is none. */
  readonly code: string | null;
  /** True: surely nothing was sent. False: the request may have arrived and been acted on. */
  readonly beforeSend: boolean;

  constructor(failure: OutboundFailure, host: string, code: string | null, beforeSend: boolean) {
    super(`${words[failure]} (${host}${code === null ? '' : `, ${code}`})`);
    this.name = 'OutboundError';
    this.failure = failure;
    this.code = code;
    this.beforeSend = beforeSend;
  }
}

const words: Record<OutboundFailure, string> = {
  refused_url: 'Address not allowed',
  timeout: 'No complete answer in time',
  aborted: 'Call given up',
  too_large: 'Answer too large',
  network: 'No connection',
};

/**
 * The one way out of the process over HTTP: https unless the host is listed, no redirects (a credential must not follow
 * one to another host), no proxy from the environment, caps on time and size, kept-alive connections.
 */
export function createOutboundHttp(options: OutboundHttpOptions): OutboundHttp {
  const agentOptions = {
    keepAlive: true,
    maxSockets: 32,
    ...(options.lookup ? { lookup: options.lookup } : {}),
  };
  const agents = {
    httpAgent: new http.Agent(agentOptions),
    httpsAgent: new https.Agent(agentOptions),
  };
  const plainHosts = new Set(options.allowPlainHttpHosts ?? []);
  return {
    send: async (request) => {
      const url = allowedUrl(request.url, plainHosts);
      return sendOnce(url, request, options, agents);
    },
    close: () => {
      agents.httpAgent.destroy();
      agents.httpsAgent.destroy();
    },
  };
}

function allowedUrl(text: string, plainHosts: ReadonlySet<string>): URL {
  if (!URL.canParse(text)) throw new OutboundError('refused_url', 'unreadable', null, true);
  const url = new URL(text);
  const plainAllowed =
    url.protocol === 'http:' && (plainHosts.has(url.hostname) || plainHosts.has(url.host));
  // Credentials in an address end up in logs and error texts sooner or later.
  if ((url.protocol !== 'https:' && !plainAllowed) || url.username || url.password) {
    throw new OutboundError('refused_url', url.host, null, true);
  }
  return url;
}

async function sendOnce(
  url: URL,
  request: OutboundRequest,
  options: OutboundHttpOptions,
  agents: { httpAgent: http.Agent; httpsAgent: https.Agent },
): Promise<OutboundResponse> {
  const deadline = startDeadline(request.timeoutMs ?? options.timeoutMs ?? 20_000, request.signal);
  const sending = { mayHaveLeft: false };
  try {
    const most = request.maxResponseBytes ?? options.maxResponseBytes ?? 4 * 1024 * 1024;
    const config: AxiosRequestConfig = {
      ...agents,
      method: request.method,
      url: url.href,
      // axios would add `application/x-www-form-urlencoded` by itself; `false` leaves the header out.
      headers: { 'Content-Type': false, 'User-Agent': options.userAgent, ...request.headers },
      data: request.body,
      transport: watchedTransport(url, sending),
      signal: deadline.signal,
      maxContentLength: most,
      maxBodyLength: Infinity,
      responseType: 'arraybuffer',
      maxRedirects: 0,
      proxy: false,
      validateStatus: () => true,
    };
    if (!request.partial) return readResponse(await axios.request<ArrayBuffer>(config));
    const part = { ...config, responseType: 'stream', maxContentLength: Infinity } as const;
    const { data, ...response } = await axios.request<Readable>(part);
    return readResponse({ ...response, data: await readPart(data, most) });
  } catch (error) {
    throw asOutboundError(error, url.host, deadline, sending.mayHaveLeft);
  } finally {
    deadline.clear();
  }
}

interface Deadline {
  signal: AbortSignal;
  readonly expired: boolean;
  clear(): void;
}

/** `AbortSignal.any` holds on to long-lived signals in Node 20, so timer and caller's signal are joined by hand. */
function startDeadline(timeoutMs: number, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  let expired = false;
  const give = () => {
    controller.abort();
  };
  const timer = setTimeout(() => {
    expired = true;
    controller.abort();
  }, timeoutMs);
  if (outer?.aborted) give();
  else outer?.addEventListener('abort', give, { once: true });
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    clear: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', give);
    },
  };
}

/** Node's own transport, watched for the moment from which the other side may have got something. */
function watchedTransport(url: URL, sending: { mayHaveLeft: boolean }): object {
  const isTls = url.protocol === 'https:';
  return {
    request: (
      options: https.RequestOptions,
      onResponse: (response: http.IncomingMessage) => void,
    ): http.ClientRequest => {
      const request = (isTls ? https : http).request(options, onResponse);
      request.once('socket', (socket) => {
        if (request.reusedSocket || !socket.connecting) sending.mayHaveLeft = true;
        else
          socket.once(isTls ? 'secureConnect' : 'connect', () => {
            sending.mayHaveLeft = true;
          });
      });
      return request;
    },
  };
}

/** Whatever ends it (the deadline, the size, a broken connection), what came before is kept. */
async function readPart(body: Readable, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= most) break;
    }
  } catch {
    // It was never promised to be whole.
  }
  return Buffer.concat(chunks).subarray(0, most);
}

function readResponse(response: AxiosResponse<ArrayBuffer | Buffer>): OutboundResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined || value === null) continue;
    headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  const { data } = response;
  const text = (Buffer.isBuffer(data) ? data : Buffer.from(data)).toString('utf8');
  return { status: response.status, headers, text, json: () => JSON.parse(text) as unknown };
}

function asOutboundError(
  error: unknown,
  host: string,
  deadline: Deadline,
  mayHaveLeft: boolean,
): OutboundError {
  const code = codeOf(error);
  const failure = failureOf(error, deadline);
  return new OutboundError(failure, host, code, !mayHaveLeft);
}

function failureOf(error: unknown, deadline: Deadline): OutboundFailure {
  if (deadline.expired) return 'timeout';
  if (deadline.signal.aborted) return 'aborted';
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('maxContentLength')) return 'too_large';
  return 'network';
}

function codeOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
}
