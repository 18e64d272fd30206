import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import { InputError } from '../core/errors.js';

/** Bitbucket never sends more than 256 KB; 1 MiB leaves room and still bounds what a stranger can make us hold. */
export const maxBodyBytes = 1024 * 1024;

/**
 * The body as its signature covers it: inflated when it came gzipped. Throws `InputError` (`body_too_large`,
 * `body_unreadable`); the cap counts inflated bytes, so a small bomb is no way around it.
 */
export async function readRawBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) {
    throw new InputError('body_too_large');
  }
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') return collect(request);
  if (encoding !== 'gzip') throw new InputError('body_unreadable', `content encoding ${encoding}`);
  const inflated = createGunzip();
  request.on('error', (error) => inflated.destroy(error));
  request.pipe(inflated);
  return collect(inflated);
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBodyBytes) throw new InputError('body_too_large');
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError('body_unreadable', 'it ended early or is not valid gzip');
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}
