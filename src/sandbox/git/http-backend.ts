import type { ChildProcess } from 'node:child_process';

import type { Exchange } from '../http/exchange.js';
import type { GitRepositories } from './git-repositories.js';

export interface BackendRequest {
  exchange: Exchange;
  folder: string;
  /** `info/refs`, `git-upload-pack` or `git-receive-pack`. */
  service: string;
  user: string;
  allowAnySha: boolean;
  /** Runs after git has finished and before the client hears so. */
  beforeEnd?: () => Promise<void>;
}

/** Hands one request to git's own CGI program and its answer back to the client. */
export async function serveGit(git: GitRepositories, request: BackendRequest): Promise<void> {
  const { exchange } = request;
  const child = git.runner.start(['http-backend'], cgiEnvironment(git, request));
  const closed = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  child.stderr?.resume();
  feed(exchange, child);
  answer(exchange, child);
  await closed;
  await request.beforeEnd?.();
  if (!exchange.response.headersSent) exchange.response.writeHead(500);
  exchange.response.end();
}

function feed(exchange: Exchange, child: ChildProcess): void {
  const { request } = exchange;
  // The client may leave, or git may stop reading: neither is an error of the sandbox.
  child.stdin?.on('error', () => undefined);
  if (child.stdin) request.pipe(child.stdin);
  request.once('close', () => {
    if (!request.complete) child.stdin?.destroy();
  });
}

/** The CGI header block becomes status and headers; the rest is passed on as it comes. */
function answer(exchange: Exchange, child: ChildProcess): void {
  const { response } = exchange;
  const { stdout } = child;
  response.once('close', () => stdout?.resume());
  const write = (chunk: Buffer) => {
    if (response.destroyed || response.write(chunk)) return;
    stdout?.pause();
    response.once('drain', () => stdout?.resume());
  };
  let head: Buffer | null = Buffer.alloc(0);
  stdout?.on('data', (chunk: Buffer) => {
    if (head === null) {
      write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const rest = head.subarray(end + 4);
    writeHead(exchange, head.subarray(0, end).toString('latin1'));
    head = null;
    if (rest.length > 0) write(rest);
  });
}

/** RFC 3875, plus what git's own documentation of http-backend asks for. */
function cgiEnvironment(git: GitRepositories, request: BackendRequest): NodeJS.ProcessEnv {
  const { exchange } = request;
  const mark = exchange.rawUrl.indexOf('?');
  const env: NodeJS.ProcessEnv = {
    ...git.runner.environment({
      'uploadpack.allowAnySHA1InWant': String(request.allowAnySha),
      'http.receivepack': 'true',
    }),
    GIT_PROJECT_ROOT: git.root,
    GIT_HTTP_EXPORT_ALL: '1',
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_METHOD: exchange.method,
    PATH_INFO: `/${request.folder}/${request.service}`,
    QUERY_STRING: mark < 0 ? '' : exchange.rawUrl.slice(mark + 1),
    REMOTE_USER: request.user,
    REMOTE_ADDR: exchange.request.socket.remoteAddress ?? '',
    CONTENT_TYPE: exchange.header('content-type') ?? '',
  };
  const length = exchange.header('content-length');
  // Left out for chunked bodies: http-backend then reads to the end of the stream.
  if (length !== undefined) env['CONTENT_LENGTH'] = length;
  const encoding = exchange.header('content-encoding');
  if (encoding !== undefined) env['HTTP_CONTENT_ENCODING'] = encoding;
  // Protocol 2 hands out any commit by its hash, so refusing that means speaking version 0.
  const protocol = request.allowAnySha ? exchange.header('git-protocol') : undefined;
  if (protocol !== undefined) env['GIT_PROTOCOL'] = protocol;
  return env;
}

function writeHead(exchange: Exchange, block: string): void {
  let status = 200;
  const headers: Record<string, string> = {};
  for (const text of block.split('\r\n')) {
    const colon = text.indexOf(':');
    const name = text.slice(0, colon);
    const value = text.slice(colon + 1).trim();
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
    else headers[name] = value;
  }
  exchange.response.writeHead(status, headers);
}
