import type { OutboundResponse } from '../lib/outbound-http.js';

const maxAnswers = 500;
/** Larger ones are rarely asked for twice, and memory has better uses. */
const maxTextLength = 64 * 1024;

/**
 * Answers that Bitbucket gave with an `ETag` (reference/bitbucket-api.md §3.2), so that the same question costs a 304 when
 * nothing changed. Kept per credential: what one may see is nothing to another. Whether a 304 counts against the hourly limit
 * is not known; the body and its transfer are saved either way.
 */
export class KeptAnswers {
  readonly #answers = new Map<string, { etag: string; response: OutboundResponse }>();

  /** Header of a question that may have been answered before. */
  condition(key: string): Record<string, string> {
    const kept = this.#answers.get(key);
    return kept ? { 'If-None-Match': kept.etag } : {};
  }

  /** The answer to go on with: a 304 stands for the one that is kept. */
  resolve(key: string, response: OutboundResponse): OutboundResponse {
    const kept = this.#answers.get(key);
    if (response.status === 304 && kept) {
      this.#put(key, kept);
      return { ...kept.response, headers: { ...kept.response.headers, ...response.headers } };
    }
    this.#answers.delete(key);
    const { etag } = response.headers;
    if (response.status === 200 && etag !== undefined && response.text.length <= maxTextLength) {
      this.#put(key, { etag, response });
    }
    return response;
  }

  /** The latest last: the first one is what nobody asked for the longest. */
  #put(key: string, answer: { etag: string; response: OutboundResponse }): void {
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    if (this.#answers.size <= maxAnswers) return;
    const oldest = this.#answers.keys().next();
    if (!oldest.done) this.#answers.delete(oldest.value);
  }
}
