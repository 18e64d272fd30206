import assert from 'node:assert/strict';
import { createForgeEventDoors } from '../../../src/doors/forge/event-door.js';
import type { ForgeCall, ForgeCalls } from '../../../src/doors/forge/calls.js';
import type { EventDoor, RawDelivery } from '../../../src/doors/event-door.js';
import { InputError } from '../../../src/core/errors.js';
import { workspaceUuid } from './tokens.js';

const repository = '{15151515-aaaa-4bbb-8ccc-dddddddddddd}';
const actor = '{aaaaaaaa-0000-4000-8000-000000000001}';
const hash = (digit: string): string => digit.repeat(40);

function event(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    eventType: 'avi:bitbucket:push:repository',
    timestamp: '2026-11-20T09:14:03.120934Z',
    actor: { type: 'user', accountId: '712020:aaaa', uuid: actor },
    repository: { uuid: repository },
    workspace: { uuid: workspaceUuid },
    push: {
      ...{ ref: 'main', mainbranch: true, before: hash('1'), after: hash('2') },
      ...{ created: false, closed: false, forced: false, truncated: true, commits: [] },
    },
    ...more,
  };
}

describe('doors/forge: events', () => {
  let answer: ForgeCall;
  let door: EventDoor;

  beforeEach(() => {
    const installation = { workspaceUuid } as Extract<ForgeCall, { ok: true }>['installation'];
    const source = { id: 'source' } as Extract<ForgeCall, { ok: true }>['source'];
    const caller = {} as Extract<ForgeCall, { ok: true }>['caller'];
    answer = { ok: true, installation, source, caller, userToken: null };
    const calls: ForgeCalls = { take: () => Promise.resolve(answer), forget: () => undefined };
    const [push] = createForgeEventDoors({ calls });
    assert.ok(push);
    door = push;
  });

  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  function delivery(body: unknown, jti = 'a'): RawDelivery {
    return {
      method: 'POST',
      rawUrl: '/forge/events/push',
      headers: { authorization: `Bearer ${part({ alg: 'RS256' })}.${part({ jti })}.x` },
      body: Buffer.from(JSON.stringify(body)),
    };
  }

  it('reads a push, flat or wrapped, with and without braces', () => {
    for (const body of [event(), { payload: event() }]) {
      const { event: told } = door.parse(delivery(body));
      assert.ok(told.kind === 'push');
      assert.equal(told.repository.uuid, repository);
      assert.deepEqual(told.actor, { uuid: actor, name: null });
      assert.deepEqual(
        told.changes.map(({ refType, name, from, to, kind }) => [refType, name, from, to, kind]),
        [['branch', 'main', hash('1'), hash('2'), 'update']],
      );
    }
    const bare = event({
      repository: { uuid: repository.slice(1, -1).toUpperCase() },
      actor: { uuid: actor.slice(1, -1).toUpperCase() },
    });
    const { event: told } = door.parse(delivery(bare));
    assert.ok(told.kind === 'push');
    assert.equal(told.repository.uuid, repository);
    assert.equal(told.actor?.uuid, actor);
  });

  it('reads a push by nobody', () => {
    for (const nobody of [undefined, null, 'x', {}, { uuid: 7, accountId: 'a' }]) {
      const { event: told } = door.parse(delivery(event({ actor: nobody })));
      assert.ok(told.kind === 'push');
      assert.equal(told.actor, null);
    }
  });

  it('knows a resend by move and time, whatever the try', () => {
    const one = door.parse(delivery(event()));
    const retry = event({ retryContext: { retryCount: 2, retryReason: 'TIMEOUT_ERROR' } });
    const again = door.parse(delivery(retry, 'b'));
    assert.equal(again.deliveryId, one.deliveryId);
    assert.equal(again.attemptNumber, 3);
    const later = door.parse(delivery(event({ timestamp: '2026-11-20T10:00:00Z' })));
    assert.notEqual(later.deliveryId, one.deliveryId);
  });

  it('takes events without a time for one push each', () => {
    const timeless = event({ timestamp: undefined });
    const [one, two] = [delivery(timeless, 'a'), delivery(timeless, 'b')].map((each) =>
      door.parse(each),
    );
    assert.notEqual(one?.deliveryId, two?.deliveryId);
  });

  it('reads tags and deletions, and says what it cannot read', () => {
    const tag = event({ push: { ref: 'v1', created: true, closed: false, after: hash('3') } });
    const gone = event({ push: { ref: 'x', mainbranch: false, closed: true, before: hash('4') } });
    const kinds = [tag, gone].map((body) => {
      const { event: told } = door.parse(delivery(body));
      assert.ok(told.kind === 'push');
      return told.changes.map(({ refType, kind }) => `${refType} ${kind}`).join();
    });
    assert.deepEqual(kinds, ['tag create', 'branch delete']);
    assert.throws(() => door.parse(delivery(event({ push: {} }))), InputError);
  });

  it('says 403, not 401, to the body of another workspace', async () => {
    const other = event({ workspace: { uuid: '{0f0f0f0f-9999-4222-8333-444444444444}' } });
    const result = await door.verify(delivery(other));
    assert.ok(!result.ok);
    assert.equal(result.answer, 403);
    assert.equal((await door.verify(delivery(event()))).ok, true);
  });

  it('hands on why a call does not count: gone 204, unverified 401, keys away 503', async () => {
    for (const code of [204, 401, 503] as const) {
      answer = { ok: false, why: 'x', answer: code };
      const result = await door.verify(delivery(event()));
      assert.ok(!result.ok);
      assert.equal(result.answer, code);
    }
  });
});
