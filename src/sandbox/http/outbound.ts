import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface OutboundRequest {
  method: 'GET' | 'POST';
  url: string;
  headers: Record<string, string>;
  body?: string | Buffer;
  timeoutMs: number;
  signal?: AbortSignal;
}

export interface OutboundAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export class OutboundTimeout extends Error {
  override name = 'OutboundTimeout';
}

const keptBytes = 1024 * 1024;

/** One request of Bitbucket's to the app. Redirects are not followed. */
export function send(request: OutboundRequest): Promise<OutboundAnswer> {
  return new Promise((resolve, reject) => {
    const start = request.url.startsWith('https:') ? httpsRequest : httpRequest;
    const body = Buffer.from(request.body ?? '');
    const headers: Record<string, string> = { ...request.headers };
    if (request.method === 'POST') headers['Content-Length'] = String(body.length);
    const { method, signal } = request;
    const outgoing = start(request.url, { method, headers, ...(signal ? { signal } : {}) });
    const timer = setTimeout(() => {
      outgoing.destroy(new OutboundTimeout(`no answer within ${request.timeoutMs} ms`));
    }, request.timeoutMs);
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        if (size < keptBytes) chunks.push(chunk);
        size += chunk.length;
      });
      response.on('error', fail);
      response.on('end', () => {
        clearTimeout(timer);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    outgoing.end(body);
  });
}
