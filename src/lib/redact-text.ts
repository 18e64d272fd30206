/** Shorter ones are words, and blotting out every "a" would leave nothing to read. */
const minSecretLength = 6;

/**
 * Text that somebody else wrote, fit to be stored and shown: one line, without control characters, at most `maxLength`
 * characters, with the given secrets and any credentials inside addresses (git prints them in its errors) blotted out.
 */
export function redactText(text: string, secrets: readonly string[], maxLength: number): string {
  // Terminal colours first: they may stand in the middle of a secret.
  let clean = text.replace(/\p{Cc}\[[\d;]*m/gu, '');
  // The longest first: a secret may begin like another one.
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    if (secret.length >= minSecretLength) clean = clean.replaceAll(secret, '[hidden]');
  }
  clean = clean
    // No scheme is longer; without the bound, a long word costs the square of its length.
    .replace(/([a-z][a-z0-9+.-]{0,19}:\/\/)[^\s/@]+@/gi, '$1[hidden]@')
    // Line breaks, and characters that turn the reading direction around.
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  const characters = [...clean];
  return characters.length <= maxLength ? clean : `${characters.slice(0, maxLength - 1).join('')}…`;
}
