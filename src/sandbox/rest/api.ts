import { createHash } from 'node:crypto';

import { areForgeScopes, forgeScopesFor } from '../forge/scopes.js';
import { BadBody, emptyReply, jsonReply, type Exchange, type Reply } from '../http/exchange.js';
import { Router } from '../http/router.js';
import type { World } from '../world.js';
import type { Operation, Result } from './call.js';
import { grantedScopes, hasScopes, identify, type Caller } from './caller.js';
import { missingScopes, RestError } from './errors.js';
import { applyFields } from './fields.js';
import { limitCall } from './limits.js';
import { operations } from './operations.js';

const router = new Router<Operation>(
  operations.map((operation) => ({ ...operation, handler: operation })),
);

/** Everything under `/2.0`. */
export async function restApi(world: World, exchange: Exchange): Promise<Reply> {
  let extra: Record<string, string> = {};
  try {
    const found = router.find(exchange.method, routedPath(exchange.path));
    if (found === null) throw new RestError(404, 'Resource not found');
    if (Array.isArray(found)) {
      const headers = { Allow: found.join(', ') };
      throw new RestError(405, `Method "${exchange.method}" not allowed`, { headers });
    }
    const operation = found.route.handler;
    const caller = identify(world, exchange);
    const limited = limitCall(world, exchange, caller);
    if (limited.refusal) return limited.refusal;
    extra = { ...credentialHeaders(caller, operation.scopes), ...limited.headers };
    demandScopes(caller, operation);
    const result = await operation.run({ world, exchange, caller, params: found.params });
    return withHeaders(toReply(exchange, result), extra);
  } catch (error) {
    if (error instanceof BadBody) return jsonReply(400, new RestError(400, 'Bad request').body);
    if (!(error instanceof RestError)) throw error;
    return jsonReply(error.status, error.body, { ...extra, ...error.headers });
  }
}

/** A trailing slash is taken either way (§3.1), but the root listing needs its own. */
function routedPath(path: string): string {
  if (/\/src\/[^/]+\/$/.test(path)) return path;
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Anonymous callers are answered by what they ask for: public things stay visible. */
function demandScopes(caller: Caller, operation: Operation): void {
  if (caller.kind === 'anonymous') return;
  const granted = grantedScopes(caller);
  if (!areForgeScopes(granted)) {
    if (!hasScopes(caller, operation.scopes)) throw missingScopes(granted, operation.scopes);
    return;
  }
  const required = forgeScopesFor(operation);
  if (required === null) {
    throw new RestError(403, 'This API is not available to this type of credential.');
  }
  if (!required.every((scope) => granted.includes(scope))) throw missingScopes(granted, required);
}

function credentialHeaders(caller: Caller, required: readonly string[]): Record<string, string> {
  if (caller.kind === 'anonymous') return {};
  return {
    'X-OAuth-Scopes': caller.scopes.join(', '),
    'X-Accepted-OAuth-Scopes': required.join(', '),
    'X-Credential-Type': caller.credential,
  };
}

function toReply(exchange: Exchange, result: Result): Reply {
  const reply =
    'reply' in result
      ? result.reply
      : jsonReply(
          result.status,
          applyFields(result.json, exchange.query.get('fields')),
          result.headers,
        );
  if (reply.status !== 200 || exchange.method !== 'GET') return reply;
  const own = reply.headers['ETag'];
  const etag = typeof own === 'string' ? own : `"${digest(reply.body)}"`;
  const known = exchange.header('if-none-match')?.replaceAll('W/', '');
  if (known === etag || known === '*') return emptyReply(304, { ETag: etag });
  return withHeaders(reply, { ETag: etag });
}

function digest(body: string | Buffer): string {
  return createHash('md5').update(body).digest('hex');
}

function withHeaders(reply: Reply, headers: Record<string, string>): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}
