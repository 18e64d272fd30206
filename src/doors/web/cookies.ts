import { parseCookie, stringifySetCookie } from 'cookie';
import type { Request, Response } from 'express';

export interface CookieJar {
  read(request: Request, name: string): string | null;
  /** `lifeSec`: how long the browser keeps it; absent: until it is closed. */
  set(response: Response, name: string, value: string, lifeSec?: number): void;
  clear(response: Response, name: string): void;
}

/**
 * Cookies of our own pages: out of reach of scripts, not sent along by other sites' forms and frames. Over https the
 * `__Host-` prefix keeps every other host and path from setting them, so nobody can plant a session of theirs.
 *
 * Names begin with `slipway`: what the local backend serves on this host is kept from seeing such cookies.
 */
export function createCookieJar(baseUrl: string): CookieJar {
  const secure = baseUrl.startsWith('https:');
  const fullName = (name: string): string => `${secure ? '__Host-' : ''}slipway_${name}`;
  const common = { path: '/', httpOnly: true, sameSite: 'lax', secure } as const;
  return {
    read: (request, name) => parseCookie(request.headers.cookie ?? '')[fullName(name)] || null,
    set(response, name, value, lifeSec) {
      const life = lifeSec === undefined ? {} : { maxAge: lifeSec };
      response.append(
        'Set-Cookie',
        stringifySetCookie(fullName(name), value, { ...common, ...life }),
      );
    },
    clear(response, name) {
      response.append(
        'Set-Cookie',
        stringifySetCookie(fullName(name), '', { ...common, maxAge: 0 }),
      );
    },
  };
}
