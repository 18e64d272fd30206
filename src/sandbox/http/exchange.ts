import type { IncomingMessage, ServerResponse } from 'node:http';

import { isObject, type JsonObject } from '../json.js';

/** An answer, before it is written: faults may still replace it. */
export interface Reply {
  status: number;
  headers: Record<string, string | string[]>;
  body: string | Buffer;
}

export class BadBody extends Error {
  override name = 'BadBody';
}

const bodyLimit = 32 * 1024 * 1024;

/** One request, with the URL as it was on the wire (qsh needs the raw one). */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly rawUrl: string;
  /** Still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  private bodyPromise: Promise<Buffer> | null = null;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? 'GET';
    this.rawUrl = request.url ?? '/';
    const mark = this.rawUrl.indexOf('?');
    this.path = mark < 0 ? this.rawUrl : this.rawUrl.slice(0, mark);
    this.query = new URLSearchParams(mark < 0 ? '' : this.rawUrl.slice(mark + 1));
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  body(): Promise<Buffer> {
    this.bodyPromise ??= readBody(this.request);
    return this.bodyPromise;
  }

  /** JSON, or a form read as a flat object: Bitbucket takes both for flat bodies (§3.1). */
  async object(): Promise<JsonObject> {
    const text = (await this.body()).toString('utf8');
    if (isForm(this.header('content-type'))) return Object.fromEntries(new URLSearchParams(text));
    if (text.trim() === '') return {};
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new BadBody('the body is not JSON');
    }
    if (!isObject(parsed)) throw new BadBody('the body is not a JSON object');
    return parsed;
  }

  async form(): Promise<URLSearchParams | null> {
    if (!isForm(this.header('content-type'))) return null;
    return new URLSearchParams((await this.body()).toString('utf8'));
  }
}

function isForm(contentType: string | undefined): boolean {
  return /^application\/x-www-form-urlencoded\b/i.test(contentType ?? '');
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk as Uint8Array);
    size += part.length;
    if (size > bodyLimit) throw new BadBody('the body is larger than 32 MB');
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

export function jsonReply(
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  };
}

export function textReply(
  status: number,
  text: string,
  headers: Record<string, string> = {},
): Reply {
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers },
    body: text,
  };
}

export function emptyReply(status: number, headers: Record<string, string> = {}): Reply {
  return { status, headers, body: '' };
}
