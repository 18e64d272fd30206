import { request, type IncomingHttpHeaders } from 'node:http';

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface RawRequest {
  method?: string;
  headers?: Record<string, string | number | string[]>;
  body?: string | Buffer;
  /** In pieces and without Content-Length, so that nobody knows beforehand how much comes. */
  chunked?: boolean;
}

const answerTimeoutMs = 15_000;

/**
 * One request on a connection of its own, path and body exactly as given. An answer that comes before the body was sent
 * counts, as it does for Bitbucket; a connection that breaks without one is an error.
 */
export function sendRaw(origin: string, path: string, order: RawRequest = {}): Promise<RawAnswer> {
  const { method = 'GET', headers = {}, body, chunked = false } = order;
  const { hostname, port } = new URL(origin);
  const bytes = Buffer.from(body ?? '');
  const length = body === undefined || chunked ? {} : { 'content-length': bytes.length };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ hostname, port, path, method, agent: false },
        headers: { ...length, ...headers },
        signal: AbortSignal.timeout(answerTimeoutMs),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        const done = (): void =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          });
        response.once('end', done);
        response.once('error', done);
      },
    );
    sent.once('error', reject);
    const piece = 64 * 1024;
    const write = (from: number): void => {
      if (from >= bytes.length) sent.end();
      else sent.write(bytes.subarray(from, from + piece), () => write(from + piece));
    };
    if (chunked) write(0);
    else sent.end(bytes);
  });
}
