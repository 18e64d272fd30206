import type { z } from 'zod';
import { AccessError, BitbucketError } from '../core/errors.js';
import type { PersonTokens } from '../core/people.js';
import type { Logger } from '../core/ports.js';
import type { OutboundHttp, OutboundRequest, OutboundResponse } from '../lib/outbound-http.js';
import { failureOf, jsonOf, networkFailure, notUnderstood } from './failures.js';
import { KeptAnswers } from './kept-answers.js';
import type { Limiters } from './limiter.js';
import { withPatience, type Patience } from './patience.js';
import type { HeldToken, Tokens } from './tokens.js';

export interface RestOptions extends Patience {
  /** https://api.bitbucket.org */
  apiUrl: string;
  http: OutboundHttp;
  tokens: Tokens;
  /** For calls in a person's name; absent: nobody can sign in. */
  people?: PersonTokens | null | undefined;
  limiters: Limiters;
  logger: Logger;
}

export interface RestCall {
  /** For error texts and logs: "read repository". */
  what: string;
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Whose credentials are used. */
  workspaceUuid: string;
  /** What the call is about: lets credentials for single repositories serve it, too. */
  repositoryUuid?: string;
  /** In this person's name and no other: what they may see, and not what the app may. */
  personUuid?: string;
  /** From `/2.0/`, already encoded (see `apiPath`); or a whole `next` address, which must be on the same host. */
  path: string;
  body?: object;
  /** Nobody waits for it: it leaves the deploys their part of the hour's budget. */
  isSpare?: true;
}

export interface Rest {
  /** Parsed and checked answer. Throws `BitbucketError`; 404 is `repository_gone`. */
  read<T>(call: RestCall, shape: z.ZodType<T>): Promise<T>;
  /** For calls whose answer does not matter. */
  send(call: RestCall): Promise<void>;
  /** The same, with a bearer token that is not the workspace's own yet (an installation that is being proved). */
  readWith<T>(bearer: string, call: RestCall, shape: z.ZodType<T>): Promise<T>;
}

/** Bitbucket's REST API 2.0 (reference/bitbucket-api.md §3). Every call here may be repeated without harm. */
export function createRest(given: RestOptions): Rest {
  const options = { ...given, kept: new KeptAnswers() };
  function call(request: RestCall): Promise<OutboundResponse> {
    const { workspaceUuid, repositoryUuid = null, personUuid } = request;
    const once = (token: CallToken) => limited(options, request, token);
    return personUuid === undefined
      ? options.tokens.using({ workspaceUuid, repositoryUuid }, once)
      : inPersonsName(options, personUuid, once);
  }

  return {
    read: async (request, shape) => understand(await call(request), request, shape),
    send: async (request) => {
      await call(request);
    },
    readWith: async (bearer, request, shape) => {
      const attempt = () => sendChecked(options, request, bearer);
      return understand(await withPatience(options, attempt, () => undefined), request, shape);
    },
  };
}

type Options = RestOptions & { kept: KeptAnswers };

type CallToken = Pick<HeldToken, 'value' | 'credential'>;

/** Bitbucket counts by credential, so each has its own queue and its own pause. */
function limited(
  options: Options,
  request: RestCall,
  { value, credential }: CallToken,
): Promise<OutboundResponse> {
  const limiter = options.limiters.of(credential);
  return withPatience(
    options,
    () =>
      limiter.run(
        async () => {
          const response = await sendChecked(options, request, value, credential);
          limiter.told(response.headers);
          return response;
        },
        options.signal,
        request.isSpare,
      ),
    (waitMs) => {
      options.logger.warn({ what: request.what, credential, waitMs }, 'bitbucket.rate_limited');
      limiter.pause(waitMs);
    },
  );
}

/** A 401 gets one more try with a new token: the old one may have been revoked, or refused in passing (§1.5). */
async function inPersonsName<T>(
  { people }: RestOptions,
  personUuid: string,
  once: (token: CallToken) => Promise<T>,
): Promise<T> {
  if (!people) throw new AccessError('oauth_off', 404);
  const credential = `person ${personUuid}`;
  const { value } = await people.token(personUuid);
  try {
    return await once({ value, credential });
  } catch (error) {
    if (!(error instanceof BitbucketError && error.status === 401)) throw error;
    const fresh = await people.token(personUuid, { unlike: value });
    return once({ value: fresh.value, credential });
  }
}

async function sendChecked(
  options: Options,
  request: RestCall,
  bearer: string,
  /** Under which the answer may be kept; absent: not at all. */
  credential?: string,
): Promise<OutboundResponse> {
  const { kept } = options;
  const isRead = (request.method ?? 'GET') === 'GET';
  const key = isRead && credential !== undefined ? `${credential} ${request.path}` : null;
  let response: OutboundResponse;
  try {
    const sent = outbound(options, request, bearer);
    const condition = key === null ? {} : kept.condition(key);
    const answer = await options.http.send({ ...sent, headers: { ...sent.headers, ...condition } });
    response = key === null ? answer : kept.resolve(key, answer);
  } catch (error) {
    throw networkFailure(error, request.what);
  }
  const failure = failureOf(response, request.what, options.clock);
  if (failure) throw failure;
  return response;
}

function outbound(options: RestOptions, request: RestCall, bearer: string): OutboundRequest {
  const url = new URL(request.path, options.apiUrl);
  // `next` is absolute and comes from outside; a token must not follow it anywhere else (§3.2).
  if (url.origin !== new URL(options.apiUrl).origin) {
    throw new BitbucketError('bitbucket_unavailable', `${request.what}: led to another host`);
  }
  return {
    method: request.method ?? 'GET',
    url: url.href,
    headers: {
      // Only in the header and only at the API host; every other place was switched off (§1.5).
      Authorization: `Bearer ${bearer}`,
      Accept: 'application/json',
      ...(request.body ? { 'Content-Type': 'application/json' } : {}),
    },
    ...(request.body ? { body: JSON.stringify(request.body) } : {}),
    timeoutMs: Math.min(20_000, Math.max(1_000, options.patienceMs)),
    signal: options.signal,
  };
}

function understand<T>(response: OutboundResponse, request: RestCall, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(jsonOf(response, request.what));
  if (!parsed.success) throw notUnderstood(response, request.what);
  return parsed.data;
}

/**
 * Joins path segments, each percent-encoded: `URL` leaves the braces of a uuid as they are, and Bitbucket wants
 * `%7B…%7D` (§6.1). Slashes inside a segment are encoded; give a branch name as several segments.
 */
export function apiPath(
  segments: readonly string[],
  query: Readonly<Record<string, string>> = {},
): string {
  const path = `/2.0/${segments.map(encodeURIComponent).join('/')}`;
  const search = Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  return search === '' ? path : `${path}?${search}`;
}

/** A text literal of Bitbucket's query language, for `q=`. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
