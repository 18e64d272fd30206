import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { plain } from './static-site.js';

const hopByHop = [
  'connection',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** Cookies do not know ports: on one host a visitor's browser sends Slipway's own to every app. */
const ownCookie = /^\s*(?:__Host-|__Secure-)?slipway/i;
const innerHost = '127.0.0.1';

/** Hands one request to a port of this machine and its answer back, both as streams. */
export function proxyRequest(
  port: number,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const inner = httpRequest({
    host: innerHost,
    port,
    method: request.method,
    path: request.url,
    headers: forwardedHeaders(request),
    agent: false,
  });
  inner.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answerHeaders(answer));
    answer.on('error', () => response.destroy());
    answer.pipe(response);
  });
  inner.on('error', () => {
    if (response.headersSent) response.destroy();
    else plain(response, 502, 'The app does not answer at the moment.');
  });
  // A visitor who leaves must not keep the app busy.
  response.on('close', () => inner.destroy());
  request.on('error', () => inner.destroy());
  request.pipe(inner);
}

/** WebSockets and other upgrades: the request head is repeated, then bytes go both ways. */
export function proxyUpgrade(
  port: number,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const inner = connect({ host: innerHost, port });
  const end = () => {
    inner.destroy();
    socket.destroy();
  };
  inner.on('error', end);
  inner.on('close', end);
  socket.on('error', end);
  socket.on('close', end);
  inner.on('connect', () => {
    const lines = [`${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/1.1`];
    const headers = {
      ...forwardedHeaders(request),
      connection: 'Upgrade',
      upgrade: request.headers.upgrade,
    };
    for (const [name, value] of Object.entries(headers)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined) lines.push(`${name}: ${one}`);
      }
    }
    inner.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    if (head.length > 0) inner.write(head);
    inner.pipe(socket);
    socket.pipe(inner);
  });
}

function forwardedHeaders(request: IncomingMessage): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {
    ...endToEnd(request.headers),
    'x-forwarded-for': request.socket.remoteAddress ?? '',
    'x-forwarded-host': request.headers.host ?? '',
    'x-forwarded-proto': 'http',
  };
  // Framing is said anew, or a body of unknown length would be read as a second request.
  if (request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
  const cookies = withoutOurs(request.headers.cookie ?? '');
  if (cookies === '') delete headers.cookie;
  else headers.cookie = cookies;
  return headers;
}

function answerHeaders(answer: IncomingMessage): IncomingHttpHeaders {
  const headers = endToEnd(answer.headers);
  const cookies = headers['set-cookie']?.filter((cookie) => !ownCookie.test(cookie));
  if (cookies !== undefined) headers['set-cookie'] = cookies;
  return headers;
}

function withoutOurs(cookies: string): string {
  const kept = cookies.split(';').filter((cookie) => !ownCookie.test(cookie));
  return kept.join(';').trim();
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const kept = { ...headers };
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  for (const name of [...hopByHop, ...named]) delete kept[name];
  return kept;
}
