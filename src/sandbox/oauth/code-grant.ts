import { createHash } from 'node:crypto';

import type { Exchange } from '../http/exchange.js';
import type { AuthorizationCode } from '../state/model.js';
import type { World } from '../world.js';
import { authenticateClient } from './client.js';
import { GrantError } from './errors.js';
import type { IssuedToken } from './grants.js';
import { issueForGrant } from './issue-token.js';

/** A code works once, soon, for its own consumer, and with the redirect it was made for. */
export function codeGrant(world: World, exchange: Exchange, form: URLSearchParams): IssuedToken {
  const consumer = authenticateClient(world, exchange);
  const { oauth, settings } = world.state;
  const code = oauth.code(form.get('code') ?? '');
  const grant = code && oauth.grant(code.grant_id);
  const late = code && world.clock.now() >= code.issued_at + settings.code_lifetime_s * 1000;
  if (!code || !grant || grant.revoked || grant.consumer_key !== consumer.key) throw badCode();
  if (code.used || late) throw badCode();
  code.used = true;
  world.state.changed();
  if (code.redirect_uri !== null && form.get('redirect_uri') !== code.redirect_uri) {
    throw new GrantError('invalid_grant', 'The redirect_uri does not match the code.');
  }
  if (settings.pkce_enforced && !verifierMatches(code, form.get('code_verifier'))) {
    throw new GrantError('invalid_grant', 'The code_verifier does not match the code_challenge.');
  }
  return issueForGrant(world, consumer, grant, null);
}

function badCode(): GrantError {
  return new GrantError('invalid_grant', 'The specified code is not valid.');
}

function verifierMatches({ challenge }: AuthorizationCode, verifier: string | null): boolean {
  if (challenge === null) return true;
  if (verifier === null) return false;
  if (challenge.method === 'plain') return challenge.value === verifier;
  return challenge.value === createHash('sha256').update(verifier).digest('base64url');
}
