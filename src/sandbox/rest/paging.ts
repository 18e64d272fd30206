import type { Exchange } from '../http/exchange.js';
import type { Json, JsonObject } from '../json.js';
import { RestError } from './errors.js';

export interface PageQuery {
  page: number;
  pagelen: number;
}

/** `pagelen` has a default of 10 and a maximum of 100, with exceptions (bitbucket-api §3.2). */
export function pageQuery(exchange: Exchange, usual = 10, maximum = 100): PageQuery {
  const pagelen = positive(exchange.query.get('pagelen'), usual);
  if (pagelen === null || pagelen > maximum) throw new RestError(400, 'Invalid pagelen');
  const page = positive(exchange.query.get('page'), 1);
  if (page === null) throw new RestError(404, 'Invalid page');
  return { page, pagelen };
}

function positive(text: string | null, fallback: number): number | null {
  if (text === null) return fallback;
  return /^[1-9]\d{0,6}$/.test(text) ? Number(text) : null;
}

/** A page of a list that is known as a whole. */
export function paginate(
  origin: string,
  exchange: Exchange,
  query: PageQuery,
  values: readonly Json[],
): JsonObject {
  const start = (query.page - 1) * query.pagelen;
  const end = start + query.pagelen;
  const body: JsonObject = {
    pagelen: query.pagelen,
    page: query.page,
    size: values.length,
    values: values.slice(start, end),
  };
  if (end < values.length) body['next'] = pageUrl(origin, exchange, query.page + 1);
  if (query.page > 1) body['previous'] = pageUrl(origin, exchange, query.page - 1);
  return body;
}

/** A page of a list of unknown length: no `size`, as for commits. */
export function iteratorPage(
  origin: string,
  exchange: Exchange,
  query: PageQuery,
  values: readonly Json[],
  more: boolean,
): JsonObject {
  const body: JsonObject = { pagelen: query.pagelen, values: [...values] };
  if (more) body['next'] = pageUrl(origin, exchange, query.page + 1);
  return body;
}

function pageUrl(origin: string, exchange: Exchange, page: number): string {
  const query = new URLSearchParams(exchange.query);
  query.set('page', String(page));
  return `${origin}${exchange.path}?${query.toString()}`;
}
