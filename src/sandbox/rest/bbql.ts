import { isObject, type Json, type JsonObject } from '../json.js';
import { RestError } from './errors.js';

/**
 * A small BBQL (bitbucket-api §3.2): comparisons with `=`, `!=`, `~`, `!~`, `<`, `<=`, `>`,
 * `>=`, `IN` and `NOT IN`, joined by AND, OR and parentheses.
 */
export type Filter = (value: Json) => boolean;

interface Token {
  kind: 'word' | 'string' | 'operator' | 'parenthesis' | 'comma';
  text: string;
}

const tokenPattern =
  /\s*(?:"((?:[^"\\]|\\.)*)"|(!=|!~|<=|>=|=|~|<|>)|([()])|([^\s"=!~<>(),]+)|(,))/y;

export function parseFilter(query: string | null): Filter {
  if (query === null || query.trim() === '') return () => true;
  const tokens = tokenize(query);
  const parser = new Parser(tokens);
  const filter = parser.expression();
  if (!parser.atEnd) throw invalid();
  return filter;
}

function invalid(): RestError {
  return new RestError(400, 'Invalid query');
}

function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  const text = query.trim();
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const found = tokenPattern.exec(text);
    if (!found) throw invalid();
    const [, string, operator, parenthesis, word, comma] = found;
    if (string !== undefined) {
      tokens.push({ kind: 'string', text: string.replace(/\\(.)/g, '$1') });
    } else if (operator !== undefined) tokens.push({ kind: 'operator', text: operator });
    else if (parenthesis !== undefined) tokens.push({ kind: 'parenthesis', text: parenthesis });
    else if (comma !== undefined) tokens.push({ kind: 'comma', text: comma });
    else tokens.push({ kind: 'word', text: word ?? '' });
  }
  return tokens;
}

class Parser {
  private readonly tokens: Token[];
  private position = 0;

  constructor(tokens: Token[]) {
    this.tokens = tokens;
  }

  get atEnd(): boolean {
    return this.position >= this.tokens.length;
  }

  expression(): Filter {
    let left = this.conjunction();
    while (this.takeWord('OR')) {
      const [a, b] = [left, this.conjunction()];
      left = (value) => a(value) || b(value);
    }
    return left;
  }

  private conjunction(): Filter {
    let left = this.term();
    while (this.takeWord('AND')) {
      const [a, b] = [left, this.term()];
      left = (value) => a(value) && b(value);
    }
    return left;
  }

  private term(): Filter {
    if (this.take('parenthesis', '(')) {
      const inner = this.expression();
      if (!this.take('parenthesis', ')')) throw invalid();
      return inner;
    }
    const field = this.next('word');
    const negated = this.takeWord('NOT');
    if (this.takeWord('IN')) {
      const values = this.list();
      return (candidate) => values.includes(readField(candidate, field)) !== negated;
    }
    if (negated) throw invalid();
    const operator = this.next('operator');
    const value = this.value();
    // Permissions are ordered by what they allow, not by their letters.
    const read = field.endsWith('permission') ? rankOf : (found: Json) => found;
    return (candidate) => compare(read(readField(candidate, field)), operator, read(value));
  }

  private list(): Json[] {
    if (!this.take('parenthesis', '(')) throw invalid();
    const values = [this.value()];
    while (this.take('comma', ',')) values.push(this.value());
    if (!this.take('parenthesis', ')')) throw invalid();
    return values;
  }

  private value(): Json {
    const token = this.tokens[this.position++];
    if (!token || (token.kind !== 'string' && token.kind !== 'word')) throw invalid();
    return token.kind === 'string' ? token.text : literal(token.text);
  }

  private next(kind: Token['kind']): string {
    const token = this.tokens[this.position++];
    if (token?.kind !== kind) throw invalid();
    return token.text;
  }

  private take(kind: Token['kind'], text: string): boolean {
    const token = this.tokens[this.position];
    if (token?.kind !== kind || token.text !== text) return false;
    this.position += 1;
    return true;
  }

  private takeWord(word: string): boolean {
    const token = this.tokens[this.position];
    if (token?.kind !== 'word' || token.text.toUpperCase() !== word) return false;
    this.position += 1;
    return true;
  }
}

function literal(word: string): Json {
  if (word === 'null') return null;
  if (word === 'true' || word === 'false') return word === 'true';
  // Dates are written without quotes.
  return /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : word;
}

const ranks = ['none', 'read', 'write', 'admin'];

function rankOf(permission: Json): Json {
  const rank = typeof permission === 'string' ? ranks.indexOf(permission) : -1;
  return rank < 0 ? permission : rank;
}

export function readField(value: Json, path: string): Json {
  let current: Json = value;
  for (const name of path.split('.')) {
    current = isObject(current) ? (current[name] ?? null) : null;
  }
  return current;
}

function compare(actual: Json, operator: string, wanted: Json): boolean {
  const contains = () =>
    typeof actual === 'string' &&
    typeof wanted === 'string' &&
    actual.toLowerCase().includes(wanted.toLowerCase());
  switch (operator) {
    case '=':
      return actual === wanted;
    case '!=':
      return actual !== wanted;
    case '~':
      return contains();
    case '!~':
      return !contains();
    default:
      return ordered(actual, operator, wanted);
  }
}

function ordered(actual: Json, operator: string, wanted: Json): boolean {
  const difference = order(actual, wanted);
  if (difference === null) return false;
  if (operator === '<') return difference < 0;
  if (operator === '<=') return difference <= 0;
  return operator === '>' ? difference > 0 : difference >= 0;
}

function order(a: Json, b: Json): number | null {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a !== 'string' || typeof b !== 'string') return null;
  return a < b ? -1 : a > b ? 1 : 0;
}

const natural = new Intl.Collator('en', { numeric: true });

/** `sort=name` or `sort=-target.date`: one field only; names sort naturally (§4.4). */
export function sortValues(values: JsonObject[], sort: string | null): JsonObject[] {
  if (sort === null || sort === '') return values;
  const field = sort.replace(/^-/, '');
  const direction = sort.startsWith('-') ? -1 : 1;
  const key = (value: JsonObject) => {
    const found = readField(value, field);
    return typeof found === 'string' ? found : JSON.stringify(found);
  };
  return values.toSorted((a, b) => direction * natural.compare(key(a), key(b)));
}
