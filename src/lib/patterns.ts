import picomatch from 'picomatch';

const compiled = new Map<string, (name: string) => boolean>();
const cacheLimit = 1_000;

/**
 * Whether a ref name matches a comma-separated list of globs, by the habits of Bitbucket Pipelines: `*` stays within one
 * path segment, `**` crosses slashes, `!pattern` takes names out again. Case matters, as in git.
 */
export function matchesRefPattern(patterns: string, name: string): boolean {
  return matchesList(patterns, name);
}

/** The same for files: a folder's name, or one with a slash at its end, stands for everything below it. */
export function matchesPathPattern(patterns: string, path: string): boolean {
  const withFolders = split(patterns).flatMap((part) => {
    const bare = part.replace(/\/+$/, '');
    return bare === part ? [bare, `${bare}/**`] : [`${bare}/**`];
  });
  return matchesList(withFolders.join(','), path);
}

function matchesList(patterns: string, name: string): boolean {
  let matches = compiled.get(patterns);
  if (!matches) {
    matches = compile(patterns);
    // Patterns come from the database; a bound keeps a busy server from growing with every edit.
    if (compiled.size >= cacheLimit) compiled.clear();
    compiled.set(patterns, matches);
  }
  return matches(name);
}

/** Null when fine, else a sentence for the form. */
export function refPatternProblem(patterns: string): string | null {
  const parts = split(patterns);
  if (parts.length === 0) return 'Write at least one pattern, for example main.';
  if (parts.every((part) => part.startsWith('!'))) {
    return 'Every pattern begins with "!", so nothing would ever match.';
  }
  // git check-ref-format: none of these can occur in a ref name, so the pattern could never match.
  const impossible = parts.find((part) => /[\s~^:\\]|\.\.|@\{/.test(part));
  if (impossible !== undefined)
    return `"${impossible}" cannot match: no branch or tag has such a name.`;
  return null;
}

/** Null when fine, else a sentence for the form. */
export function pathPatternProblem(patterns: string): string | null {
  const parts = split(patterns);
  if (parts.length === 0) return 'Write at least one pattern, for example web/**.';
  if (parts.every((part) => part.startsWith('!'))) {
    return 'Every pattern begins with "!", so no file would ever match.';
  }
  return null;
}

/** At commas, but not at those within braces: `{web,api}/**` is one pattern. */
function split(patterns: string): string[] {
  return patterns
    .split(/,(?![^{]*\})/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function compile(patterns: string): (name: string) => boolean {
  const parts = split(patterns);
  const options: picomatch.PicomatchOptions = { dot: true, nonegate: true };
  const wanted = parts.filter((part) => !part.startsWith('!'));
  const unwanted = parts.filter((part) => part.startsWith('!')).map((part) => part.slice(1));
  const isWanted = picomatch(wanted, options);
  const isUnwanted = unwanted.length > 0 ? picomatch(unwanted, options) : () => false;
  return (name) => wanted.length > 0 && isWanted(name) && !isUnwanted(name);
}
