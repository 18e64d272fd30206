import type { Exchange } from '../core/backend.js';
import type { KeptExchange } from '../core/model/index.js';
import { hideByName, hideSecrets, secretTexts } from '../lib/hide-secrets.js';

/** Of one attempt; a backend that asks more often shows how it began and how it ended. */
const mostKept = 4;
const bodyBytes = 2_048;

const harmless: ReadonlySet<string> = new Set([
  ...['accept', 'content-length', 'content-type', 'date', 'etag', 'retry-after', 'server'],
  ...['user-agent', 'webhook-id', 'webhook-timestamp', 'idempotency-key', 'x-request-id'],
  ...['request-id', 'x-vercel-id', 'rndr-id', 'cf-ray', 'ratelimit-limit', 'ratelimit-remaining'],
  ...['ratelimit-reset', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
]);

/**
 * What may be kept and shown of a call: no query, only harmless headers, the head of each body, known secrets and whatever is
 * named like one blotted out before anything is cut.
 *
 * @param hidden as `secretTexts` gives them
 */
export function keepExchange(exchange: Exchange, hidden: readonly string[]): KeptExchange {
  const clean = (text: string): string => hideSecrets(hideByName(text), hidden);
  const body = (text: string | null): string | null => (text === null ? null : cut(clean(text)));
  const headers = (all: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(all)
        .map(([name, value]) => [name.toLowerCase(), cut(clean(String(value)))] as const)
        .filter(([name]) => harmless.has(name)),
    );
  return {
    at: exchange.at,
    ms: exchange.ms,
    method: exchange.method,
    address: hideSecrets(addressOf(exchange.url), hidden),
    requestHeaders: headers(exchange.requestHeaders),
    requestBody: body(exchange.requestBody),
    status: exchange.status,
    responseHeaders: headers(exchange.responseHeaders),
    responseBody: body(exchange.responseBody),
    failure: body(exchange.failure),
  };
}

/** Gathers what one attempt sends and gets. Masked at the end: a secret may be issued while the calls go on. */
export class ExchangeRecorder {
  readonly #exchanges: Exchange[] = [];
  readonly #secrets: unknown[] = [];

  readonly record = (exchange: Exchange): void => {
    // The first ones and the last one.
    if (this.#exchanges.length === mostKept) this.#exchanges.pop();
    this.#exchanges.push(exchange);
  };

  /** A text, or an object with texts in it, that must not be kept. */
  hide(secrets: unknown): void {
    this.#secrets.push(secrets);
  }

  kept(): KeptExchange[] | null {
    if (this.#exchanges.length === 0) return null;
    const hidden = secretTexts(this.#secrets);
    return this.#exchanges.map((exchange) => keepExchange(exchange, hidden));
  }
}

function addressOf(url: string): string {
  if (!URL.canParse(url)) return '(unreadable address)';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** By bytes, never in the middle of a character. */
function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bodyBytes) return text;
  const head = new TextDecoder('utf-8').decode(bytes.subarray(0, bodyBytes), { stream: true });
  return `${head}…`;
}
