import assert from 'node:assert/strict';
import { InfrastructureError, InputError } from '../../../src/core/errors.js';
import { createConnectEventDoor } from '../../../src/doors/connect/event-door.js';
import { createConnectTenants } from '../../../src/doors/connect/tenants.js';
import { createConnectVerifier } from '../../../src/doors/connect/verify.js';
import type { RawDelivery } from '../../../src/doors/event-door.js';
import { clientKey, fakeVault, MemoryStorage, secret, workspaceUuid } from './fakes.js';
import { claimsFor, now, signToken } from './tokens.js';

const url = '/connect/events';
const payload = {
  actor: { display_name: 'Sam Dev' },
  repository: { uuid: '{r}', full_name: 'acme-inc/site', workspace: { uuid: workspaceUuid } },
  push: { changes: [{ new: { type: 'branch', name: 'main', target: { hash: 'a1' } } }] },
};

function delivery(changed: Partial<RawDelivery> & { json?: unknown } = {}): RawDelivery {
  const { json = { event: 'repo:push', data: payload }, ...rest } = changed;
  return {
    method: 'POST',
    rawUrl: url,
    headers: {
      authorization: `JWT ${signToken(claimsFor(clientKey, 'POST', url), secret)}`,
      'x-event-key': 'repo:push',
      'x-request-uuid': '9a7d3f0c-0000-4000-8000-000000000001',
      'x-attempt-number': '2',
    },
    body: Buffer.from(JSON.stringify(json)),
    ...rest,
  };
}

const withHeaders = (headers: RawDelivery['headers']): RawDelivery => {
  const plain = delivery();
  return { ...plain, headers: { ...plain.headers, ...headers } };
};

describe('createConnectEventDoor', () => {
  let memory: MemoryStorage;
  let clock: number;

  beforeEach(() => {
    memory = new MemoryStorage();
    clock = now;
  });

  function door() {
    const deps = { storage: memory.storage, vault: fakeVault, clock: () => clock };
    const tenants = createConnectTenants(deps);
    const verifier = createConnectVerifier({ tenants, clock: () => clock });
    return { door: createConnectEventDoor({ verifier }), tenants };
  }

  describe('verify', () => {
    it('says whose event it is', async () => {
      memory.put();
      assert.deepEqual(await door().door.verify(delivery()), {
        ok: true,
        source: memory.sources.get(clientKey),
        workspaceUuid,
      });
    });

    for (const state of ['unconfirmed', 'removed'] as const) {
      it(`refuses an ${state} installation`, async () => {
        memory.put({ state });
        const result = await door().door.verify(delivery());
        assert.deepEqual(result, { ok: false, why: `installation_${state}` });
      });
    }

    it('refuses nobody, somebody unknown, and a known name with a wrong secret', async () => {
      const { authorization: _, ...unsigned } = delivery().headers;
      assert.equal((await door().door.verify(delivery({ headers: unsigned }))).ok, false);
      assert.equal((await door().door.verify(delivery())).ok, false);
      memory.put();
      const forged = signToken(claimsFor(clientKey, 'POST', url), 'wrong');
      const result = await door().door.verify(withHeaders({ authorization: `JWT ${forged}` }));
      assert.deepEqual(result, { ok: false, why: 'invalid_signature' });
    });

    it('takes a token for its signer, not for its audience', async () => {
      memory.put();
      memory.put({ id: 'i2', externalId: 'attacker', workspaceUuid: '{attacker}' }, 'attackers');
      const claims = claimsFor(clientKey, 'POST', url, { aud: ['attacker', clientKey] });
      const asVictim = signToken(claims, 'attackers');
      assert.equal(
        (await door().door.verify(withHeaders({ authorization: `JWT ${asVictim}` }))).ok,
        false,
      );
      const own = signToken(claimsFor('attacker', 'POST', url), 'attackers');
      const result = await door().door.verify(withHeaders({ authorization: `JWT ${own}` }));
      assert.ok(result.ok && result.workspaceUuid === '{attacker}');
    });

    it('lets trouble of the store through as trouble, not as a refusal', async () => {
      memory.put();
      memory.fails = true;
      await assert.rejects(door().door.verify(delivery()), InfrastructureError);
    });
  });

  describe('what it remembers of installations', () => {
    it('reads one once, and again after a minute', async () => {
      memory.put();
      const { door: one, tenants } = door();
      for (let i = 0; i < 5; i += 1) await one.verify(delivery());
      assert.equal(memory.reads, 1);
      assert.equal(await tenants.find(clientKey), await tenants.find(clientKey));
      clock += 60_000;
      await one.verify(delivery());
      assert.equal(memory.reads, 2);
    });

    it('forgets at once when told', async () => {
      memory.put();
      const { door: one, tenants } = door();
      assert.equal((await one.verify(delivery())).ok, true);
      memory.put({ state: 'removed' });
      assert.equal((await one.verify(delivery())).ok, true);
      tenants.forget(clientKey);
      assert.equal((await one.verify(delivery())).ok, false);
    });

    it('does not remember what it began to read before it was told to forget', async () => {
      memory.put();
      const { door: one, tenants } = door();
      const early = one.verify(delivery());
      tenants.forget(clientKey);
      await early;
      memory.put({ state: 'removed' });
      assert.equal((await one.verify(delivery())).ok, false);
    });

    it('looks again when another process stored a new secret, but not for every bad token', async () => {
      memory.put();
      const { door: one } = door();
      await one.verify(delivery());
      memory.put({}, 'rotated');
      clock += 1_000;
      const fresh = signToken(claimsFor(clientKey, 'POST', url), 'rotated');
      assert.equal((await one.verify(withHeaders({ authorization: `JWT ${fresh}` }))).ok, true);
      assert.equal(memory.reads, 2);
      const bad = signToken(claimsFor(clientKey, 'POST', url), 'wrong');
      for (let i = 0; i < 5; i += 1) {
        assert.equal((await one.verify(withHeaders({ authorization: `JWT ${bad}` }))).ok, false);
      }
      assert.equal(memory.reads, 2);
    });
  });

  describe('parse', () => {
    const parse = (given: RawDelivery) => door().door.parse(given);

    it('unwraps, and names delivery and attempt', () => {
      const { event, ...facts } = parse(delivery());
      assert.deepEqual(facts, {
        deliveryId: '9a7d3f0c-0000-4000-8000-000000000001',
        eventKey: 'repo:push',
        attemptNumber: 2,
      });
      assert.equal(event.kind, 'push');
    });

    it('takes a bare body by its header', () => {
      assert.equal(parse(delivery({ json: payload })).event.kind, 'push');
    });

    it('knows a delivery id with braces and in capitals as the same', () => {
      const braced = withHeaders({ 'x-request-uuid': '{9A7D3F0C-0000-4000-8000-000000000001}' });
      assert.equal(parse(braced).deliveryId, parse(delivery()).deliveryId);
    });

    it('makes up a stable id from hook and body when there is none', () => {
      const bare = withHeaders({ 'x-request-uuid': undefined, 'x-hook-uuid': 'h1' });
      const { deliveryId } = parse(bare);
      assert.equal(parse(bare).deliveryId, deliveryId);
      assert.match(deliveryId, /^body-[0-9a-f]{64}$/);
      const otherHook = { ...bare, headers: { ...bare.headers, 'x-hook-uuid': 'h2' } };
      assert.notEqual(parse(otherHook).deliveryId, deliveryId);
      assert.notEqual(
        parse({ ...bare, body: delivery({ json: payload }).body }).deliveryId,
        deliveryId,
      );
      assert.equal(
        parse(withHeaders({ 'x-request-uuid': '../../etc', 'x-hook-uuid': 'h1' })).deliveryId,
        deliveryId,
      );
    });

    it('refuses a body that disagrees with its header', () => {
      assert.throws(() => parse(withHeaders({ 'x-event-key': 'repo:fork' })), InputError);
    });

    it('reads a push even when a proxy dropped the headers, but nothing else', () => {
      const headers = { 'x-event-key': undefined, 'x-attempt-number': 'x' };
      const bare = { ...withHeaders(headers), body: delivery({ json: payload }).body };
      assert.equal(parse(bare).eventKey, 'repo:push');
      assert.equal(parse(bare).attemptNumber, 1);
      const other = { ...bare, body: delivery({ json: { repository: {} } }).body };
      assert.throws(() => parse(other), InputError);
    });

    it('ignores what is not ours', () => {
      const fork = withHeaders({ 'x-event-key': 'repo:fork' });
      const { event } = parse({ ...fork, body: Buffer.from('{"fork":{}}') });
      assert.equal(event.kind, 'ignored');
    });

    it('refuses what is not JSON', () => {
      assert.throws(() => parse(delivery({ body: Buffer.from('push=1') })), InputError);
    });
  });
});
