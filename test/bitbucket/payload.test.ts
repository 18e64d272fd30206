import assert from 'node:assert/strict';
import { InputError } from '../../src/core/errors.js';
import { parsePayload, unwrapDelivery, withoutMail } from '../../src/bitbucket/payload.js';

const repository = {
  uuid: '{0a1b2c3d-0000-4000-8000-000000000001}',
  full_name: 'acme-inc/site',
  name: 'site',
  is_private: true,
  workspace: { uuid: '{7d3f0c52-1111-4a2b-9c3d-0123456789ab}', slug: 'acme-inc', name: 'Acme' },
};
const actor = { uuid: '{2f1e9a10-2222-4bbb-8ccc-abcdefabcdef}', display_name: 'Sam Dev' };
const ref = (name: string, hash: string, type = 'branch') => ({
  type,
  name,
  target: { hash, message: `at ${hash}\n`, author: { raw: 'Sam Dev <sam@example.com>' } },
});
const push = (...changes: unknown[]) => ({ actor, repository, push: { changes } });

function changesOf(payload: unknown) {
  const event = parsePayload('repo:push', payload);
  assert.equal(event.kind, 'push');
  return event.kind === 'push' ? event.changes : [];
}

describe('parsePayload', () => {
  it('makes one ref change of every entry, in order', () => {
    const changes = changesOf(
      push(
        { old: ref('main', 'a1'), new: ref('main', 'b2'), forced: false },
        { new: ref('v1', 'c3', 'tag') },
        { old: ref('gone', 'd4'), new: null },
        { old: ref('dev', 'e5'), new: ref('dev', 'f6'), forced: true },
      ),
    );
    assert.deepEqual(
      changes.map((c) => [c.kind, c.refType, c.name, c.from, c.to]),
      [
        ['update', 'branch', 'main', 'a1', 'b2'],
        ['create', 'tag', 'v1', null, 'c3'],
        ['delete', 'branch', 'gone', 'd4', null],
        ['force', 'branch', 'dev', 'e5', 'f6'],
      ],
    );
  });

  it('keeps message and author of the new head only, without the mail address', () => {
    const [moved, gone] = changesOf(
      push({ old: ref('main', 'a1'), new: ref('main', 'b2') }, { old: ref('x', 'a1'), new: null }),
    );
    assert.equal(moved?.message, 'at b2\n');
    assert.equal(moved?.author, 'Sam Dev');
    assert.equal(gone?.message, null);
    assert.equal(gone?.author, null);
  });

  it('calls a created ref created even when Bitbucket also says forced', () => {
    const [change] = changesOf(push({ old: null, new: ref('t', 'a1', 'tag'), forced: true }));
    assert.equal(change?.kind, 'create');
  });

  it('takes {} for null', () => {
    const [change] = changesOf(push({ old: {}, new: ref('main', 'a1') }));
    assert.equal(change?.kind, 'create');
  });

  it('survives nulls, {} and missing fields everywhere a recorded delivery has them', () => {
    const event = parsePayload('repo:push', {
      actor: null,
      repository: { uuid: repository.uuid, workspace: null, owner: {}, mainbranch: null },
      push: {
        changes: [{ new: { type: 'branch', name: 'main', target: { hash: 'a1', author: {} } } }],
      },
    });
    assert.deepEqual(event, {
      kind: 'push',
      actor: null,
      repository: {
        uuid: repository.uuid,
        workspaceUuid: null,
        workspaceSlug: null,
        workspaceName: null,
        fullName: null,
        name: null,
        isPrivate: null,
      },
      changes: [
        {
          refType: 'branch',
          name: 'main',
          from: null,
          to: 'a1',
          kind: 'create',
          message: null,
          author: null,
        },
      ],
    });
  });

  it('keeps who did it, with their id where they are not named', () => {
    const who = (told: object | null) => {
      const event = parsePayload('repo:updated', { repository, actor: told });
      return event.kind === 'ignored' ? assert.fail() : event.actor;
    };
    const { uuid } = actor;
    assert.deepEqual(who(actor), { uuid, name: 'Sam Dev' });
    assert.deepEqual(who({ uuid, nickname: 'sam' }), { uuid, name: 'sam' });
    assert.deepEqual(who({ uuid }), { uuid, name: null });
    assert.equal(who({ account_id: '557058:x' }), null);
  });

  it('leaves the stored main branch alone when the payload has none', () => {
    const event = parsePayload('repo:updated', { repository });
    assert.ok(event.kind === 'repository_updated' && !('mainBranch' in event.repository));
    const full = parsePayload('repo:updated', {
      repository: { ...repository, mainbranch: { name: 'trunk' } },
    });
    assert.ok(full.kind === 'repository_updated' && full.repository.mainBranch === 'trunk');
  });

  it('does not let one unreadable entry spoil the others', () => {
    const changes = changesOf(push(null, 7, {}, { old: null, new: ref('main', 'a1') }));
    assert.deepEqual(
      changes.map((c) => c.name),
      ['main'],
    );
  });

  it('reads the owner as workspace in payloads from before workspaces', () => {
    const { workspace: _, ...older } = repository;
    const event = parsePayload('repo:updated', {
      repository: { ...older, owner: { uuid: '{owner}', username: 'acme' } },
    });
    assert.ok(event.kind === 'repository_updated');
    assert.equal(event.repository.workspaceUuid, '{owner}');
    assert.equal(event.repository.workspaceSlug, 'acme-inc');
  });

  it('knows the repository events, and ignores everything else with a word for the log', () => {
    assert.equal(parsePayload('repo:transfer', { repository }).kind, 'repository_transferred');
    assert.equal(parsePayload('repo:deleted', { repository }).kind, 'repository_deleted');
    assert.deepEqual(parsePayload('repo:fork', { anything: 1 }), {
      kind: 'ignored',
      noop: 'event_not_ours',
    });
    assert.deepEqual(parsePayload('constructor', null), {
      kind: 'ignored',
      noop: 'event_not_ours',
    });
    assert.deepEqual(parsePayload('repo:push', push()), { kind: 'ignored', noop: 'no_changes' });
  });

  for (const [what, payload, detail] of [
    ['a list', [], /not a JSON object/],
    ['no push', { repository }, /push is missing/],
    ['no list of changes', { repository, push: { changes: {} } }, /push\.changes is not a list/],
    ['no repository', { push: { changes: [{ new: ref('m', 'a') }] } }, /repository\.uuid/],
    ['only unreadable entries', push({}), /names a branch or tag/],
  ] as const) {
    it(`refuses ${what} in words`, () => {
      assert.throws(
        () => parsePayload('repo:push', payload),
        (error) => error instanceof InputError && detail.test(error.message),
      );
    });
  }
});

describe('unwrapDelivery', () => {
  it('unwraps {event, data} and leaves a bare body alone', () => {
    assert.deepEqual(unwrapDelivery({ event: 'repo:push', data: { a: 1 } }), {
      event: 'repo:push',
      payload: { a: 1 },
    });
    const bare = { push: {}, event: 'x', data: 'text' };
    assert.deepEqual(unwrapDelivery(bare), { event: null, payload: bare });
  });
});

describe('withoutMail', () => {
  it('keeps the name, and nothing when there is only an address', () => {
    assert.equal(withoutMail('Sam Dev <sam@example.com>'), 'Sam Dev');
    assert.equal(withoutMail('<sam@example.com>'), null);
    assert.equal(withoutMail(null), null);
  });
});
