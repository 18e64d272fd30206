/**
 * Patterns: `/a/:name/b` takes one segment, a final `*name` takes the rest with its slashes
 * (branch names, file paths). Matching works on the raw path, so `%2F` stays inside a segment
 * until it is decoded.
 */
export interface Route<H> {
  method: string;
  pattern: string;
  handler: H;
}

export interface Match<H> {
  route: Route<H>;
  params: Record<string, string>;
}

export class Router<H> {
  private readonly routes: { route: Route<H>; regex: RegExp; names: string[] }[];

  constructor(routes: readonly Route<H>[]) {
    this.routes = routes.map((route) => ({ route, ...compile(route.pattern) }));
  }

  /** The match, or the methods that the path does know, or null. */
  find(method: string, path: string): Match<H> | string[] | null {
    const allowed: string[] = [];
    for (const { route, regex, names } of this.routes) {
      const found = regex.exec(path);
      if (!found) continue;
      if (route.method !== method && !(method === 'HEAD' && route.method === 'GET')) {
        allowed.push(route.method);
        continue;
      }
      const params = decodeAll(names, found.slice(1));
      if (params) return { route, params };
    }
    return allowed.length > 0 ? allowed : null;
  }
}

function compile(pattern: string): { regex: RegExp; names: string[] } {
  const names: string[] = [];
  const source = pattern
    .split('/')
    .map((segment) => {
      const kind = segment[0];
      if (kind === ':') {
        names.push(segment.slice(1));
        return '([^/]+)';
      }
      if (kind === '*') {
        names.push(segment.slice(1));
        return '(.*)';
      }
      return segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    })
    .join('/');
  return { regex: new RegExp(`^${source}$`), names };
}

function decodeAll(names: string[], values: (string | undefined)[]): Record<string, string> | null {
  const params: Record<string, string> = {};
  try {
    names.forEach((name, i) => {
      params[name] = decodeURIComponent(values[i] ?? '');
    });
  } catch {
    return null;
  }
  return params;
}

/** Percent-encodes each segment and leaves the slashes, as Bitbucket's own links do (§4.4). */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
