import { createSecretKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import type { Clock } from '../../core/ports.js';

export const sessionLifetimeSec = 15 * 60;

const claims = z.object({
  /** Checked, so that no other token of ours (nor an iframe or webhook JWT) can double as a session. */
  purpose: z.literal('panel'),
  clientKey: z.string(),
  workspaceUuid: z.string(),
  repoUuid: z.string(),
  userUuid: z.string(),
  userName: z.string(),
  rights: z.enum(['admin', 'read']),
  exp: z.number(),
});

export type PanelSession = Omit<z.infer<typeof claims>, 'purpose' | 'exp'>;

export interface SessionTokens {
  issue(session: PanelSession): string;
  /** Null for anything that is not a living session of ours; why does not matter to the sender. */
  read(token: string): PanelSession | null;
}

export function createSessionTokens(key: Buffer, clock: Clock): SessionTokens {
  if (key.length < 32) throw new Error('The panel session key must have at least 32 bytes');
  const secret = createSecretKey(key);
  return {
    issue(session) {
      const iat = Math.floor(clock() / 1000);
      const payload = { ...session, purpose: 'panel', iat, exp: iat + sessionLifetimeSec };
      return jwt.sign(payload, secret, { algorithm: 'HS256' });
    },
    read(token) {
      return readSession(token, secret, clock);
    },
  };
}

function readSession(token: string, secret: KeyObject, clock: Clock): PanelSession | null {
  try {
    const payload = jwt.verify(token, secret, {
      algorithms: ['HS256'],
      clockTimestamp: Math.floor(clock() / 1000),
    });
    const parsed = claims.safeParse(payload);
    if (!parsed.success) return null;
    const { purpose: _purpose, exp: _exp, ...session } = parsed.data;
    return session;
  } catch {
    return null;
  }
}
