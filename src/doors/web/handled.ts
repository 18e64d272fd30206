import type { NextFunction, Request, RequestHandler, Response } from 'express';

/** Express 4 does not look at the promise of an async handler: a rejection would leave the request hanging. */
export function handled(
  handler: (request: Request, response: Response, next: NextFunction) => Promise<void> | void,
): RequestHandler {
  return (request, response, next) => {
    void (async () => handler(request, response, next))().catch(next);
  };
}
