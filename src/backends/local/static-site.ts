import { open, realpath, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { contentTypeOf } from './content-types.js';
import { lookUp } from './static-lookup.js';

export interface StaticRelease {
  name: string;
  files: string;
  /** When it became current, ms. */
  since: number;
  spaFallback: boolean;
}

/** Answers one request from the files of a release. */
export async function serveStatic(
  release: StaticRelease,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return plain(response, 405, 'This site only answers GET.');
  }
  const root = await realpath(release.files);
  const address = request.url ?? '/';
  const found = await lookUp(root, address);
  if (found.kind === 'malformed') return plain(response, 400, 'This address cannot be read.');
  if (found.kind === 'redirect') {
    response.setHeader('Location', found.location);
    return plain(response, 301, 'See the address with a slash at the end.');
  }
  if (found.kind === 'file') return sendFile(release, found.file, 200, request, response);
  const page = release.spaFallback && isPageAddress(address) ? '/index.html' : '/404.html';
  const instead = await lookUp(root, page);
  if (instead.kind !== 'file') return plain(response, 404, 'There is no such page here.');
  return sendFile(release, instead.file, page === '/index.html' ? 200 : 404, request, response);
}

/** A missing picture or script must stay a 404; a page named `v1.2` is rare. */
function isPageAddress(address: string): boolean {
  return path.posix.extname(address.split('?')[0] ?? '') === '';
}

async function sendFile(
  release: StaticRelease,
  file: string,
  status: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await sendHandle(handle, { release, file, status, request, response });
  } finally {
    await handle.close();
  }
}

async function sendHandle(
  handle: FileHandle,
  to: {
    release: StaticRelease;
    file: string;
    status: number;
    request: IncomingMessage;
    response: ServerResponse;
  },
): Promise<void> {
  const { release, file, status, request, response } = to;
  const facts = await handle.stat();
  const etag = `"${release.name}-${facts.size.toString(36)}-${Math.floor(facts.mtimeMs).toString(36)}"`;
  // The switch counts as a change: after a rollback the files are older than what the browser has.
  const modified = Math.floor(Math.max(facts.mtimeMs, release.since) / 1000) * 1000;
  response.setHeader('Content-Type', contentTypeOf(file));
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('ETag', etag);
  response.setHeader('Last-Modified', new Date(modified).toUTCString());
  if (status === 200 && isFresh(request, etag, modified)) {
    response.removeHeader('Content-Type');
    response.writeHead(304).end();
    return;
  }
  response.setHeader('Content-Length', facts.size);
  response.writeHead(status);
  if (request.method === 'HEAD' || facts.size === 0) {
    response.end();
    return;
  }
  // `end`: a file that grew would break the announced length.
  await pipeline(
    handle.createReadStream({ autoClose: false, end: facts.size - 1 }),
    response,
  ).catch(() => response.destroy());
}

function isFresh(request: IncomingMessage, etag: string, modified: number): boolean {
  const known = request.headers['if-none-match'];
  if (known !== undefined) {
    return known
      .split(',')
      .some((one) => one.trim().replace(/^W\//, '') === etag || one.trim() === '*');
  }
  const since = Date.parse(request.headers['if-modified-since'] ?? '');
  return !Number.isNaN(since) && modified <= since;
}

export function plain(response: ServerResponse, status: number, sentence: string): void {
  const body = `${sentence}\n`;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.writeHead(status);
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
