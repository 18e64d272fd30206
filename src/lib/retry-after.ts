/**
 * `Retry-After` as ms from `now` (Unix ms): seconds or an HTTP date (RFC 9110 §10.2.3); a time that has passed is 0.
 * Undefined when the header is missing or neither.
 */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse reads almost anything, "1.5" included; every form of an HTTP date begins with the day's name.
  const at = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
