import type { RequestHandler } from 'express';

export interface ContentPolicy {
  scripts?: readonly string[];
  frameAncestors: readonly string[];
  /** The page sends forms by itself, to us. */
  forms?: boolean;
}

/** Strict on purpose: no inline script or style anywhere, forms go through fetch only. */
export function contentSecurityPolicy(policy: ContentPolicy): string {
  const ancestors = policy.frameAncestors.length > 0 ? policy.frameAncestors : ["'none'"];
  return [
    "default-src 'none'",
    `script-src ${["'self'", ...(policy.scripts ?? [])].join(' ')}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    `form-action ${policy.forms ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    `frame-ancestors ${ancestors.join(' ')}`,
  ].join('; ');
}

/** For the page inside Bitbucket's iframe. */
export function panelHeaders(bitbucketUrl: string): RequestHandler {
  const origin = new URL(bitbucketUrl).origin;
  const frameAncestors =
    origin === 'https://bitbucket.org' ? [origin, 'https://*.bitbucket.org'] : [origin];
  return privatePageHeaders({ scripts: [origin], frameAncestors });
}

export function privatePageHeaders(policy: ContentPolicy): RequestHandler {
  const value = contentSecurityPolicy(policy);
  return (_req, res, next) => {
    res.setHeader('Content-Security-Policy', value);
    // It knows no list of allowed frames; frame-ancestors says it all.
    res.removeHeader('X-Frame-Options');
    res.setHeader('Cache-Control', 'no-store');
    // The page's own URL holds a JWT or a secret token.
    res.setHeader('Referrer-Policy', 'no-referrer');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  };
}
