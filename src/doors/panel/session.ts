import { createSecretKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import type { Clock } from '../../core/ports.js';
import { panelIdentity, rights, workspaceIdentity } from './identity.js';

export const sessionLifetimeSec = 15 * 60;
/** Nodes and corrections differ by seconds. What ends later than this allows was issued before the clock was set back. */
const correctionSec = 60;

const name = z.string();
const panelClaims = panelIdentity.extend({ userName: name, rights });
const workspaceClaims = workspaceIdentity.extend({ userName: name, rights });

/** Somebody looking at one repository's panel, with the rights that were found when the page was opened. */
export type PanelSession = z.infer<typeof panelClaims>;
/** Somebody looking at a workspace's page. */
export type WorkspaceSession = z.infer<typeof workspaceClaims>;

/** Newest first: the first one signs, all of them verify, so that nodes may get a new master key one after the other. */
export type OwnKeys = readonly [Buffer, ...Buffer[]];

export interface SessionTokens<Session> {
  issue(session: Session): string;
  /** Null for anything that is not a living session of ours; why does not matter to the sender. */
  read(token: string): Session | null;
  /** How much of its life a living token has used up: from 0 to 1. Of anything else, 1. */
  used(token: string): number;
}

/** For a page in a frame, where cookies are no way: the token stays in the page's memory. */
export function createSessionTokens(keys: OwnKeys, clock: Clock): SessionTokens<PanelSession> {
  return tokensFor('panel', panelClaims, keys, clock);
}

export function createWorkspaceTokens(
  keys: OwnKeys,
  clock: Clock,
): SessionTokens<WorkspaceSession> {
  return tokensFor('workspace', workspaceClaims, keys, clock);
}

/** `purpose` is checked, so that no other token of ours (nor an iframe or webhook JWT) can double as a session. */
function tokensFor<Session extends object>(
  purpose: string,
  claims: z.ZodType<Session>,
  [current, ...older]: OwnKeys,
  clock: Clock,
): SessionTokens<Session> {
  const secret = secretOf(current);
  const secrets = [secret, ...older.map(secretOf)];
  return {
    issue(session) {
      const iat = Math.floor(clock() / 1000);
      const payload = { ...session, purpose, iat, exp: iat + sessionLifetimeSec };
      return jwt.sign(payload, secret, { algorithm: 'HS256' });
    },
    read(token) {
      const payload = verified(token, secrets, clock);
      const own = z.object({ purpose: z.literal(purpose) }).safeParse(payload);
      const parsed = claims.safeParse(payload);
      return own.success && parsed.success ? parsed.data : null;
    },
    used(token) {
      const times = z.object({ exp: z.number() }).safeParse(verified(token, secrets, clock));
      if (!times.success) return 1;
      const left = times.data.exp - clock() / 1000;
      return Math.min(1, Math.max(0, 1 - left / sessionLifetimeSec));
    },
  };
}

function secretOf(key: Buffer): KeyObject {
  if (key.length < 32) throw new Error('The panel session key must have at least 32 bytes');
  return createSecretKey(key);
}

function verified(token: string, secrets: readonly KeyObject[], clock: Clock): unknown {
  for (const secret of secrets) {
    const payload = verifiedBy(token, secret, clock);
    if (payload !== null) return payload;
  }
  return null;
}

function verifiedBy(token: string, secret: KeyObject, clock: Clock): unknown {
  try {
    const now = Math.floor(clock() / 1000);
    const payload = jwt.verify(token, secret, { algorithms: ['HS256'], clockTimestamp: now });
    const { exp } = z.object({ exp: z.number() }).parse(payload);
    return exp <= now + sessionLifetimeSec + correctionSec ? payload : null;
  } catch {
    return null;
  }
}
