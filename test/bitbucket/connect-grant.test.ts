import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { BitbucketError } from '../../src/core/errors.js';
import { clientKey, identity, Peer, repository, workspaceUuid } from './peer.js';

const narrowed = { workspaceUuid, repositoryUuid: repository.uuid, narrow: true };

describe('createConnectGrant', () => {
  let peer: Peer;
  beforeEach(async () => {
    peer = new Peer();
    await peer.start();
  });
  afterEach(() => {
    peer.stop();
  });

  it('sends the form and the token that the reference describes', async () => {
    const token = await peer.grant().issue({ workspaceUuid, repositoryUuid: null });
    assert.deepEqual(token, { value: 'token-1', expiresAt: peer.clockMs + 7_200_000 });
    const [sent] = peer.seen;
    assert.equal(sent?.method, 'POST');
    assert.equal(sent?.url, '/site/oauth2/access_token');
    assert.equal(sent?.headers['content-type'], 'application/x-www-form-urlencoded');
    assert.equal(sent?.body, 'grant_type=urn%3Abitbucket%3Aoauth2%3Ajwt');
    const [scheme, jwt = ''] = (sent?.headers.authorization ?? '').split(' ');
    assert.equal(scheme, 'JWT');
    const [head = '', payload = '', signature] = jwt.split('.');
    const expected = createHmac('sha256', identity.sharedSecret)
      .update(`${head}.${payload}`)
      .digest('base64url');
    assert.equal(signature, expected);
    assert.deepEqual(JSON.parse(Buffer.from(payload, 'base64url').toString()), {
      iss: 'slipway',
      sub: clientKey,
      iat: peer.clockMs / 1000,
      exp: peer.clockMs / 1000 + 180,
      // POST&/site/oauth2/access_token& in the reference's table.
      qsh: 'f045c19462bc33df6431a1f69800ff8fc9e839dfea9d080be9f2bcd59360c73b',
    });
  });

  it('has nothing for a workspace without an active installation', async () => {
    assert.equal(await peer.grant(() => null).issue(narrowed), null);
    assert.equal(peer.seen.length, 0);
  });

  it('takes an hour when no lifetime is said, and a lifetime sent as text', async () => {
    peer.answer = () => ({ body: { access_token: 'a', scopes: 'repository' } });
    const token = await peer.grant().issue(narrowed);
    assert.equal(token?.expiresAt, peer.clockMs + 3_600_000);
    peer.answer = () => ({ body: { access_token: 'a', expires_in: '60', scope: 'repository' } });
    assert.equal((await peer.grant().issue(narrowed))?.expiresAt, peer.clockMs + 60_000);
  });

  it('goes without narrowing where Bitbucket does not take it, and remembers', async () => {
    peer.answer = (seen) =>
      seen.body.includes('bitbucket_repository')
        ? { status: 400, body: { error: 'invalid_request' } }
        : null;
    const grant = peer.grant();
    assert.equal((await grant.issue(narrowed))?.value, 'token-1');
    assert.equal((await grant.issue(narrowed))?.value, 'token-2');
    const asked = peer.seen.map((seen) => seen.body.includes('bitbucket_repository'));
    assert.deepEqual(asked, [true, false, false]);
  });

  it('does not take a refused secret for a refused narrowing', async () => {
    peer.answer = () => ({ status: 400, body: { error: 'unauthorized_client' } });
    const grant = peer.grant();
    await assert.rejects(grant.issue(narrowed), BitbucketError);
    peer.answer = () => null;
    await grant.issue(narrowed);
    assert.ok(peer.seen.at(-1)?.body.includes('bitbucket_repository'));
  });

  for (const [what, answer, code] of [
    ['400', { status: 400, body: { error_description: 'no' } }, 'bitbucket_refused'],
    ['401', { status: 401, body: {} }, 'bitbucket_refused'],
    ['429', { status: 429, body: 'Rate limit' }, 'bitbucket_rate_limited'],
    ['500', { status: 500, body: '' }, 'bitbucket_unavailable'],
    ['no answer', {}, 'bitbucket_unavailable'],
    ['200 without a token', { body: {} }, 'bitbucket_unavailable'],
    ['200 in HTML', { body: '<html>' }, 'bitbucket_unavailable'],
  ] as const) {
    it(`calls ${what} ${code}, without the secret`, async () => {
      peer.answer = () => answer;
      const error = await peer
        .grant()
        .exchange(identity, null)
        .catch((reason: unknown) => reason);
      assert.ok(error instanceof BitbucketError);
      assert.equal(error.code, code);
      assert.doesNotMatch(`${error.message}${JSON.stringify(error)}`, /acme-secret|eyJ/);
    });
  }
});
