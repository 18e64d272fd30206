import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { tenant } from '../lib/pushes.js';
import { listen, ready } from './listen.js';

/**
 * The ceiling: `node:http` that reads a body and answers. With `check`, the signature is compared and the body parsed, which
 * is the least that anything that takes webhooks must do. Nothing is stored.
 */
const checks = process.argv[2] === 'check';

function isSigned(request: IncomingMessage, body: Buffer): boolean {
  const sent = Buffer.from(String(request.headers['x-hub-signature'] ?? ''));
  const due = Buffer.from(
    `sha256=${createHmac('sha256', tenant.hookSecret).update(body).digest('hex')}`,
  );
  return sent.length === due.length && timingSafeEqual(sent, due);
}

ready(
  await listen((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (checks) {
        if (!isSigned(request, body)) {
          response.writeHead(401).end();
          return;
        }
        const parsed = JSON.parse(body.toString('utf8')) as { push?: object };
        if (!parsed.push) {
          response.writeHead(400).end();
          return;
        }
      }
      response.writeHead(204).end();
    });
  }),
);
