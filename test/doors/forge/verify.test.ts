import assert from 'node:assert/strict';
import { createForgeKeySet } from '../../../src/doors/forge/key-set.js';
import {
  createInvocationVerifier,
  type InvocationVerifier,
} from '../../../src/doors/forge/verify.js';
import { createOutboundHttp } from '../../../src/lib/outbound-http.js';
import {
  app,
  appAri,
  appId,
  claims,
  confused,
  environmentId,
  installationId,
  newSigner,
  serveKeys,
  signed,
  unsigned,
  workspaceUuid,
  type Signer,
} from './tokens.js';

describe('doors/forge: invocation tokens', () => {
  let signer: Signer;
  let stranger: Signer;
  let keys: Awaited<ReturnType<typeof serveKeys>>;
  let now = Date.now();

  before(async () => {
    [signer, stranger] = await Promise.all([newSigner('forge/a'), newSigner('forge/a')]);
  });

  beforeEach(async () => {
    now = Date.now();
    keys = await serveKeys([signer]);
  });

  afterEach(() => keys.stop());

  function verifier(
    options: Partial<{ appId: string; environments: string[]; cooldownMs: number }> = {},
  ): InvocationVerifier {
    const clock = (): number => now;
    const http = createOutboundHttp({ userAgent: 'test', allowPlainHttpHosts: [keys.host] });
    const { cooldownMs } = options;
    return createInvocationVerifier({
      appId: appAri,
      environments: ['production'],
      ...options,
      keys: createForgeKeySet({
        ...{ url: keys.url, http, clock },
        ...(cooldownMs === undefined ? {} : { cooldownMs }),
      }),
      clock,
    });
  }

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it('accepts a good one, and says who calls', async () => {
    const result = await verifier()(bearer(await signed(signer, claims(now))));
    assert.ok(result.ok);
    assert.equal(result.caller.installationId, installationId);
    assert.equal(result.caller.workspaceUuid, workspaceUuid);
    assert.equal(result.caller.environmentId, environmentId);
    assert.equal(result.caller.accountId, null);
  });

  const wrong: Record<string, () => Promise<string> | string> = {
    'no signature (alg none)': () => unsigned(signer, claims(now)),
    'HS256 with our public key': () => confused(signer, claims(now)),
    'a key of somebody else': () => signed(stranger, claims(now)),
    'an unknown kid': () => signed(signer, claims(now), 'forge/z'),
    'another issuer': () => signed(signer, claims(now, { iss: 'forge/other' })),
    'another app': () => signed(signer, claims(now, { aud: appAri.replace('1111', '2222') })),
    'no audience': () => signed(signer, claims(now, { aud: undefined })),
    'its end behind it': () => signed(signer, claims(now - 60_000)),
    'no end': () => signed(signer, claims(now, { exp: undefined })),
    'its beginning before it': () => signed(signer, claims(now + 60_000)),
    'an issue date to come': () => signed(signer, claims(now, { nbf: undefined, iat: 9e9 })),
    'another environment': () =>
      signed(
        signer,
        claims(now, { app: app({ environment: { type: 'DEVELOPMENT', id: environmentId } }) }),
      ),
    'an isolated cloud': () => signed(signer, claims(now, { icLabel: 'x' })),
    'no installation': () =>
      signed(signer, claims(now, { app: app({ installationId: 'x', installation: {} }) })),
    'no workspace': () => signed(signer, claims(now, { app: app({ installation: {} }) })),
    'not even three parts': () => 'hello',
  };

  for (const [what, token] of Object.entries(wrong)) {
    it(`refuses one with ${what}, with 401`, async () => {
      const result = await verifier()(bearer(await token()));
      assert.ok(!result.ok);
      assert.equal(result.answer, 401);
    });
  }

  it('fetches the keys once for all of them, whatever key they name', async () => {
    const verify = verifier();
    assert.ok((await verify(bearer(await signed(signer, claims(now))))).ok);
    assert.equal(keys.state.fetches, 1);
    for (let turn = 0; turn < 3; turn += 1) {
      for (const token of Object.values(wrong)) await verify(bearer(await token()));
    }
    await Promise.all(
      Array.from({ length: 50 }, async (_, at) =>
        verify(bearer(await signed(signer, claims(now), `made-up-${at}`))),
      ),
    );
    assert.equal(keys.state.fetches, 1, 'the cool-down of the first fetch is not over');
  });

  it('finds a new key by itself after a rotation', async () => {
    const verify = verifier({ cooldownMs: 0 });
    assert.ok((await verify(bearer(await signed(signer, claims(now))))).ok);
    const next = await newSigner('forge/b');
    keys.state.signers = [next];
    assert.ok((await verify(bearer(await signed(next, claims(now))))).ok);
    const old = await verify(bearer(await signed(signer, claims(now))));
    assert.equal(old.ok, false, 'the old key is gone from the set');
  });

  it('finds a new key, and drops an old one, when the clock was set back between', async () => {
    const verify = verifier();
    assert.ok((await verify(bearer(await signed(signer, claims(now))))).ok);
    const next = await newSigner('forge/b');
    keys.state.signers = [next];
    now -= 5 * 60 * 60_000;
    assert.equal((await verify(bearer(await signed(signer, claims(now))))).ok, false);
    assert.ok((await verify(bearer(await signed(next, claims(now))))).ok);
  });

  it('says 503 while the keys cannot be had, and asks again only after the cool-down', async () => {
    keys.state.status = 500;
    const verify = verifier({ cooldownMs: 1_000 });
    const token = await signed(signer, claims(now));
    for (let turn = 0; turn < 5; turn += 1) {
      const result = await verify(bearer(token));
      assert.ok(!result.ok);
      assert.equal(result.answer, 503);
    }
    assert.equal(keys.state.fetches, 1);
    keys.state.status = 200;
    now += 1_001;
    assert.ok((await verify(bearer(token))).ok);
  });

  it('says 503 when nobody listens where the keys should be', async () => {
    const verify = verifier();
    await keys.stop();
    const result = await verify(bearer(await signed(signer, claims(now))));
    assert.ok(!result.ok);
    assert.equal(result.answer, 503);
    keys = await serveKeys([signer]);
  });

  it('takes ids with and without ARI and braces, and environments by id', async () => {
    const bare = app({
      installationId,
      installation: {},
      environment: { type: 'STAGING', id: environmentId },
    });
    const environments = [`ari:cloud:ecosystem::environment/${appId}/${environmentId}`];
    const verify = verifier({ appId, environments });
    for (const context of [
      { workspaceId: workspaceUuid },
      { installContext: `ari:cloud:bitbucket::workspace/${workspaceUuid.slice(1, -1)}` },
      { cloudId: workspaceUuid.slice(1, -1).toUpperCase() },
    ]) {
      const result = await verify(
        bearer(await signed(signer, claims(now, { app: bare, context, aud: appId }))),
      );
      assert.ok(result.ok);
      assert.equal(result.caller.workspaceUuid, workspaceUuid);
      assert.equal(result.caller.installationId, installationId);
    }
  });

  it('reads the end of the system token, and nothing else of it', async () => {
    const token = await signed(signer, claims(now));
    const system = await signed(stranger, { exp: 1_900_000_000 });
    const result = await verifier()({ ...bearer(token), 'x-forge-oauth-system': system });
    assert.ok(result.ok);
    assert.deepEqual(result.systemToken, { value: system, expiresAt: 1_900_000_000_000 });
  });
});
