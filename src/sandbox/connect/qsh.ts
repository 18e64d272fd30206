import { createHash } from 'node:crypto';

/**
 * The query-string hash, written from the rules of bitbucket-connect §4.5 and not taken from a
 * library, so that the sandbox can disagree with the app.
 */
export function queryStringHash(method: string, url: string, basePath = ''): string {
  return createHash('sha256')
    .update(canonicalRequest(method, url, basePath))
    .digest('hex');
}

/** `url` is path and query as they are on the wire, without scheme and host. */
export function canonicalRequest(method: string, url: string, basePath = ''): string {
  const [withoutFragment = ''] = url.split('#');
  const mark = withoutFragment.indexOf('?');
  const path = mark < 0 ? withoutFragment : withoutFragment.slice(0, mark);
  const query = mark < 0 ? '' : withoutFragment.slice(mark + 1);
  return `${method.toUpperCase()}&${canonicalPath(path, basePath)}&${canonicalQuery(query)}`;
}

function canonicalPath(path: string, basePath: string): string {
  const base = basePath.replace(/\/+$/, '');
  // On a segment boundary only: base /base must not eat half of /basement.
  const relative =
    base !== '' && (path === base || path.startsWith(`${base}/`)) ? path.slice(base.length) : path;
  const rooted = relative.startsWith('/') ? relative : `/${relative}`;
  const trimmed = rooted.length > 1 && rooted.endsWith('/') ? rooted.slice(0, -1) : rooted;
  return trimmed.replaceAll('&', '%26');
}

function canonicalQuery(query: string): string {
  const values = new Map<string, string[]>();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = formDecode(equals < 0 ? part : part.slice(0, equals));
    if (name === 'jwt') continue;
    const list = values.get(name) ?? [];
    list.push(formDecode(equals < 0 ? '' : part.slice(equals + 1)));
    values.set(name, list);
  }
  return [...values]
    .sort(([a], [b]) => byCodePoint(a, b))
    .map(([name, list]) => `${encode(name)}=${list.sort(byCodePoint).map(encode).join(',')}`)
    .join('&');
}

function formDecode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

/** RFC 3986: encodeURIComponent leaves five characters that must be encoded too. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** UTF-8 bytes sort like code points; JavaScript's own order is by UTF-16 unit. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
