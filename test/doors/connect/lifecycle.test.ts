import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { AccessError, BitbucketError } from '../../../src/core/errors.js';
import { clientKey, secret, workspaceUuid } from './fakes.js';
import { Harness, tokenFor } from './harness.js';

const installed = '/connect/installed';
const uninstalled = '/connect/uninstalled';
const newSecret = 'the-second-secret';

/** The body of reference/bitbucket-connect.md §3.2, with the fields we do not need. */
function body(changed: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    key: 'slipway',
    productType: 'bitbucket',
    eventType: 'installed',
    clientKey,
    sharedSecret: secret,
    publicKey: 'MIGfMA0',
    baseUrl: 'https://bitbucket.org',
    baseApiUrl: 'https://api.bitbucket.org',
    principal: { type: 'team', uuid: workspaceUuid, username: 'acme-inc', display_name: 'Acme' },
    user: { type: 'user', uuid: '{u}', nickname: 'sam', display_name: 'Sam Dev' },
    ...changed,
  };
}

const minimal = {
  key: 'slipway',
  eventType: 'installed',
  clientKey,
  sharedSecret: secret,
  principal: { uuid: workspaceUuid },
};

describe('the Connect lifecycle', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = new Harness();
    await harness.start();
  });
  afterEach(() => {
    harness.stop();
    // Whatever was tried: neither secret nor signed text may be in the log.
    assert.doesNotMatch(harness.logger.text, /the-shared-secret|the-second-secret|eyJ/);
  });

  const install = (json: unknown, token?: string) =>
    harness.call('POST', installed, { json, ...(token === undefined ? {} : { token }) });
  const stored = () => harness.memory.installations.get(clientKey);
  const sharedSecretNow = () => harness.memory.secretOf(clientKey);
  const says = (error: Error) => {
    harness.prover.answer = async () => Promise.reject(error);
  };

  describe('first install', () => {
    it('counts once its secret has proved itself', async () => {
      assert.equal((await install(body())).status, 204);
      assert.deepEqual(harness.prover.asked, [{ clientKey, sharedSecret: secret, workspaceUuid }]);
      assert.equal(stored()?.state, 'active');
      assert.equal(stored()?.workspaceUuid, workspaceUuid);
      assert.equal(stored()?.installedBy, 'Sam Dev');
      assert.equal(sharedSecretNow(), secret);
      assert.ok(!JSON.stringify(stored()).includes(secret));
      assert.equal(harness.memory.sources.get(clientKey)?.installationId, stored()?.id);
      // The names Bitbucket told us itself, not those of the body.
      assert.equal(harness.memory.workspaces.get(workspaceUuid)?.name, 'Acme Inc');
      assert.deepEqual(harness.changed, [workspaceUuid]);
    });

    it('needs no more than Bitbucket surely sends', async () => {
      assert.equal((await install(minimal)).status, 204);
    });

    it('keeps nothing of a made-up secret', async () => {
      says(new AccessError('installation_unconfirmed', 401));
      assert.equal((await install(body({ sharedSecret: 'made-up' }))).status, 401);
      assert.equal(stored(), undefined);
      assert.deepEqual(harness.changed, []);
      // The real one comes later and is not locked out.
      harness.prover.answer = () => Promise.resolve({ slug: null, name: null });
      assert.equal((await install(body())).status, 204);
      assert.equal(sharedSecretNow(), secret);
    });

    it('trusts nothing while Bitbucket cannot be asked, and can be repeated', async () => {
      says(new BitbucketError('bitbucket_unavailable', 'down'));
      const answer = await install(body());
      assert.equal(answer.status, 503);
      assert.ok(answer.headers.get('retry-after'));
      assert.equal(stored(), undefined);
    });

    it('answers 503 when it cannot be stored', async () => {
      harness.memory.fails = true;
      assert.equal((await install(body())).status, 503);
    });

    it('may be repeated over an unconfirmed leftover', async () => {
      harness.memory.put({ state: 'unconfirmed', id: 'left' }, 'old');
      assert.equal((await install(body())).status, 204);
      assert.equal(stored()?.id, 'left');
      assert.equal(sharedSecretNow(), secret);
    });

    it('is judged by the proof even when signed with a secret we have lost', async () => {
      const token = tokenFor('POST', installed, { sharedSecret: 'lost' });
      assert.equal((await install(body(), token)).status, 204);
      assert.equal(harness.prover.asked.length, 1);
    });

    for (const [what, token] of [
      ['garbage', 'garbage'],
      ['no algorithm', jwt.sign({ iss: clientKey }, '', { algorithm: 'none' })],
      ['RS256', rs256()],
    ] as const) {
      it(`refuses a token of ${what} without asking anybody`, async () => {
        assert.equal((await install(body(), token)).status, 401);
        assert.equal(harness.prover.asked.length, 0);
      });
    }

    it('refuses a host that is not Bitbucket', async () => {
      assert.equal((await install(body({ baseUrl: 'https://evil.example' }))).status, 401);
      assert.equal(harness.prover.asked.length, 0);
    });

    for (const [what, changed] of [
      ['another app', { key: 'another' }],
      ['no secret', { sharedSecret: undefined }],
      ['an empty secret', { sharedSecret: '' }],
      ['no workspace', { principal: {} }],
      ['another event', { eventType: 'uninstalled' }],
    ] as const) {
      it(`refuses a body with ${what}`, async () => {
        assert.equal((await install(body(changed))).status, 400);
        assert.equal(stored(), undefined);
      });
    }

    it('refuses what is not JSON', async () => {
      assert.equal((await harness.call('POST', installed)).status, 400);
      assert.equal((await install([])).status, 400);
    });

    it('lets few strangers make us call Bitbucket at the same time', async () => {
      let open = () => {};
      const gate = new Promise<void>((resolve) => (open = resolve));
      harness.prover.answer = async () => gate.then(() => ({ slug: null, name: null }));
      const statuses: number[] = [];
      const turnedAway = new Promise<void>((resolve) => {
        harness.app.once('turned away', resolve);
      });
      const all = Array.from({ length: 8 }, async (_, n) => {
        statuses.push((await install(body({ clientKey: `connection:${n}` }))).status);
        if (statuses.length === 4) harness.app.emit('turned away');
      });
      // Half of them come back while the others still wait for Bitbucket.
      await turnedAway;
      assert.deepEqual(statuses, [503, 503, 503, 503]);
      open();
      await Promise.all(all);
      assert.equal(statuses.filter((status) => status === 204).length, 4);
    });
  });

  for (const state of ['active', 'removed'] as const) {
    describe(`install over an ${state} one`, () => {
      beforeEach(() => {
        harness.memory.put({ state, id: 'known' });
      });
      const again = body({ sharedSecret: newSecret });

      it('replaces the secret when signed with the stored one', async () => {
        assert.equal((await install(again, tokenFor('POST', installed))).status, 204);
        assert.equal(sharedSecretNow(), newSecret);
        assert.equal(stored()?.state, 'active');
        assert.equal(stored()?.id, 'known');
        assert.equal(harness.prover.asked.length, 0);
        // At once: the next call is signed with the new secret.
        const next = tokenFor('POST', uninstalled, { sharedSecret: newSecret });
        assert.equal(
          (await harness.call('POST', uninstalled, { token: next, json: again })).status,
          400,
        );
        const bye = { clientKey, eventType: 'uninstalled' };
        assert.equal(
          (await harness.call('POST', uninstalled, { token: next, json: bye })).status,
          204,
        );
      });

      for (const [what, token] of [
        ['unsigned', undefined],
        ['signed with another secret', () => tokenFor('POST', installed, { sharedSecret: 'x' })],
        [
          'signed with the secret it brings',
          () => tokenFor('POST', installed, { sharedSecret: newSecret }),
        ],
        ['signed for another address', () => tokenFor('POST', '/connect/events')],
        ['signed but long expired', () => tokenFor('POST', installed, { changed: { exp: 1 } })],
      ] as const) {
        it(`changes nothing when ${what}`, async () => {
          assert.equal((await install(again, token?.())).status, 401);
          assert.equal(sharedSecretNow(), secret);
          assert.equal(stored()?.state, state);
          assert.equal(harness.prover.asked.length, 0);
        });
      }

      it('changes nothing when signed by another tenant', async () => {
        harness.memory.put({ externalId: 'other', id: 'i9', workspaceUuid: '{o}' }, 'others');
        const token = tokenFor('POST', installed, { key: 'other', sharedSecret: 'others' });
        assert.equal((await install(again, token)).status, 401);
        assert.equal(sharedSecretNow(), secret);
      });

      it('does not let a tenant move to another workspace', async () => {
        const moved = body({ principal: { uuid: '{ffffffff-1111-4a2b-9c3d-0123456789ab}' } });
        assert.equal((await install(moved, tokenFor('POST', installed))).status, 401);
        assert.equal(stored()?.workspaceUuid, workspaceUuid);
      });

      it('takes every form of audience and a token at the edge of its life', async () => {
        const iat = Math.floor(Date.now() / 1000);
        for (const changed of [
          { aud: [clientKey] },
          { aud: ['other', clientKey] },
          { aud: undefined },
          { exp: iat - 30 },
          { iat: iat + 30 },
        ]) {
          const token = tokenFor('POST', installed, { changed });
          assert.equal((await install(body(), token)).status, 204, JSON.stringify(changed));
        }
      });
    });
  }

  describe('two first installs at once', () => {
    it('leave the secret of the first to be stored', async () => {
      let open = () => {};
      const gate = new Promise<void>((resolve) => (open = resolve));
      harness.prover.answer = () => {
        // Both have passed the door by then; only the transaction can tell them apart.
        if (harness.prover.asked.length === 2) open();
        return gate.then(() => ({ slug: null, name: null }));
      };
      const both = [install(body()), install(body({ sharedSecret: newSecret }))];
      const statuses = (await Promise.all(both)).map((answer) => answer.status);
      assert.deepEqual(statuses.toSorted(), [204, 401]);
      const kept = statuses[0] === 204 ? secret : newSecret;
      assert.equal(sharedSecretNow(), kept);
    });
  });

  describe('uninstall', () => {
    const bye = { clientKey, key: 'slipway', eventType: 'uninstalled' };
    const leave = (token?: string) =>
      harness.call('POST', uninstalled, { json: bye, ...(token === undefined ? {} : { token }) });

    it('keeps the secret as a tombstone, when signed', async () => {
      harness.memory.put();
      assert.equal((await leave(tokenFor('POST', uninstalled))).status, 204);
      assert.equal(stored()?.state, 'removed');
      assert.equal(sharedSecretNow(), secret);
      // Sent again, it is still the same answer.
      assert.equal((await leave(tokenFor('POST', uninstalled))).status, 204);
    });

    it('does nothing for anybody else', async () => {
      harness.memory.put();
      assert.equal((await leave()).status, 401);
      assert.equal((await leave(tokenFor('POST', uninstalled, { sharedSecret: 'x' }))).status, 401);
      assert.equal((await leave(tokenFor('POST', installed))).status, 401);
      harness.memory.put({ externalId: 'other', id: 'i9' }, 'others');
      const other = tokenFor('POST', uninstalled, { key: 'other', sharedSecret: 'others' });
      assert.equal((await leave(other)).status, 401);
      assert.equal(stored()?.state, 'active');
    });

    it('does nothing for an unknown or unconfirmed installation', async () => {
      assert.equal((await leave(tokenFor('POST', uninstalled))).status, 401);
      harness.memory.put({ state: 'unconfirmed' });
      assert.equal((await leave(tokenFor('POST', uninstalled))).status, 401);
    });
  });
});

function rs256(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return jwt.sign({ iss: clientKey }, privateKey, { algorithm: 'RS256', keyid: 'k1' });
}
