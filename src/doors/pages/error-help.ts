import { Router } from 'express';
import { errorCatalogue, type ErrorCode } from '../../core/errors.js';
import { contentSecurityPolicy } from '../panel/headers.js';
import { renderView } from '../panel/views.js';
import { handled } from '../web/handled.js';
import { errorHelpPath } from './error-address.js';

/** One entry of the catalogue as a page shows it. */
export interface ErrorHelp {
  code: string;
  says: string;
  why: string | null;
  advice: string;
}

/** By code, so that a link into the page keeps its place. */
export function errorHelps(): ErrorHelp[] {
  // Cast: the keys of the catalogue are its codes.
  return (Object.keys(errorCatalogue) as ErrorCode[]).sort().map((code) => {
    const entry = errorCatalogue[code];
    return { code, says: entry.says, why: 'why' in entry ? entry.why : null, advice: entry.advice };
  });
}

/** `GET /public/errors`: the catalogue, for whoever follows the link of an error. Holds nothing of anybody's. */
export function createErrorHelpPage(): Router {
  const router = Router();
  router.get(
    errorHelpPath,
    handled(async (_request, response) => {
      const view = { title: 'What an error means', errors: errorHelps() };
      response.setHeader('Content-Security-Policy', contentSecurityPolicy({ frameAncestors: [] }));
      response.setHeader('Cache-Control', 'public, max-age=3600');
      response.type('html').send(await renderView(response, 'pages/errors', view, 'plain'));
    }),
  );
  return router;
}
