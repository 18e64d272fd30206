import type { CallBudget } from './call-budget.js';
import { OutboundError, type OutboundHttp, type OutboundRequest } from './outbound-http.js';
import { retryAfterMs } from './retry-after.js';

export interface VendorCall {
  method: OutboundRequest['method'];
  /** From the origin, with a leading slash; its parts already encoded. */
  path: string;
  query?: Readonly<Record<string, string>>;
  json?: unknown;
  /** Sent as `Authorization: Bearer`. */
  token: string;
  signal: AbortSignal;
  /** More than the client's, for answers known to be long. */
  maxResponseBytes?: number;
}

export type VendorAnswer =
  | {
      kind: 'answered';
      status: number;
      /** Undefined: it is not JSON. */
      body: unknown;
      headers: Readonly<Record<string, string>>;
      retryAfterMs: number | undefined;
    }
  /** Surely nothing arrived. `waitMs`: our own budget said so, and this is how long it lasts. */
  | { kind: 'not_sent'; reason: string; waitMs?: number }
  /** It may have arrived and been acted on. */
  | { kind: 'no_answer'; reason: string };

export interface VendorApiOptions {
  /** A client for fixed hosts: no redirects, caps on time and size. */
  http: Pick<OutboundHttp, 'send'>;
  /** `https://api.digitalocean.com`: no path, no trailing slash. */
  origin: string;
  /** Names the credential in `budget`; never the credential itself. */
  budgetKey: string;
  budget: CallBudget;
  clock: () => number;
}

/** One call of a vendor's JSON API. Never throws for what the other side does; words name the host, never path or token. */
export async function callVendor(
  call: VendorCall,
  options: VendorApiOptions,
): Promise<VendorAnswer> {
  const { host } = new URL(options.origin);
  const waitMs = options.budget.take(options.budgetKey);
  if (waitMs > 0) return { kind: 'not_sent', reason: `${host} allows no more calls now`, waitMs };
  try {
    const response = await options.http.send(requestOf(call, options.origin));
    return {
      kind: 'answered',
      status: response.status,
      body: parsed(response.text),
      headers: response.headers,
      retryAfterMs: retryAfterMs(response.headers['retry-after'], options.clock()),
    };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return error.beforeSend
      ? { kind: 'not_sent', reason: `no connection to ${host}${codeIn(error)}` }
      : { kind: 'no_answer', reason: `${host} ${noAnswer[error.failure]}` };
  }
}

function requestOf(call: VendorCall, origin: string): OutboundRequest {
  const query = new URLSearchParams(call.query).toString();
  const { maxResponseBytes } = call;
  return {
    method: call.method,
    url: `${origin}${call.path}${query === '' ? '' : `?${query}`}`,
    headers: {
      Accept: 'application/json',
      Authorization: `Bearer ${call.token}`,
      ...(call.json === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
    signal: call.signal,
    ...(maxResponseBytes === undefined ? {} : { maxResponseBytes }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function codeIn({ code }: OutboundError): string {
  return code === null ? '' : ` (${code})`;
}

const noAnswer: Record<OutboundError['failure'], string> = {
  refused_url: 'may not be called from here',
  timeout: 'did not answer in time',
  aborted: 'did not answer in time',
  too_large: 'answered more than can be read',
  network: 'broke the connection before it answered',
};
