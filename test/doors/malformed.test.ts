import assert from 'node:assert/strict';
import { createHmac, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request as send, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { installationSecretIdentity } from '../../src/actions/installation-secret.js';
import { noteUnreadable } from '../../src/actions/note-unreadable.js';
import { createConnectEventDoor } from '../../src/doors/connect/event-door.js';
import { createConnectTenants } from '../../src/doors/connect/tenants.js';
import { createConnectVerifier } from '../../src/doors/connect/verify.js';
import { createHookEventDoor } from '../../src/doors/hooks/event-door.js';
import { createHookKeys } from '../../src/doors/hooks/hook-keys.js';
import { createIntake } from '../../src/doors/intake.js';
import {
  commit,
  createEngine,
  repositoryUuid,
  workspaceUuid,
  type Engine,
} from '../support/engine.js';
import { storeHook } from '../support/hooks.js';
import { silentLogger } from '../support/silent-logger.js';
import { claimsFor, signToken } from './connect/tokens.js';

const count = 10_000;
const atOnce = 32;
const secret = 'the-shared-secret-of-acme';
const clientKey = 'client-of-acme';
const connectPath = '/connect/events';

/** One request that must not be taken for a push, and what is answered to it. */
interface Bad {
  door: 'connect' | 'hook';
  body: Buffer;
  /** The `Authorization` or `X-Hub-Signature` header; null: none, `valid`: one that fits. */
  credential: string | null;
  expect: 400 | 401;
}

const ref = { type: 'branch', name: 'main', target: { hash: commit('a') } };
const valid = {
  actor: { display_name: 'Sam Dev' },
  repository: { uuid: repositoryUuid, full_name: 'acme/site', workspace: { uuid: workspaceUuid } },
  push: { changes: [{ old: null, new: ref }] },
};
const validBody = Buffer.from(JSON.stringify(valid));

/** Bytes and JSON in which no push can be read, however it is signed. */
const badBody: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.concat([Buffer.from([0xff]), bytes])),
  fc.integer({ min: 0, max: validBody.length - 1 }).map((at) => validBody.subarray(0, at)),
  fc.string().map((text) => Buffer.from(`{"push":${JSON.stringify(text)}`)),
  fc.integer({ min: 1, max: 5_000 }).map((depth) => Buffer.from('['.repeat(depth))),
  fc
    .integer({ min: 1, max: 5_000 })
    .map((deep) => Buffer.from('['.repeat(deep) + ']'.repeat(deep))),
  fc
    .oneof(fc.constant(null), fc.boolean(), fc.double(), fc.string(), fc.array(fc.jsonValue()))
    .map((value) => Buffer.from(JSON.stringify(value))),
  // The right shape with one thing that must be there replaced by something else.
  fc
    .tuple(
      fc.constantFrom('push', 'changes', 'entry', 'repository', 'uuid'),
      fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.constant(''), fc.constant({})),
    )
    .map(([where, value]) => Buffer.from(JSON.stringify(spoilt(where, value)))),
);

function spoilt(where: string, value: unknown): object {
  switch (where) {
    case 'push':
      return { ...valid, push: value };
    case 'changes':
      return { ...valid, push: { changes: value } };
    case 'entry':
      return { ...valid, push: { changes: [value, { old: value, new: value }] } };
    case 'repository':
      return { ...valid, repository: value };
    default:
      return { ...valid, repository: { ...valid.repository, uuid: value } };
  }
}

describe('malformed deliveries', function () {
  this.timeout(180_000);
  let engine: Engine;
  let server: Server;
  let hookPath = '';
  let now = 0;
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const sources: string[] = [];

  before(async () => {
    engine = await createEngine();
    const { storage, vault, ids } = engine;
    const clock = engine.clock.now;
    now = clock();
    const hook = await storeHook(engine, secret);
    hookPath = `/hooks/${hook.id}`;
    const installationId = ids.next();
    const sourceId = ids.next();
    sources.push(hook.sourceId, sourceId);
    await storage.write(async (tx) => {
      await tx.installations.save({
        id: installationId,
        door: 'connect',
        externalId: clientKey,
        workspaceUuid,
        state: 'active',
        secretSealed: vault.seal(secret, installationSecretIdentity(installationId)),
        installedBy: null,
        createdAt: now,
        updatedAt: now,
      });
      await tx.installations.saveSource({
        id: sourceId,
        door: 'connect',
        key: clientKey,
        installationId,
        createdAt: now,
      });
    });
    const tenants = createConnectTenants({ storage, vault, clock });
    const verifier = createConnectVerifier({ tenants, clock });
    const keys = createHookKeys({ storage, vault, clock });
    const intake = createIntake({
      doors: [createConnectEventDoor({ verifier }), createHookEventDoor({ keys, clock })],
      accept: engine.accept,
      noteUnreadable: noteUnreadable({ storage, ids, clock }),
      clock,
      logger: silentLogger(),
    });
    server = createServer((request, response) => {
      if (!intake(request, response)) response.writeHead(418).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  after(async () => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
    await engine.close();
  });

  const token = (changed: Record<string, unknown> = {}, key = secret): string => {
    const seconds = Math.floor(now / 1000);
    const times = { iat: seconds, exp: seconds + 180, ...changed };
    return signToken(claimsFor(clientKey, 'POST', connectPath, times), key);
  };

  const signature = (body: Buffer, key = secret): string =>
    `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;

  function credentialOf({ door, body, credential }: Bad): string | null {
    if (credential !== 'valid') return credential;
    return door === 'hook' ? signature(body) : `JWT ${token()}`;
  }

  function deliver(one: Bad): Promise<number> {
    const credential = credentialOf(one);
    const name = one.door === 'hook' ? 'x-hub-signature' : 'authorization';
    return new Promise((resolve, reject) => {
      const outgoing = send(
        {
          agent,
          port: (server.address() as AddressInfo).port,
          method: 'POST',
          path: one.door === 'hook' ? hookPath : connectPath,
          headers: {
            'content-length': one.body.length,
            'x-event-key': 'repo:push',
            ...(credential === null ? {} : { [name]: credential }),
          },
        },
        (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode ?? 0));
        },
      );
      outgoing.once('error', reject);
      outgoing.end(one.body);
    });
  }

  /** Made of a good token, each broken in one way. Header values are what HTTP allows. */
  const badToken = (): fc.Arbitrary<string | null> => {
    const good = token();
    const [head = '', claims = '', sign = ''] = good.split('.');
    const visible = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.=+/ "{}'), maxLength: 80 });
    const base64 = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url');
    return fc.oneof(
      fc.constant(null),
      visible,
      visible.map((text) => `JWT ${text}`),
      visible.map((text) => `Bearer ${text}`),
      fc.constant(`jwt ${good}`),
      fc.constant(`JWT ${good},JWT ${good}`),
      fc.integer({ min: 0, max: good.length - 2 }).map((at) => `JWT ${good.slice(0, at)}`),
      fc
        .integer({ min: head.length + 1, max: head.length + claims.length })
        .map(
          (at) => `JWT ${good.slice(0, at)}${good[at] === 'A' ? 'B' : 'A'}${good.slice(at + 1)}`,
        ),
      fc.jsonValue().map((value) => `JWT ${head}.${base64(value)}.${sign}`),
      fc.jsonValue().map((value) => `JWT ${base64(value)}.${claims}.${sign}`),
      fc
        .constantFrom('none', 'HS512', 'RS256')
        .map(
          (alg) =>
            `JWT ${signToken(claimsFor(clientKey, 'POST', connectPath), secret, alg as 'none')}`,
        ),
      fc.string({ minLength: 1 }).map((key) => `JWT ${token({}, `not ${key}`)}`),
      fc.constantFrom('iss', 'exp', 'qsh', 'aud').map((claim) => `JWT ${token({ [claim]: 'x' })}`),
      fc.constantFrom('iss', 'exp', 'qsh').map((claim) => `JWT ${token({ [claim]: undefined })}`),
      fc
        .integer({ min: 61, max: 10_000_000 })
        .map((ago) => `JWT ${token({ exp: Math.floor(now / 1000) - ago })}`),
    );
  };

  const badSignature: fc.Arbitrary<string | null> = fc.oneof(
    fc.constant(null),
    fc.string({ unit: fc.constantFrom(...'abcdef0189=sha256:, '), maxLength: 90 }),
    fc
      .string({ unit: fc.constantFrom(...'abcdef0189'), minLength: 64, maxLength: 64 })
      .map((hex) => `sha256=${hex}`),
    fc.constant(signature(validBody).replace('sha256=', 'sha1=')),
    fc.constant(signature(validBody).slice(0, -1)),
    fc.string({ minLength: 1 }).map((key) => signature(validBody, `not ${key}`)),
  );

  it(`${count} of them: none is taken for a push, and none does harm`, async () => {
    const doors = fc.constantFrom('connect' as const, 'hook' as const);
    const bad = fc.oneof(
      fc.record({
        door: doors,
        body: badBody,
        credential: fc.constant('valid' as const),
        expect: fc.constant(400 as const),
      }),
      fc.record({
        door: fc.constant('connect' as const),
        body: fc.oneof(fc.constant(validBody), badBody),
        credential: badToken(),
        expect: fc.constant(401 as const),
      }),
      fc.record({
        door: fc.constant('hook' as const),
        body: fc.oneof(fc.constant(validBody), badBody),
        credential: badSignature,
        expect: fc.constant(401 as const),
      }),
    );
    const seed = randomInt(2 ** 31);
    const left = fc.sample(bad, { numRuns: count, seed });
    const wrong: string[] = [];
    const work = async (): Promise<void> => {
      for (let one = left.pop(); one; one = left.pop()) {
        const status = await deliver(one);
        if (status === one.expect) continue;
        const { door, credential, body } = one;
        wrong.push(
          `${status} ≠ ${one.expect}: ${door} ${credential} ${body.toString().slice(0, 200)}`,
        );
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    assert.deepEqual(wrong.slice(0, 5), [], `seed ${seed}, ${wrong.length} wrong answers`);

    for (const source of sources) {
      const stored = await engine.storage.read.care.eventsOfSource(source, '', count);
      assert.deepEqual([...new Set(stored.map(({ state }) => state))], ['unreadable']);
      assert.ok(stored.every(({ bodyDigest }) => bodyDigest.length === 64));
    }
    // What is right is taken all the same: the answers above were about the deliveries.
    for (const door of ['connect', 'hook'] as const) {
      const good: Bad = { door, body: validBody, credential: 'valid', expect: 400 };
      assert.equal(await deliver(good), 204);
    }
  });
});
