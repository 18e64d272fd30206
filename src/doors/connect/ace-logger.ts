import type { Logger } from '../../core/ports.js';

/**
 * What ACE may log. It prints whole installation bodies (secret included), signing inputs and request contexts, so only
 * the first line of its words passes, cut and with everything that looks like a token taken out; objects never do.
 */
export function createAceLogger(logger: Logger): Console {
  const child = logger.child({ library: 'atlassian-connect-express' });
  const say =
    (level: 'debug' | 'warn') =>
    (...parts: unknown[]): void => {
      child[level]({ says: redacted(parts) }, 'ace');
    };
  const methods = {
    debug: say('debug'),
    log: say('debug'),
    info: say('debug'),
    // Mostly what our own lines say already, and once at start, when `ace.ts` tries whether checks are on.
    warn: say('debug'),
    error: say('warn'),
  };
  // ACE asks for a console and uses these five of its methods.
  return methods as unknown as Console;
}

function redacted(parts: readonly unknown[]): string {
  return parts
    .filter((part) => typeof part === 'string' || typeof part === 'number')
    .map((part) => String(part).split('\n', 1)[0] ?? '')
    .join(' ')
    .replace(/[\w-]{8,}(\.[\w-]+)+/g, (text) => (text.startsWith('eyJ') ? '[token]' : text))
    .replace(/(secret\W*[:=]\W*)[^\s,}]+/gi, '$1[redacted]')
    .slice(0, 300);
}
