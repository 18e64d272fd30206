import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import {
  claimedIssuer,
  connectKey,
  readToken,
  verifyConnectJwt,
} from '../../../src/doors/connect/jwt.js';
import { claimsFor, now, nowSec, signToken } from './tokens.js';

const clientKey = 'ari:cloud:bitbucket::app/{7d3f0c52-1111-4a2b-9c3d-0123456789ab}/slipway';
const secret = 'the-shared-secret-of-acme';
const url = '/panel/repository?repoUuid=%7Br%7D&userUuid=%7Bu%7D';
const key = connectKey(secret);

function verify(token: string, rawUrl = url, method = 'GET') {
  return verifyConnectJwt(token, { method, rawUrl }, { clientKey, key, now });
}
const signed = (changed: Record<string, unknown> = {}) =>
  signToken(claimsFor(clientKey, 'GET', url, changed), secret);

describe('verifyConnectJwt', () => {
  it('accepts what Bitbucket signs', () => {
    const result = verify(signed());
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.claims.iss, clientKey);
  });

  it('matches the reference signature of §4.5', () => {
    assert.equal(
      signToken({ iss: 'a' }, 'k'),
      'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.mGxzD322_GjjS1DGYQbe9EnhjxfP-42Og9I_v6EgvUI',
    );
  });

  it('ignores the jwt parameter of the URL when hashing', () => {
    assert.ok(verify(signed(), `${url}&jwt=whatever`).ok);
  });

  const refused: [string, () => string, string?, string?][] = [
    ['alg none', () => signToken(claimsFor(clientKey, 'GET', url), secret, 'none')],
    ['HS512', () => signToken(claimsFor(clientKey, 'GET', url), secret, 'HS512')],
    ['RS256 in name only', () => signToken(claimsFor(clientKey, 'GET', url), secret, 'RS256')],
    [
      'real RS256',
      () => {
        const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
        return jwt.sign(claimsFor(clientKey, 'GET', url), privateKey, { algorithm: 'RS256' });
      },
    ],
    ['a wrong secret', () => signToken(claimsFor(clientKey, 'GET', url), 'another')],
    ['an expired token', () => signed({ exp: nowSec - 61 }), 'expired'],
    ['a token without exp', () => signed({ exp: undefined }), 'exp_missing'],
    ['exp as text', () => signed({ exp: 'later' })],
    ['iat further ahead than a minute', () => signed({ iat: nowSec + 61 }), 'iat_in_future'],
    ['nbf further ahead than a minute', () => signed({ nbf: nowSec + 61 }), 'not_yet_valid'],
    ['another issuer', () => signed({ iss: 'somebody-else' })],
    ['another audience', () => signed({ aud: 'somebody-else' }), 'aud_mismatch'],
    ['a list of other audiences', () => signed({ aud: ['x', 'y'] }), 'aud_mismatch'],
    ['an empty list of audiences', () => signed({ aud: [] }), 'aud_mismatch'],
    ['a missing qsh', () => signed({ qsh: undefined }), 'qsh_mismatch'],
    ['context-qsh', () => signed({ qsh: 'context-qsh' }), 'qsh_mismatch'],
    ['a tampered query', () => signed(), 'qsh_mismatch', url.replace('%7Br', '%7Bs')],
    ['an added parameter', () => signed(), 'qsh_mismatch', `${url}&admin=1`],
    ['garbage', () => 'garbage'],
    ['three parts of garbage', () => 'a.b.c'],
    ['nothing', () => ''],
  ];
  for (const [what, token, why, rawUrl] of refused) {
    it(`refuses ${what}`, () => {
      const result = verify(token(), rawUrl);
      assert.equal(result.ok, false);
      if (why !== undefined && !result.ok) assert.equal(result.why, why);
    });
  }

  it('refuses the same URL under another method', () => {
    assert.equal(verify(signed(), url, 'POST').ok, false);
  });

  for (const [what, changed] of [
    ['iat a little ahead', { iat: nowSec + 60 }],
    ['exp a little behind', { exp: nowSec - 59 }],
    ['no iat', { iat: undefined }],
    ['no aud', { aud: undefined }],
    ['aud as a list', { aud: ['other', clientKey] }],
  ] as const) {
    it(`accepts ${what}`, () => {
      const result = verify(signed(changed));
      assert.ok(result.ok, JSON.stringify(result));
    });
  }

  it('never repeats the token in what it says', () => {
    const token = signToken(claimsFor(clientKey, 'GET', url), 'another');
    const result = verify(token);
    assert.ok(!result.ok && !result.why.includes(token.split('.')[1] ?? ''));
  });
});

describe('readToken', () => {
  const request = (rawUrl: string, authorization?: string) =>
    readToken({ method: 'GET', rawUrl, headers: authorization ? { authorization } : {} });

  it('takes the token from the header or the query', () => {
    assert.deepEqual(request('/x', 'JWT abc'), { ok: true, token: 'abc' });
    assert.deepEqual(request('/x?a=1&jwt=abc'), { ok: true, token: 'abc' });
    assert.deepEqual(request('/x?a=1'), { ok: true, token: null });
  });

  it('refuses two carriers, two parameters and other schemes', () => {
    assert.equal(request('/x?jwt=abc', 'JWT abc').ok, false);
    assert.equal(request('/x?jwt=abc&jwt=def').ok, false);
    assert.equal(request('/x', 'Bearer abc').ok, false);
    assert.equal(request('/x', 'jwt abc').ok, false);
  });
});

describe('claimedIssuer', () => {
  it('reads the issuer and survives anything', () => {
    assert.equal(claimedIssuer(signed()), clientKey);
    for (const token of ['', 'a.b.c', '..', 'e30.e30.e30', signToken({ iss: 7 }, secret)]) {
      assert.equal(claimedIssuer(token), null);
    }
  });
});
