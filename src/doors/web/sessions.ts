import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { AccessError } from '../../core/errors.js';
import type { WebSession } from '../../core/model/index.js';
import type { Clock, Ids, Storage } from '../../core/ports.js';
import { createCookieJar } from './cookies.js';
import { handled } from './handled.js';

/** Who looks at a page of ours. */
export interface CurrentSession {
  /** Safe to show and to store: a digest of what the browser holds. */
  sessionId: string;
  userUuid: string;
  userName: string;
  /** Goes into every form as the field `csrf`, or into the header `X-Slipway-CSRF`. */
  csrfToken: string;
}

export interface WebSessions {
  /** Goes before everything that asks `currentSession`. Lets everybody through. */
  load: RequestHandler;
  /** Lets only signed-in people through. A page is answered with a redirect to the sign-in; anything else with 401. */
  require: RequestHandler;
  /** Goes after `load` and the body parser of every route that changes something. */
  checkCsrf: RequestHandler;
  /** A new session, whatever the browser held before. */
  begin(
    request: Request,
    response: Response,
    user: { userUuid: string; userName: string },
  ): Promise<void>;
  end(request: Request, response: Response): Promise<void>;
}

export interface WebSessionsDeps {
  storage: Storage;
  ids: Pick<Ids, 'secretToken'>;
  clock: Clock;
  baseUrl: string;
}

const hourMs = 60 * 60_000;
const dayMs = 24 * hourMs;
export const sessionLifeMs = 14 * dayMs;
/** Not used for so long, it is over. */
export const sessionIdleMs = 2 * dayMs;
/** `seenAt` is written no more often than that: looking at a page must not cost a write. */
const seenEveryMs = hourMs;
const spentPerSignIn = 100;
const cookieName = 'session';

const current = new WeakMap<Request, CurrentSession>();

/** Null: nobody is signed in. Only after `load`. */
export function currentSession(request: Request): CurrentSession | null {
  return current.get(request) ?? null;
}

/**
 * Sessions are rows, so they can be ended from here at once. A copy of the database opens none of them: the browser's own
 * half is kept as a digest. The CSRF token follows from that half too, so it changes with every sign-in and needs no store.
 */
export function createWebSessions(deps: WebSessionsDeps): WebSessions {
  const { storage, clock } = deps;
  const cookies = createCookieJar(deps.baseUrl);

  async function find(secret: string): Promise<WebSession | null> {
    const session = await storage.read.webSessions.byId(digest('session', secret));
    const now = clock();
    if (!session || session.expiresAt <= now || session.seenAt + sessionIdleMs <= now) return null;
    if (session.seenAt + seenEveryMs <= now) {
      await storage.write((tx) => tx.webSessions.seen(session.id, now));
    }
    return session;
  }

  async function endOf(request: Request): Promise<void> {
    const secret = cookies.read(request, cookieName);
    if (secret !== null) {
      await storage.write((tx) => tx.webSessions.remove(digest('session', secret)));
    }
    current.delete(request);
  }

  return {
    load: handled(async (request, _response, next) => {
      const secret = cookies.read(request, cookieName);
      const session = secret === null ? null : await find(secret);
      if (secret !== null && session) {
        const { id: sessionId, userUuid, userName } = session;
        current.set(request, { sessionId, userUuid, userName, csrfToken: digest('csrf', secret) });
      }
      next();
    }),

    require: (request, response, next) => {
      if (current.has(request)) return next();
      const isPage = request.method === 'GET' && request.accepts(['html', 'json']) === 'html';
      if (!isPage) return next(new AccessError('signed_out', 401));
      response.redirect(
        303,
        `/oauth/start?${new URLSearchParams({ returnTo: request.originalUrl }).toString()}`,
      );
    },

    checkCsrf: (request, _response, next) => {
      const expected = current.get(request)?.csrfToken;
      if (expected === undefined) return next(new AccessError('signed_out', 401));
      const body: unknown = request.body;
      const field =
        typeof body === 'object' && body !== null ? (body as { csrf?: unknown }).csrf : '';
      const given = request.get('x-slipway-csrf') ?? (typeof field === 'string' ? field : '');
      if (!isSame(given, expected)) return next(new AccessError('form_stale', 403));
      next();
    },

    async begin(request, response, user) {
      await endOf(request);
      const secret = deps.ids.secretToken();
      const now = clock();
      const session: WebSession = {
        id: digest('session', secret),
        ...user,
        createdAt: now,
        seenAt: now,
        expiresAt: now + sessionLifeMs,
      };
      await storage.write(async (tx) => {
        await tx.webSessions.insert(session);
        await tx.webSessions.removeSpent(now, now - sessionIdleMs, spentPerSignIn);
      });
      cookies.set(response, cookieName, secret, sessionLifeMs / 1000);
    },

    async end(request, response) {
      await endOf(request);
      cookies.clear(response, cookieName);
    },
  };
}

/** One cannot be had from the other, nor the secret from either. */
function digest(purpose: 'session' | 'csrf', secret: string): string {
  return createHash('sha256').update(`${purpose}:${secret}`).digest('hex');
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
