import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { InboundEvent } from '../../src/actions/accept-events.js';
import { InfrastructureError, InputError } from '../../src/core/errors.js';
import type { HookEvent, RefChange, Source } from '../../src/core/model/index.js';
import type { EventDoor, RawDelivery } from '../../src/doors/event-door.js';
import { createIntake } from '../../src/doors/intake.js';
import { change, commit } from '../support/engine.js';
import { silentLogger } from '../support/silent-logger.js';

const source: Source = { id: 's', door: 'connect', key: 'k', installationId: null, createdAt: 0 };
const workspaceUuid = '{7d3f0c52-1111-4a2b-9c3d-0123456789ab}';

function push(workspace: string | null = workspaceUuid, changes: RefChange[] = []): HookEvent {
  return {
    kind: 'push',
    actor: null,
    changes,
    repository: {
      uuid: '{r}',
      workspaceUuid: workspace,
      workspaceSlug: null,
      workspaceName: null,
      fullName: null,
      name: null,
      isPrivate: null,
    },
  };
}

describe('intake', () => {
  let server: Server;
  let url: string;
  let accepted: InboundEvent[];
  let unreadable: string[];
  let seen: RawDelivery[];
  let event: HookEvent;
  let accept: (item: InboundEvent) => Promise<{
    isNew: boolean;
    eventId: string;
    refChanges: number;
    deployments: number;
  }>;
  const logger = silentLogger();

  const door: EventDoor = {
    door: 'connect',
    path: '/connect/events',
    verify: (delivery) => {
      seen.push(delivery);
      return Promise.resolve(
        delivery.headers['authorization'] === 'good'
          ? { ok: true, source, workspaceUuid }
          : { ok: false, why: 'no_token' },
      );
    },
    parse: (delivery) => {
      const body = delivery.body.toString();
      if (body === 'broken') throw new InputError('body_unreadable');
      return { deliveryId: 'd', eventKey: 'repo:push', attemptNumber: 1, event };
    },
  };

  before(async () => {
    const intake = createIntake({
      doors: [door],
      accept: (item) => accept(item),
      noteUnreadable: ({ bodyDigest }) => {
        unreadable.push(bodyDigest);
        return Promise.resolve();
      },
      clock: Date.now,
      logger,
    });
    server = createServer((request, response) => {
      if (!intake(request, response)) response.writeHead(418).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  beforeEach(() => {
    [accepted, unreadable, seen, event] = [[], [], [], push()];
    accept = (item) => {
      accepted.push(item);
      return Promise.resolve({ isNew: true, eventId: 'e', refChanges: 1, deployments: 1 });
    };
  });

  after(() => void server.close());

  const send = async (
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    fetch(`${url}/connect/events?x=1`, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      headers: { authorization: 'good', ...headers },
    });

  it('answers 204 after the event was taken', async () => {
    const response = await send('{"a":1}');
    assert.equal(response.status, 204);
    assert.equal(seen[0]?.body.toString(), '{"a":1}');
    assert.equal(accepted[0]?.workspaceUuid, workspaceUuid);
    assert.equal(seen[0]?.rawUrl, '/connect/events?x=1');
  });

  it('says in its line what was pushed, of a long push the beginning', async () => {
    const tags = Array.from({ length: 6 }, (_, index) =>
      change({ refType: 'tag', name: `v${index}`, to: index === 1 ? null : commit('b') }),
    );
    event = push(workspaceUuid, tags);
    await send('{}');
    const line = logger.lines.findLast(({ message }) => message === 'event.received');
    const short = commit('b').slice(0, 12);
    assert.deepEqual(line?.fields['pushed'], [
      `tag v0 ${short}`,
      'tag v1 deleted',
      ...[2, 3, 4].map((index) => `tag v${index} ${short}`),
    ]);
  });

  it('leaves other paths and methods to the application', async () => {
    assert.equal((await fetch(`${url}/connect/events`)).status, 418);
    assert.equal((await fetch(`${url}/connect/eventsx`, { method: 'POST' })).status, 418);
  });

  it('answers 401 and takes nothing when the door does not know the sender', async () => {
    assert.equal((await send('{}', { authorization: 'bad' })).status, 401);
    assert.equal(accepted.length + unreadable.length, 0);
  });

  it('answers 401 to an event about another workspace, whoever signed it', async () => {
    event = push('{99999999-0000-4000-8000-000000000009}');
    assert.equal((await send('{}')).status, 401);
    event = push(workspaceUuid.replace(/[{}]/g, '').toUpperCase());
    assert.equal((await send('{}')).status, 204, 'braces and case make no other workspace');
    assert.equal(accepted.length, 1);
  });

  it('answers 400 to what cannot be parsed, and keeps its digest only', async () => {
    assert.equal((await send('broken')).status, 400);
    assert.equal(accepted.length, 0);
    assert.equal(unreadable.length, 1);
  });

  it('answers 204 to what is nothing to us, and stores nothing', async () => {
    event = { kind: 'ignored', noop: 'unknown_event' };
    assert.equal((await send('{}')).status, 204);
    assert.equal(accepted.length, 0);
  });

  it('answers 503 with Retry-After when the store does not take it', async () => {
    accept = () => Promise.reject(new InfrastructureError('storage_unavailable'));
    const response = await send('{}');
    assert.equal(response.status, 503);
    assert.ok(Number(response.headers.get('retry-after')) > 0);
    accept = () => Promise.reject(new Error('a bug'));
    assert.equal((await send('{}')).status, 503, 'a bug of ours is sent again, too');
  });

  it('verifies and parses the inflated bytes of a gzip body', async () => {
    const response = await send(gzipSync('{"zipped":true}'), { 'content-encoding': 'gzip' });
    assert.equal(response.status, 204);
    assert.equal(seen[0]?.body.toString(), '{"zipped":true}');
    assert.equal((await send('not gzip', { 'content-encoding': 'gzip' })).status, 400);
    assert.equal((await send('{}', { 'content-encoding': 'br' })).status, 400);
  });

  it('answers 413 to more than 1 MiB, also when it only shows once inflated', async () => {
    const large = Buffer.alloc(1024 * 1024 + 1, 32);
    assert.equal((await send(gzipSync(large), { 'content-encoding': 'gzip' })).status, 413);
    assert.equal(await chunked(large), 413);
    assert.equal((await send(large.subarray(1))).status, 204, 'exactly 1 MiB is fine');
    assert.equal(seen.length, 1, 'what is too large is not even verified');
  });

  it('survives a sender that hangs up', async () => {
    const hangUp = httpRequest(`${url}/connect/events`, {
      method: 'POST',
      headers: { authorization: 'good', 'content-length': '1000' },
    });
    hangUp.on('error', () => undefined);
    hangUp.write('{');
    hangUp.destroy();
    assert.equal((await send('{}')).status, 204);
  });

  /** Without a length, so that only counting finds out. */
  function chunked(body: Buffer): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const sending = httpRequest(
        `${url}/connect/events`,
        { method: 'POST', headers: { authorization: 'good', 'transfer-encoding': 'chunked' } },
        (response: IncomingMessage) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      sending.on('error', reject);
      sending.end(body);
    });
  }
});
