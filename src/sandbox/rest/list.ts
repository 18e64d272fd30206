import type { JsonObject } from '../json.js';
import { parseFilter, sortValues } from './bbql.js';
import { ok, type Call, type Result } from './call.js';
import { pageQuery, paginate } from './paging.js';

/** A collection with `q`, `sort` and pages. */
export function listResult(
  call: Call,
  values: readonly JsonObject[],
  pagelen: { usual?: number; maximum?: number } = {},
): Result {
  const { exchange, world } = call;
  const filter = parseFilter(exchange.query.get('q'));
  const found = sortValues(values.filter(filter), exchange.query.get('sort'));
  const query = pageQuery(exchange, pagelen.usual, pagelen.maximum);
  return ok(paginate(world.links.origin, exchange, query, found));
}
