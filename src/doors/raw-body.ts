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
  request.once('close', () => {
    if (!request.complete) inflated.destroy();
  });
  request.pipe(inflated);
  return collect(inflated).finally(() => {
    request.unpipe(inflated);
    inflated.destroy();
  });
}

/** Leaves the stream as it is when it gives up: destroying a request would also take the way back for the answer. */
function collect(stream: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    // No listener stays behind: a stream closes after every body, and an error made for nothing costs more than the body.
    const stop = (): void => {
      stream.off('data', take).off('end', end).off('error', broken).off('close', broken);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBodyBytes) fail(new InputError('body_too_large'));
      else chunks.push(chunk);
    };
    const end = (): void => {
      stop();
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    };
    const fail = (error: InputError): void => {
      stop();
      stream.pause().on('error', () => undefined);
      reject(error);
    };
    const broken = (): void =>
      fail(new InputError('body_unreadable', 'it ended early or is not valid gzip'));
    stream.on('data', take).on('end', end).on('error', broken).on('close', broken);
  });
}
