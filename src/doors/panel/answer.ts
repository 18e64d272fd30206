import type { Request, RequestHandler, Response } from 'express';
import { AccessError } from '../../core/errors.js';
import type { Answer } from './context.js';
import { etagOf } from './etag.js';
import { formFields, type FormFields } from './form-fields.js';
import type { SessionTokens } from './session.js';
import { renderView } from './views.js';

/** The session of a page in a frame: its token in the Authorization header. Throws `session_expired`. */
export function bearerSession<Session>(req: Request, tokens: SessionTokens<Session>): Session {
  const session = tokens.read(bearerToken(req));
  if (session === null) throw new AccessError('session_expired', 401);
  return session;
}

/** Empty when there is none. */
export function bearerToken(req: Request): string {
  return /^Bearer ([\w.-]+)$/.exec(req.get('authorization') ?? '')?.[1] ?? '';
}

/** A form's fields, urlencoded or JSON. Throws what the body parsers throw. */
export async function readFields(
  req: Request,
  res: Response,
  parsers: readonly RequestHandler[],
): Promise<FormFields> {
  for (const parse of parsers) {
    await new Promise<void>((resolve, reject) => {
      parse(req, res, (error?: unknown) => {
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error('body parser failed'));
      });
    });
  }
  return formFields(req.body);
}

/** As HTML, with an ETag where it can be asked for again. */
export async function sendAnswer(req: Request, res: Response, answer: Answer): Promise<void> {
  const html = await renderView(res, answer.view, answer.data);
  res
    .status(answer.status)
    .type('html')
    .set(answer.headers ?? {});
  if (req.method === 'GET' && answer.status === 200) {
    const etag = etagOf(html);
    res.set('ETag', etag);
    // Not Express's own freshness check: fetch adds `Cache-Control: no-cache`, which would always win there.
    if (req.get('if-none-match') === etag) {
      res.status(304).end();
      return;
    }
  }
  res.end(html);
}
