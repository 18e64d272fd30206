import { createHash } from 'node:crypto';

/**
 * Connect's query-string hash over the URL as it was on the wire: SHA-256, lower-case hex, of the canonical request
 * (reference/bitbucket-connect.md §4.5, with Atlassian's own vectors in the tests). Never compute it from a framework's
 * parsed query: Express rewrites `a[]=1`.
 *
 * Our base URL has no path (config/config.ts), so none is taken off.
 *
 * @param rawUrl path and query exactly as sent
 */
export function queryStringHash(method: string, rawUrl: string): string {
  return createHash('sha256').update(canonicalRequest(method, rawUrl)).digest('hex');
}

export function canonicalRequest(method: string, rawUrl: string): string {
  const start = rawUrl.indexOf('?');
  const path = start < 0 ? rawUrl : rawUrl.slice(0, start);
  const query = start < 0 ? '' : rawUrl.slice(start + 1);
  return `${method.toUpperCase()}&${canonicalPath(path)}&${canonicalQuery(query)}`;
}

function canonicalPath(rawPath: string): string {
  const path = rawPath.replaceAll('&', '%26');
  const rooted = path.startsWith('/') ? path : `/${path}`;
  return rooted.length > 1 && rooted.endsWith('/') ? rooted.slice(0, -1) : rooted;
}

function canonicalQuery(query: string): string {
  const values = new Map<string, string[]>();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = formDecode(equals < 0 ? part : part.slice(0, equals));
    if (name === 'jwt') continue;
    const value = formDecode(equals < 0 ? '' : part.slice(equals + 1));
    const known = values.get(name);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  return [...values]
    .sort(([a], [b]) => byCodePoint(a, b))
    .map(([name, all]) => `${encode(name)}=${all.sort(byCodePoint).map(encode).join(',')}`)
    .join('&');
}

function formDecode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Not UTF-8 or a lone percent sign: whoever signed it cannot have meant a character; hash it as it stands.
    return spaced;
  }
}

/** UTF-8 bytes sort as code points do; JavaScript's own `<` compares UTF-16 units and differs above U+FFFF. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** RFC 3986: only `A-Z a-z 0-9 - . _ ~` stay. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
