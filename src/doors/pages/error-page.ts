import type { Response } from 'express';
import { contentSecurityPolicy } from '../panel/headers.js';
import { problemOf } from '../panel/problems.js';
import { renderView } from '../panel/views.js';

export interface ErrorPage {
  status: number;
  /** What happened, one sentence without a full stop. */
  says: string;
  /** What the person can do. */
  advice: string;
  /** To find it in the log; null when there is nothing to find. */
  reference: string | null;
}

/** A page for people, in place of whatever they asked for. Headers that a route has already set (a frame's policy) stay. */
export async function renderErrorPage(res: Response, page: ErrorPage): Promise<void> {
  const view = {
    title: page.says,
    status: page.status,
    says: page.says,
    advice: page.advice,
    reference: page.reference,
  };
  if (!res.hasHeader('Content-Security-Policy')) {
    res.setHeader('Content-Security-Policy', contentSecurityPolicy({ frameAncestors: [] }));
  }
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.status(page.status);
  try {
    res.type('html').end(await renderView(res, 'errors/error', view, 'plain'));
  } catch {
    // The templates themselves may be what is broken.
    res.type('text').end(`${page.says}. ${page.advice}`);
  }
}

/** Any error, in the words of its page: the catalogue's sentence, never detail of our inside. */
export function errorPageOf(error: unknown, reference: string | null): ErrorPage {
  const { status, says, advice } = problemOf(error);
  return { status, says, advice, reference };
}
