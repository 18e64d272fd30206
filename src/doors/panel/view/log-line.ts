const longest = 240;

/** What tools write where it went wrong. */
const trouble =
  /\b(?:\w*Error|error|fatal|panic|exception|cannot|could not|not found|no such file|missing script|denied|timed out|killed|out of memory|failed)\b/i;

/** Lines that tell of trouble without saying which: stack frames, npm's afterwords, counts of nothing. */
const afterword =
  /^\s*(?:at\s|npm (?:ERR!|error)\s*(?:code|errno|path|command|signal|lifecycle|syscall|a complete log|$)|.*\b(?:0|no) errors?\b|.*\bwarn(?:ing)?\b)/i;

/**
 * The one line of a failed build's log that most likely says why: the first that speaks of trouble, as what follows is mostly its
 * consequence; else the last that says anything. Null for an empty log.
 */
export function usefulLine(lines: readonly string[] | null): string | null {
  const said = (lines ?? [])
    .map((line) => line.trim())
    .filter((line) => /[\p{L}\p{N}]/u.test(line));
  const found = said.find((line) => trouble.test(line) && !afterword.test(line)) ?? said.at(-1);
  if (found === undefined) return null;
  return found.length > longest ? `${found.slice(0, longest)}…` : found;
}
