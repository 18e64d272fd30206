import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../core/ports.js';
import type { OutboundHttp } from '../../lib/outbound-http.js';

export interface KeySetOptions {
  /** Where Atlassian publishes the keys (reference/bitbucket-forge.md §3.4). */
  url: string;
  http: Pick<OutboundHttp, 'send'>;
  clock: Clock;
  /** Between two fetches, whatever asks for them; jose's own pause covers only those that went well. */
  cooldownMs?: number;
  /** Keys older than this are fetched again. */
  maxAgeMs?: number;
}

/** The keys could not be fetched: nothing can be said about a token now. */
export class KeysUnavailable extends Error {
  override name = 'KeysUnavailable';
}

const defaults = { cooldownMs: 30_000, maxAgeMs: 10 * 60_000 };
/** Keys that were good an hour ago are trusted while nobody can say otherwise; after that every token is turned away. */
const staleMs = 60 * 60_000;
/** Less is an ordinary correction. */
const correctionMs = 10_000;
const timeoutMs = 3_000;
const maxBytes = 256 * 1024;

/**
 * Once per process. Fetches when a token names a key we do not have, so a rotation needs nothing from us; never more often than
 * the cool-down, also when the fetch fails, so that nobody's made-up key ids make us call Atlassian.
 */
export function createForgeKeySet(options: KeySetOptions): JWTVerifyGetKey {
  const { clock } = options;
  let set = newSet(options);
  let askedAt = clock();
  return (header, token) => {
    // jose too counts ages by the clock: it would ask for no new key, nor drop an old one, until the clock is back there.
    const now = clock();
    if (now < askedAt - correctionMs) set = newSet(options);
    askedAt = now;
    return set(header, token);
  };
}

function newSet(options: KeySetOptions): JWTVerifyGetKey {
  const { cooldownMs, maxAgeMs } = { ...defaults, ...options };
  let last: { at: number; body: string } | null = null;
  let failedAt: number | null = null;

  const failure = (): Response => {
    const usable = last !== null && options.clock() - last.at < staleMs;
    if (!usable || last === null) throw new KeysUnavailable('the keys cannot be fetched');
    return new Response(last.body, { status: 200 });
  };

  return createRemoteJWKSet(new URL(options.url), {
    cooldownDuration: cooldownMs,
    cacheMaxAge: maxAgeMs,
    timeoutDuration: timeoutMs,
    [customFetch]: async (url: string) => {
      if (failedAt !== null && options.clock() - failedAt < cooldownMs) return failure();
      try {
        const answer = await options.http.send({
          method: 'GET',
          url,
          headers: { Accept: 'application/json' },
          timeoutMs,
          maxResponseBytes: maxBytes,
        });
        if (answer.status !== 200) throw new Error(`status ${answer.status}`);
        answer.json();
        failedAt = null;
        last = { at: options.clock(), body: answer.text };
        return new Response(answer.text, { status: 200 });
      } catch {
        failedAt = options.clock();
        return failure();
      }
    },
  });
}
