/** What the platform itself sets for builds and processes; a target that overrode it would only break itself. */
const reservedNames = new Set(['PORT', 'HOST', 'HOME', 'PATH', 'TMPDIR', 'SOURCE_COMMIT']);
const reservedPrefix = 'SLIPWAY_';
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

export interface ParsedEnvironment {
  values: Map<string, string>;
  /** Sentences with the line number. They never repeat a value: it may be a secret in the wrong place. */
  problems: string[];
}

/** Lines of NAME=value. Empty lines and lines that start with # are left out; quotes around a value are dropped. */
export function parseEnvironmentLines(text: string): ParsedEnvironment {
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim().replace(/^export\s+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const problem = lineProblem(line, values);
    if (problem !== null) {
      problems.push(`Line ${index + 1}: ${problem}`);
      continue;
    }
    const equals = line.indexOf('=');
    values.set(line.slice(0, equals).trim(), unquote(line.slice(equals + 1).trim()));
  }
  return { values, problems };
}

function lineProblem(line: string, seen: ReadonlyMap<string, string>): string | null {
  const equals = line.indexOf('=');
  if (equals < 0) return 'write it as NAME=value.';
  const name = line.slice(0, equals).trim();
  if (!namePattern.test(name)) {
    return 'a name has letters, digits and underscores only and does not start with a digit.';
  }
  if (reservedNames.has(name) || name.startsWith(reservedPrefix)) {
    return `${name} is set by Slipway; choose another name.`;
  }
  if (seen.has(name)) return `${name} is there twice; keep one.`;
  if (line.includes('\0')) return 'remove the unprintable character.';
  return null;
}

function unquote(value: string): string {
  const quote = value[0];
  if (value.length >= 2 && (quote === '"' || quote === "'") && value.endsWith(quote)) {
    return value.slice(1, -1);
  }
  return value;
}
