import { BitbucketError } from '../core/errors.js';
import type { Clock } from '../core/ports.js';
import { OutboundError, type OutboundResponse } from '../lib/outbound-http.js';
import { isObject } from './payload.js';

/** Body and content type of an answer, judged: Bitbucket answers JSON, plain text (429) and HTML (502, maintenance). */
export function isJson(response: OutboundResponse): boolean {
  return (response.headers['content-type'] ?? '').includes('json');
}

/**
 * The error an answer stands for; null for 2xx. Statuses as in reference/bitbucket-api.md §3.3.
 *
 * - 401, 403 and every other 4xx that will not change by itself → `bitbucket_refused`
 * - 404 → `repository_gone` (what a private repository answers whoever may not see it)
 * - 429 → `bitbucket_rate_limited`, with `Retry-After` when it came
 * - 408, 3xx, 5xx and Bitbucket's own 555 (a timeout) → `bitbucket_unavailable`
 */
export function failureOf(
  response: OutboundResponse,
  what: string,
  clock: Clock,
): BitbucketError | null {
  const { status } = response;
  if (status >= 200 && status < 300) return null;
  const detail = `${what}: ${status} ${messageOf(response)}`.trim();
  const retryAfterMs = retryAfterOf(response, clock);
  return new BitbucketError(codeOf(status), detail, { status, retryAfterMs });
}

function codeOf(status: number) {
  if (status === 429) return 'bitbucket_rate_limited';
  if (status === 404) return 'repository_gone';
  if (status >= 400 && status < 500 && status !== 408) return 'bitbucket_refused';
  return 'bitbucket_unavailable';
}

/** No answer at all. `cause` keeps whether the request may have left; it holds no address beyond the host. */
export function networkFailure(error: unknown, what: string): unknown {
  if (!(error instanceof OutboundError)) return error;
  return new BitbucketError('bitbucket_unavailable', `${what}: ${error.message}`, { cause: error });
}

export function notUnderstood(response: OutboundResponse, what: string): BitbucketError {
  return new BitbucketError('bitbucket_unavailable', `${what}: the answer was not understood`, {
    status: response.status,
  });
}

/** Parsed body of a 2xx. HTML with status 200 (a login or maintenance page) is no answer. */
export function jsonOf(response: OutboundResponse, what: string): unknown {
  try {
    return response.json();
  } catch {
    throw notUnderstood(response, what);
  }
}

/** Bitbucket's own words, cut; '' for HTML. Two more places than `error.message`: the token endpoint, plain text. */
function messageOf(response: OutboundResponse): string {
  const text = isJson(response) ? jsonMessage(response) : plainMessage(response);
  return text.replace(/\s+/g, ' ').trim().slice(0, 200);
}

function jsonMessage(response: OutboundResponse): string {
  let body: unknown;
  try {
    body = response.json();
  } catch {
    return '';
  }
  if (!isObject(body)) return '';
  const { error } = body;
  if (isObject(error) && typeof error['message'] === 'string') return error['message'];
  const described = body['error_description'] ?? error;
  return typeof described === 'string' ? described : '';
}

function plainMessage(response: OutboundResponse): string {
  return (response.headers['content-type'] ?? '').startsWith('text/plain') ? response.text : '';
}

/** Seconds or an HTTP date; null when absent or unreadable. */
function retryAfterOf(response: OutboundResponse, clock: Clock): number | null {
  const value = response.headers['retry-after']?.trim();
  if (!value) return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - clock());
}
