import type { JsonObject } from '../json.js';
import { parseFilter, sortValues } from './bbql.js';
import { ok, type Call, type Result } from './call.js';
import { pageQuery, paginate } from './paging.js';

export interface ListOptions {
  /** `pagelen` when none is asked for, and the largest one. */
  usual?: number;
  maximum?: number;
}

/** A collection with `q`, `sort` and pages. */
export function listResult(
  call: Call,
  values: readonly JsonObject[],
  options: ListOptions = {},
): Result {
  return ok(listPage(call, values, options));
}

export function listPage(
  call: Call,
  values: readonly JsonObject[],
  options: ListOptions = {},
): JsonObject {
  const { exchange, world } = call;
  const filter = parseFilter(exchange.query.get('q'));
  const found = sortValues(values.filter(filter), exchange.query.get('sort'));
  const query = pageQuery(exchange, options.usual, options.maximum);
  return paginate(world.links.origin, exchange, query, found);
}
