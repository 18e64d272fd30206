const longest = 2_000;

/**
 * Where to go after the sign-in: a path of ours and nothing else. Browsers read `//host`, `/\host` and paths with control
 * characters inside as other hosts, so the path is taken as the URL parser leaves it, and only when it stayed on this host.
 * Anything else is the dashboard.
 */
export function localPath(returnTo: unknown): string {
  if (typeof returnTo !== 'string' || returnTo.length > longest) return '/';
  if (!returnTo.startsWith('/') || /[\\\p{Cc}]/u.test(returnTo)) return '/';
  const base = 'http://here.invalid';
  if (!URL.canParse(returnTo, base)) return '/';
  const { origin, pathname, search } = new URL(returnTo, base);
  if (origin !== base || pathname.startsWith('//')) return '/';
  // Signing in to sign in again, or to finish a sign-in twice, leads nowhere.
  if (/^\/oauth(\/|$)/i.test(pathname)) return '/';
  return `${pathname}${search}`;
}
