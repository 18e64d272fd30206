import { randomBytes } from 'node:crypto';

import { newSecret } from '../ids.js';
import type { AuthorizationCode, OAuthConsumer, User } from '../state/model.js';
import type { World } from '../world.js';
import { newGrant } from './issue-token.js';

/** What somebody is asked on the authorize page. */
export interface AuthorizationRequest {
  consumer: OAuthConsumer;
  /** Where the answer goes. */
  callback: URL;
  /** As sent; null when the registered one was meant. */
  redirectUri: string | null;
  state: string | null;
  challenge: AuthorizationCode['challenge'];
}

/** Shown on a page instead of a redirect: the address cannot be trusted. */
export class AuthorizeError extends Error {
  override name = 'AuthorizeError';
}

/** Reads the query (bitbucket-api §1.2); a URL is an error that the client is told by redirect. */
export function readAuthorization(
  world: World,
  query: URLSearchParams,
): AuthorizationRequest | URL {
  const consumer = world.state.oauth.consumer(query.get('client_id') ?? '');
  if (!consumer) throw new AuthorizeError('Invalid client_id');
  const redirectUri = query.get('redirect_uri');
  const callback = callbackFor(consumer, redirectUri);
  if (!callback) throw new AuthorizeError('Invalid redirect_uri');
  const state = query.get('state');
  const fail = (error: string, description: string) =>
    answerUrl(callback, { error, error_description: description, state });
  const type = query.get('response_type');
  // The implicit grant (`token`) is gone.
  if (type !== 'code') {
    return fail('unsupported_response_type', `response_type "${type ?? ''}" is not supported`);
  }
  const challenge = challengeOf(query);
  if (challenge === 'unknown method') {
    return fail('invalid_request', 'code_challenge_method must be S256 or plain');
  }
  return { consumer, callback, redirectUri, state, challenge };
}

/** Equal to the registered URL, or below it; scheme, host and port must match. */
function callbackFor(consumer: OAuthConsumer, sent: string | null): URL | null {
  const registered = consumer.callback_url;
  if (registered === null || !URL.canParse(registered)) return null;
  if (sent === null || sent === registered) return new URL(registered);
  if (!URL.canParse(sent)) return null;
  const [wanted, allowed] = [new URL(sent), new URL(registered)];
  if (wanted.origin !== allowed.origin || wanted.hash !== '' || wanted.username !== '') return null;
  return wanted.href.startsWith(allowed.href) ? wanted : null;
}

function challengeOf(query: URLSearchParams): AuthorizationCode['challenge'] | 'unknown method' {
  const value = query.get('code_challenge');
  if (value === null || value === '') return null;
  const method = query.get('code_challenge_method') ?? 'plain';
  return method === 'S256' || method === 'plain' ? { method, value } : 'unknown method';
}

/** The callback with the answer in its query; what it had there stays. */
export function answerUrl(callback: URL, values: Record<string, string | null>): URL {
  const url = new URL(callback);
  for (const [name, value] of Object.entries(values)) {
    if (value !== null) url.searchParams.set(name, value);
  }
  return url;
}

export function allow(world: World, request: AuthorizationRequest, user: User): URL {
  const grant = newGrant(world, request.consumer, user);
  const code = randomBytes(24).toString('base64url');
  world.state.oauth.putCode(code, {
    grant_id: grant.id,
    redirect_uri: request.redirectUri,
    challenge: request.challenge,
    issued_at: world.clock.now(),
    used: false,
  });
  world.log(`${user.nickname} granted ${request.consumer.name} ${grant.scopes.join(' ')}`);
  return answerUrl(request.callback, { code, state: request.state });
}

export function refuse(request: AuthorizationRequest): URL {
  return answerUrl(request.callback, {
    error: 'access_denied',
    error_description: 'The user denied access to the application',
    state: request.state,
  });
}

const kept = 1_000;

/**
 * The questions that are on somebody's screen. A form sends the question's number only, which
 * nobody can guess, so that no other site can answer in a person's place.
 */
export class PendingAuthorizations {
  private readonly list = new Map<string, { request: AuthorizationRequest; user: User }>();

  add(request: AuthorizationRequest, user: User): string {
    const id = newSecret();
    this.list.set(id, { request, user });
    const oldest = this.list.keys().next();
    if (this.list.size > kept && !oldest.done) this.list.delete(oldest.value);
    return id;
  }

  /** Once, and only for the person who was asked. */
  take(id: string, user: User | undefined): AuthorizationRequest | undefined {
    const found = this.list.get(id);
    if (!found || found.user.uuid !== user?.uuid) return undefined;
    this.list.delete(id);
    return found.request;
  }

  clear(): void {
    this.list.clear();
  }
}
