import assert from 'node:assert/strict';
import jwt from 'jsonwebtoken';
import { createSessionTokens, sessionLifetimeSec } from '../../../src/doors/panel/session.js';
import { sessionKey } from './support/serve-panel.js';

const session = {
  door: 'connect' as const,
  proof: 'admin_page' as const,
  workspaceUuid: '{w}',
  repoUuid: '{r}',
  userUuid: '{u}',
  userName: 'Ada',
  rights: 'admin' as const,
};

describe('panel session token', () => {
  let now = 1_800_000_000_000;
  const tokens = createSessionTokens([sessionKey], () => now);

  it('gives back what was put in', () => {
    assert.deepEqual(tokens.read(tokens.issue(session)), session);
  });

  it('ends after 15 minutes', () => {
    const token = tokens.issue(session);
    const issued = now;
    now = issued + (sessionLifetimeSec - 1) * 1000;
    assert.notEqual(tokens.read(token), null);
    now = issued + sessionLifetimeSec * 1000;
    assert.equal(tokens.read(token), null);
  });

  it('is refused when signed by another key, without a signature, or for another purpose', () => {
    const exp = Math.floor(now / 1000) + 600;
    const claims = { ...session, purpose: 'panel', exp };
    const sign = (body: object, key: Buffer) => jwt.sign(body, key, { algorithm: 'HS256' });
    assert.notEqual(tokens.read(sign(claims, sessionKey)), null, 'the control must pass');
    assert.equal(tokens.read(sign(claims, Buffer.alloc(32, 9))), null);
    assert.equal(tokens.read(sign({ ...claims, purpose: 'clone' }, sessionKey)), null);
    assert.equal(tokens.read(sign({ ...session, exp }, sessionKey)), null);
    assert.equal(tokens.read(sign({ ...session, purpose: 'panel' }, sessionKey)), null, 'no end');
    assert.equal(tokens.read(jwt.sign(claims, null, { algorithm: 'none' })), null);
    assert.equal(tokens.read(jwt.sign(claims, sessionKey, { algorithm: 'HS384' })), null);
  });

  it('refuses a short key at once', () => {
    assert.throws(() => createSessionTokens([Buffer.alloc(16)], () => now), /32 bytes/);
  });
});
