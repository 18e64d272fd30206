import assert from 'node:assert/strict';
import {
  removeWorkspaceCredential,
  saveWorkspaceCredential,
} from '../../../src/actions/workspace-credentials.js';
import { BitbucketError } from '../../../src/core/errors.js';
import { AccountBackend } from '../../support/account-backend.js';
import { change, commit, createEngine, workspaceUuid, type Engine } from '../../support/engine.js';
import { wild } from '../panel/support/scenarios.js';
import { serveWorkspace, type ServedWorkspace } from './serve-workspace.js';

/** What people and things are called on the page. */
export interface Names {
  person: string;
  workspace: string;
  repository: string;
  connection: string;
  target: string;
  channel: string;
  branch: string;
  reason: string;
}

export const plainNames: Names = {
  person: 'Grace Hopper',
  workspace: 'Acme',
  repository: 'acme/site',
  connection: 'Our account',
  target: 'Production',
  channel: 'Ops',
  branch: 'main',
  reason: 'npm run build ended with 1.',
};

/** Markup, right to left, emoji, 200 characters. */
export const hardNames: Names = {
  person: `${wild.markup} ${wild.rtl}`,
  workspace: `${wild.rtl} ${wild.long}`,
  repository: `acme/${wild.long}`,
  connection: `${wild.markup.slice(0, 40)}🚢`,
  target: `<b>${wild.emoji}</b> ${wild.rtl}`.slice(0, 60),
  channel: `${wild.rtl} ${'x'.repeat(50)}`,
  branch: wild.long,
  reason: `${wild.markup} ${wild.rtl} ${wild.long}`,
};

export interface FilledWorkspace {
  engine: Engine;
  backend: AccountBackend;
  served: ServedWorkspace;
  url: string;
  /** Secrets that Bitbucket refuses. */
  refused: Set<string>;
  close(): Promise<void>;
}

const secret = 'ATCTT3xFfGN0-secret-of-the-team';

/** The workspace's page with something in each of its sections, made by the page's own calls. */
export async function filledWorkspace(
  names: Names = plainNames,
  now = Date.now(),
): Promise<FilledWorkspace> {
  const backend = new AccountBackend();
  const engine = await createEngine({ backend });
  engine.clock.advance(now - engine.clock.now() - 3 * 3_600_000);
  const refused = new Set<string>();
  const credentialDeps = {
    ...{ ...engine, clock: engine.clock.now, waker: { wake: () => undefined } },
    onChange: () => undefined,
    test: ({ secret: given }: { secret: string }) =>
      refused.has(given)
        ? Promise.reject(new BitbucketError('bitbucket_refused', 'no', { status: 401 }))
        : Promise.resolve({ scopes: 'repository' }),
  };
  const served = await serveWorkspace(engine, {
    backends: [backend],
    userName: names.person,
    sender: {
      kinds: ['chat', 'email'],
      send: ({ address }) =>
        Promise.resolve(
          address.includes('gone')
            ? { ok: false, error: 'The chat answered 404.', isFinal: true }
            : { ok: true },
        ),
    },
    credentials: {
      save: (form) => saveWorkspaceCredential(form, credentialDeps),
      remove: (which) => removeWorkspaceCredential(which, credentialDeps),
    },
  });
  const { session } = await served.page();
  const act = async (action: string, fields: object, status = 200): Promise<void> => {
    const answer = await served.call(session, 'POST', `actions/${action}`, fields);
    assert.equal(answer.status, status, answer.html);
  };
  const connect = (name: string) =>
    act('connections/save', {
      ...{ connectionId: '', expectedVersion: '0', backend: 'account', name },
      'settings.token': 'not-a-real-token',
    });
  await connect(names.connection);
  await connect(`2 ${names.connection}`.slice(0, 60));
  const [used, other] = await engine.storage.read.connections.ofWorkspace(workspaceUuid);
  const to = { backend: 'account', connectionId: used?.id ?? null, branchPattern: names.branch };
  const target = await engine.target({ ...to, name: names.target });
  await engine.target({ ...to, name: 'Staging', branchPattern: 'dev' });
  for (const [name, digit] of [
    [names.branch, 'a'],
    ['dev', 'b'],
  ] as const) {
    const head = commit(digit);
    const author = names.person;
    engine.bitbucket.refs.set(`branch:${name}`, { hash: head, message: 'Show prices', author });
    backend.onObserve = [() => ({ state: 'failed', reason: names.reason })];
    await engine.push([change({ name, to: head })]);
    await engine.settle(20_000);
    backend.onObserve = [];
  }
  const problems = [{ field: 'token', message: 'Revoked over there.' }];
  backend.onTest = { ok: false, refused: true, problems };
  await act('connections/test', { id: other?.id }, 422);
  backend.onTest = { ok: true, account: 'ada@example.com', expiresAt: null };
  await act('credentials/save', { kind: 'consumer', clientId: 'key', secret });
  await act('credentials/save', { kind: 'access_token', secret, endsOn: '2030-03-31' });
  await act('notices/add', {
    kind: 'chat',
    name: names.channel,
    address: 'https://chat.example/x',
  });
  await act('notices/add', { kind: 'email', address: 'team@example.com' });
  await engine.storage.write(async (tx) => {
    const { repositoryId } = target;
    const stored = await tx.repositories.byId(repositoryId);
    assert.ok(stored);
    const facts = { ...stored, workspaceSlug: 'acme', workspaceName: names.workspace };
    const named = { ...facts, fullName: names.repository, name: names.repository };
    await tx.repositories.saveFacts(named, workspaceUuid, engine.clock.now());
  });
  engine.clock.advance(now - engine.clock.now());
  return {
    ...{ engine, backend, served, refused },
    url: `${served.url}/panel/workspace`,
    async close() {
      await served.close();
      await engine.close();
    },
  };
}
