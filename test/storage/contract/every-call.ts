import assert from 'node:assert/strict';
import type { StoredEvent, StoredRefChange } from '../../../src/core/model/index.js';
import type { PushNews, Reader, Transaction } from '../../../src/core/ports.js';
import type { OpenStorage } from '../../../src/storage/storage.js';
import { now, rows, workspaceUuid } from './rows.js';

type Stores = Transaction;
type Call = (...values: never[]) => Promise<unknown>;
type Values<
  Store extends keyof Stores,
  Name extends keyof Stores[Store],
> = Stores[Store][Name] extends (...values: infer All) => Promise<unknown> ? All : never;

/** What was asked, and what came back, in order. */
export interface Answer {
  call: string;
  answer: unknown;
}

/** Keeps what each call answers. */
class Script {
  readonly answers: Answer[] = [];
  readonly #storage: OpenStorage;

  constructor(storage: OpenStorage) {
    this.#storage = storage;
  }

  /** In a transaction. */
  async write<Store extends keyof Stores, Name extends keyof Stores[Store] & string>(
    store: Store,
    name: Name,
    ...values: Values<Store, Name>
  ): Promise<void> {
    const answer = await this.#storage.write((tx) => call(tx, store, name, values));
    this.answers.push({ call: `${store}.${name}`, answer: plain(`${store}.${name}`, answer) });
  }

  /** In a transaction that is rolled back because of the answer. */
  async undone<Store extends keyof Stores, Name extends keyof Stores[Store] & string>(
    store: Store,
    name: Name,
    ...values: Values<Store, Name>
  ): Promise<void> {
    let answer: unknown = null;
    const undo = new Error('undone');
    const write = this.#storage.write(async (tx) => {
      answer = await call(tx, store, name, values);
      throw undo;
    });
    await assert.rejects(write, undo);
    this.answers.push({ call: `${store}.${name}`, answer });
  }

  /** In a transaction and beside it: both see the same. */
  async read<Store extends keyof Stores, Name extends keyof Stores[Store] & string>(
    store: Store,
    name: Name,
    ...values: Values<Store, Name>
  ): Promise<void> {
    await this.write(store, name, ...values);
    const beside = await call(this.#storage.read, store, name, values);
    const last = this.answers.at(-1);
    assert.deepEqual(
      plain(`${store}.${name}`, beside),
      last?.answer,
      `${store}.${name} beside the writer`,
    );
  }
}

function call(
  of: Transaction | Reader,
  store: string,
  name: string,
  values: readonly unknown[],
): Promise<unknown> {
  const stores = of as unknown as Record<string, Record<string, Call>>;
  const method = stores[store]?.[name];
  assert.ok(method, `${store}.${name}`);
  return method(...(values as never[]));
}

/** These promise no order. */
const unordered = /\.(byIds|find|nextQueued|renew|sourceIdsOf|useByOthers|claim\w*)$|^refs\./;

function plain(name: string, answer: unknown): unknown {
  if (Array.isArray(answer) && unordered.test(name)) {
    return [...(answer as unknown[])].sort((a, b) =>
      JSON.stringify(a) < JSON.stringify(b) ? -1 : 1,
    );
  }
  if (answer instanceof Map) return { map: [...answer].sort() };
  if (answer instanceof Set) return { set: [...answer].sort() };
  return answer;
}

/** Calls everything that the store has, with rows of which some match and some do not. */
export async function everyCall(storage: OpenStorage): Promise<Answer[]> {
  const script = new Script(storage);
  await places(script);
  await pushes(script);
  await lanes(script);
  await people(script);
  await notices(script);
  await nodes(script);
  await care(script);
  return script.answers;
}

const facts = (uuid: string, name: string) => ({
  ...{ uuid, workspaceUuid, workspaceSlug: 'acme', workspaceName: 'Acme' },
  ...{ fullName: `acme/${name}`, name, mainBranch: 'main', isPrivate: true },
});

async function places(s: Script): Promise<void> {
  await s.write('installations', 'save', rows.installation('i1'));
  await s.write('installations', 'save', rows.installation('i1', { installedBy: 'Grace' }));
  await s.write('installations', 'save', rows.installation('i2', { state: 'removed' }));
  await s.read('installations', 'find', 'forge', 'external-i1');
  await s.read('installations', 'byId', 'i1');
  await s.read('installations', 'byId', 'none');
  await s.read('installations', 'ofWorkspace', workspaceUuid);
  const source = { id: 's1', door: 'forge', key: 'k', installationId: 'i1', createdAt: 1 } as const;
  await s.write('installations', 'saveSource', source);
  await s.write('installations', 'saveSource', { ...source, id: 's2', installationId: 'i2' });
  await s.read('installations', 'source', 'forge', 'k');
  await s.write('repositories', 'saveWorkspace', workspace('acme', null));
  await s.write('repositories', 'saveWorkspace', workspace(null, 'Acme'));
  await s.read('repositories', 'workspace', workspaceUuid);
  await s.write('repositories', 'saveFacts', facts('{1}', 'Zebra'), workspaceUuid, now);
  await s.write('repositories', 'saveFacts', facts('{2}', 'apple_pie'), workspaceUuid, now);
  await s.write('repositories', 'saveFacts', facts('{3}', 'Élan'), workspaceUuid, now);
  const { id: repositoryId } = (await repository(s, '{1}')) as { id: string };
  await s.read('repositories', 'byId', repositoryId);
  await s.read('repositories', 'byIds', [repositoryId, 'none', repositoryId]);
  await s.read('repositories', 'ofWorkspace', workspaceUuid);
  await s.write('repositories', 'touch', repositoryId, { reconcileDueAt: now });
  await s.write('repositories', 'claimReconcile', 9, now, now + 1);
  await s.write('repositories', 'claimReconcile', 9, now, now + 1);
  await s.write('repositories', 'reconcileAll', now + 5);
  await s.write('repositories', 'reconcileWorkspace', workspaceUuid, now);
  await s.read('repositories', 'byUuid', '{1}');
  await targets(s, repositoryId);
  for (const search of ['', 'APPLE_', 'e', '%', 'zeb']) {
    const page = { search, after: '', limit: 9 };
    await s.read('repositories', 'using', workspaceUuid, page);
  }
  const behind = { search: '', after: 'acme/Zebra', limit: 9 };
  await s.read('repositories', 'using', workspaceUuid, behind);
  await s.write('repositories', 'markDeleted', repositoryId, now);
  await s.read('repositories', 'byUuid', '{1}');
  await s.write('repositories', 'saveFacts', facts('{1}', 'Zebra'), workspaceUuid, now + 1);
}

function workspace(slug: string | null, name: string | null) {
  return { uuid: workspaceUuid, slug, name, updatedAt: now };
}

async function repository(s: Script, uuid: string): Promise<unknown> {
  await s.read('repositories', 'byUuid', uuid);
  return s.answers.at(-1)?.answer;
}

async function targets(s: Script, repositoryId: string): Promise<void> {
  await s.write('connections', 'insert', rows.connection('c1'));
  await s.write('connections', 'insert', rows.connection('c2', { name: 'account' }));
  await s.read('connections', 'byId', 'c1');
  await s.read('connections', 'byIds', ['c1', 'c2', 'none']);
  await s.read('connections', 'ofWorkspace', workspaceUuid);
  await s.write('connections', 'update', 'c1', 1, { name: 'Renamed', settings: { a: 1 } });
  await s.write('connections', 'update', 'c1', 1, { name: 'Too late' });
  const broken = { reason: 'refused', now, testedBefore: now };
  await s.write('connections', 'markBroken', 'c1', { ...broken, testedBefore: now - 1 });
  await s.write('connections', 'markBroken', 'c1', broken);
  await s.write('connections', 'markBroken', 'c1', broken);
  await s.write('connections', 'markUsed', 'c1', now);
  await s.write('connections', 'markUsed', 'c1', now + 1);
  await s.read('connections', 'byId', 'c1');
  await s.write('connections', 'remove', 'c2');
  await s.write('targets', 'insert', rows.target('t1', repositoryId, { connectionId: 'c1' }));
  const hold = { since: now, by: 'Ada', reason: 'rollback' };
  await s.write('targets', 'insert', rows.target('t2', repositoryId, { hold }));
  await s.write('targets', 'insert', rows.target('t3', 'r1', { state: 'removed' }));
  await s.read('targets', 'byId', 't2');
  await s.read('targets', 'byIds', ['t1', 't2', 't3', 'none']);
  await s.read('targets', 'ofRepository', repositoryId);
  await s.read('targets', 'ofRepositories', [repositoryId, 'r1', 'none']);
  await s.read('targets', 'ofBackend', 'local');
  await s.read('targets', 'usingConnection', 'c1');
  await s.write('targets', 'update', 't1', 1, { name: 'Renamed', honourSkipMarkers: false });
  await s.write('targets', 'update', 't1', 1, { name: 'Too late' });
  await s.write('targets', 'touch', 't1', { liveDeploymentId: 'd1', hold: null });
  await s.read('targets', 'byId', 't1');
  await s.write('hooks', 'save', rows.hook('h1', repositoryId));
  await s.write('hooks', 'save', rows.hook('h1', repositoryId, { previousUntil: 5 }));
  await s.read('hooks', 'byId', 'h1');
  await s.read('hooks', 'ofRepository', repositoryId);
  await s.read('hooks', 'ofWorkspace', workspaceUuid);
  const health = { checkedAt: now, problem: 'missing', detail: null } as const;
  await s.write('hooks', 'noteHealth', 'h1', health, now + 9);
  await s.write('hooks', 'raiseAlarm', repositoryId, { since: now, refName: 'main' });
  await s.read('hooks', 'byId', 'h1');
  await s.write('hooks', 'heard', ['source-h1', 'none'], now);
  await s.write('hooks', 'checkSoon', repositoryId, now);
  await s.write('hooks', 'claimChecks', 9, now, now + 5);
  await s.write('hooks', 'claimChecks', 9, now, now + 5);
}

/** Whole or not at all, with texts that each database has its own trouble with. */
async function news(s: Script): Promise<void> {
  const of = (id: string): PushNews => ({
    events: ['a', 'b'].map((each) => rows.event(`n${id}${each}`, 's1')),
    refChanges: ['a', 'b'].map((each) =>
      rows.refChange(`n${id}${each}`, `n${id}${each}`, {
        name: `news-${id}${each}`,
        message: each === 'a' ? 'nul \0, half \ud83d, whole \u{1F6A2}, \\u0000 "quoted"' : null,
      }),
    ),
    decisions: [rows.decision(`n${id}a`, 't1'), rows.decision(`n${id}a`, 't2', { reason: "It's" })],
    refs: [rows.ref(`n${id}a`, `news-${id}a`), rows.ref(`n${id}b`, 'news', { head: null })],
    isAll: id === '1',
  });
  const first = of('1');
  const again = of('2');
  await s.write('events', 'insertNews', first);
  await s.write('events', 'insertNews', { ...again, isAll: true });
  const [event] = first.events;
  const [refChange] = first.refChanges;
  const third = of('3');
  const sameDelivery = { ...third.events[0], deliveryId: event?.deliveryId ?? '' } as StoredEvent;
  const sameMove = { ...third.refChanges[1], moveKey: refChange?.moveKey ?? '' } as StoredRefChange;
  for (const known of [
    { ...third, events: [...third.events.slice(1), sameDelivery] },
    { ...third, refChanges: [...third.refChanges.slice(0, 1), sameMove] },
  ]) {
    for (const isAll of [true, false]) await s.undone('events', 'insertNews', { ...known, isAll });
  }
  await s.read('events', 'refChange', 'n1a');
  await s.read('events', 'refChange', 'n1b');
  await s.read('events', 'byId', 'n2b');
  for (const id of ['n3a', 'n3b']) await s.read('events', 'refChange', id);
  await s.read('events', 'decision', 'n1a', 't2');
  await s.read('refs', 'ofRepository', 'r1');
}

async function pushes(s: Script): Promise<void> {
  const events = [rows.event('e1', 's1'), rows.event('e2', 's1'), rows.event('e3', 's1')];
  await s.write('events', 'insertNew', events);
  const again = rows.event('e4', 's1', { deliveryId: 'delivery-e1' });
  const twins = ['e5', 'e6'].map((id) => rows.event(id, 's1', { deliveryId: 'twins' }));
  await s.write('events', 'insertNew', [again, ...twins]);
  await s.read('events', 'byId', 'e1');
  const copy = { moveKey: 'move-p1', sameAs: 'p1', sourceId: 's9' };
  await s.write('events', 'insertRefChanges', [
    rows.refChange('p1', 'e1'),
    rows.refChange('p2', 'e2', { name: 'docs', message: null, to: null, kind: 'delete' }),
    rows.refChange('p3', 'e3', copy),
  ]);
  await s.read('events', 'refChange', 'p2');
  await s.read('events', 'moves', ['move-p1', 'move-none']);
  await news(s);
  await s.write('events', 'insertDecisions', [
    rows.decision('p1', 't1', { outcome: 'pending', deploymentId: 'd1' }),
    rows.decision('p1', 't2', { outcome: 'skip' }),
    rows.decision('p2', 't1', { deploymentId: 'd2' }),
  ]);
  const verdict = { outcome: 'deploy', reasonCode: 'matches', reason: 'So.' } as const;
  await s.write('events', 'decide', 'p1', 't1', { ...verdict, deploymentId: 'd1' });
  for (const id of ['p1', 'p3', 'none']) {
    await s.write('events', 'partFromFirst', id);
    await s.read('events', 'refChange', id);
  }
  await s.write('events', 'noteLate', ['p1']);
  await s.write('events', 'noteLate', ['p1', 'p2']);
  await s.read('events', 'decision', 'p1', 't1');
  await s.read('events', 'arrivals', 'p1');
  await deployments(s);
  for (const where of [
    {},
    { refName: 'docs' },
    { person: 'Ada %_! "Ex"' },
    { person: 'Ada' },
    { targetId: 't1' },
    { states: ['queued'] },
    { targetId: 't1', states: ['live', 'failed'], refName: 'main' },
  ] as const) {
    await s.read('events', 'recentRefChanges', 'r1', 9, where);
  }
  const refs = [rows.ref('f1', 'main'), rows.ref('f2', 'Main'), rows.ref('f3', 'a%b_')];
  await s.write('refs', 'save', refs);
  await s.write('refs', 'save', [rows.ref('f1', 'main', { head: null })]);
  await s.read('refs', 'find', [refs[0] ?? rows.ref('', ''), rows.ref('', 'none')]);
  await s.read('refs', 'ofRepository', 'r1');
}

async function deployments(s: Script): Promise<void> {
  const waiter = { state: 'waiting', waitsFor: 'd2', approvalUntil: 7 } as const;
  await s.write('deployments', 'insert', [
    rows.deployment('d1', 't1', { state: 'live', startedAt: now, finishedAt: now }),
    rows.deployment('d2', 't1', { refChangeId: 'p2' }),
    rows.deployment('d3', 't1', { pendingChecks: ['head', 'paths'], slotSince: now - 5 }),
    rows.deployment('d4', 't2', { ...waiter, progress: { step: 'x' } }),
    rows.deployment('d5', 't2', { state: 'failed', finishedAt: now, rollbackOf: 'd1' }),
  ]);
  await s.read('deployments', 'byId', 'd4');
  await s.read('deployments', 'byIds', ['d1', 'd2', 'none']);
  await s.read('deployments', 'byPageToken', 'page-d1');
  for (const where of [
    {},
    { repositoryId: 'r1', states: ['queued', 'live'] },
    { targetId: 't2', refName: 'main', causedBy: 'Ada' },
  ] as const) {
    await s.read('deployments', 'recent', where, { limit: 3 });
    await s.read('deployments', 'recent', where, { limit: 3, before: 'd3' });
  }
  await s.read('deployments', 'nextQueued', ['t1']);
  await s.read('deployments', 'nextQueued', ['t1', 't2', 'none']);
  await s.read('deployments', 'targetsWithQueued', ['t1', 't2']);
  await s.read('deployments', 'newestOfSlot', 't1', 'branch:main', 'd3');
  for (const slot of ['branch:main', 'branch:docs', 'branch:none']) {
    await s.read('deployments', 'newestQueued', 't1', slot);
    for (const except of [[], ['d1'], ['d1', 'd2', 'd3']]) {
      await s.read('deployments', 'lastOfSlot', 't1', slot, except);
    }
  }
  await s.read('deployments', 'waitersOf', ['d2', 'none']);
  await s.write('deployments', 'supersedeQueued', 't1', 'branch:main', 'c'.repeat(40), now);
  await s.write('deployments', 'update', 'd5', { reason: 'It "broke"\n', logTail: ['1'] as never });
  await s.write('deployments', 'updateMany', [
    { id: 'd1', patch: { url: 'https://d.example/', updatedAt: now + 1 } },
    { id: 'd2', patch: { url: null, updatedAt: now + 2 } },
    { id: 'd3', patch: { pendingChecks: [] } },
    { id: 'none', patch: { url: 'x', updatedAt: 1 } },
  ]);
  await s.read('deployments', 'byIds', ['d1', 'd2', 'd3', 'd5']);
  await s.write('deployments', 'remove', 'd1');
  await s.write('deployments', 'insert', [rows.deployment('d6', 't1')]);
  await s.write('deployments', 'remove', 'd6');
  await s.read('deployments', 'recent', {}, { limit: 99 });
}

async function lanes(s: Script): Promise<void> {
  for (const [targetId, workspaceUuid] of [
    ...[['t1', '{w}'] as const, ['t2', '{w}'] as const, ['t4', '{v}'] as const],
    ['t1', '{w}'] as const,
  ]) {
    await s.write('lanes', 'create', { targetId, repositoryId: 'r1', workspaceUuid });
  }
  await s.write('lanes', 'wake', ['t1', 't2', 't4'], now + 5);
  await s.write('lanes', 'wake', ['t1'], now);
  await s.write('lanes', 'wake', ['t4'], now + 9, { afresh: true });
  await s.read('lanes', 'byTarget', 't4');
  await s.read('lanes', 'nextDue');
  await s.write('lanes', 'claim', 2, now + 9, 100, 'me', ['{w}', '{x}']);
  await s.write('lanes', 'claim', 9, now + 9, 100, 'me');
  const lease = (targetId: string) => ({
    ...{ targetId, workspaceUuid: '{w}', owner: 'me', fencing: 1, wakeCount: 1 },
  });
  await s.write('lanes', 'setCurrent', [
    { targetId: 't1', currentDeploymentId: 'd2' },
    { targetId: 't2', currentDeploymentId: 'd4' },
  ]);
  await s.write('lanes', 'renew', [lease('t1'), { ...lease('t2'), fencing: 9 }], now + 500);
  await s.write('lanes', 'holds', lease('t1'), now + 400);
  await s.write('lanes', 'holds', lease('t1'), now + 600);
  const change = { dueAt: null, currentDeploymentId: null, failures: 2 };
  await s.write(
    'lanes',
    'settle',
    [
      { lease: lease('t1'), ...change },
      { lease: { ...lease('t2'), wakeCount: 0 }, ...change },
      { lease: { ...lease('t4'), owner: 'other' }, ...change },
    ],
    now + 50,
  );
  await s.write('lanes', 'wake', ['t1'], now + 900);
  await s.write('lanes', 'wakeWorkspace', '{w}', now + 60);
  for (const id of ['t1', 't2', 't4', 'none']) await s.read('lanes', 'byTarget', id);
  await s.write('lanes', 'takeOverAll', now + 70);
  await s.write('lanes', 'bind', ['t1'], 'node-1');
  await s.read('targets', 'removedOn', 'node-1');
  await s.write('targets', 'touch', 't1', { state: 'removed' });
  await s.read('targets', 'removedOn', 'node-1');
  await s.write('targets', 'touch', 't1', { state: 'active' });
  await s.write('lanes', 'wake', ['t1', 't2'], now + 80);
  await s.write('lanes', 'claim', 9, now + 90, 100, 'other', [], 'node-2');
  await s.write('lanes', 'claim', 9, now + 90, 100, 'me', ['{w}'], 'node-1');
  await s.read('care', 'newestId');
  await s.write('lanes', 'wake', ['t1'], now + 900);
  await s.write('care', 'bringForward', now + 80, 15);
  await s.read('lanes', 'byTarget', 't1');
  await s.write('attempts', 'insert', [
    rows.attempt('a1', 'd1', { exchanges: [{ at: 1 }] as never }),
    rows.attempt('a2', 'd1', { number: 2 }),
    rows.attempt('a3', 'd5'),
  ]);
  await s.write('attempts', 'finish', [
    rows.attempt('a1', 'd1', { finishedAt: 5, outcome: 'accepted', detail: 'So.' }),
    rows.attempt('a2', 'd1', { finishedAt: 6, outcome: 'retry', exchanges: [] }),
  ]);
  await s.read('attempts', 'ofDeployment', 'd1');
  await s.read('attempts', 'ofDeployments', ['d1', 'd5', 'none']);
  await statusReports(s);
  const report = { deploymentId: 'd1', sequence: 1, state: 'live', url: null } as const;
  const more = { logUrl: null, message: 'On its way', commit: null, reportedAt: now };
  await s.write('backendReports', 'save', { ...report, ...more });
  await s.write('backendReports', 'save', { ...report, ...more, sequence: 2, commit: 'b' });
  await s.read('backendReports', 'ofDeployment', 'd1');
  await s.read('backendReports', 'reported', ['d1', 'd2']);
  const grant = { tokenDigest: 'x', deploymentId: 'd1', fencing: 1, offeredAt: now, usedAt: now };
  await s.write('cloneGrants', 'use', grant);
  await s.write('cloneGrants', 'use', { ...grant, usedAt: now + 1 });
  await s.read('cloneGrants', 'usedAt', 'x');
  await s.read('cloneGrants', 'usedAt', 'none');
}

async function statusReports(s: Script): Promise<void> {
  const later = rows.statusReport('sr2', 'd1', { state: 'SUCCESSFUL' });
  await s.write('statusReports', 'insert', [
    rows.statusReport('sr1', 'd1'),
    later,
    rows.statusReport('sr3', 'd5', { key: 'other', dueAt: now + 5 }),
  ]);
  await s.write('statusReports', 'latestOf', 'd1');
  await s.write('statusReports', 'hasNewer', rows.statusReport('sr1', 'd1'));
  await s.write('statusReports', 'hasNewer', later);
  await s.read('lanes', 'nextDue');
  await s.write('statusReports', 'claimDue', 9, now, now + 100);
  await s.write('statusReports', 'claimDue', 9, now, now + 100);
  await s.write('statusReports', 'settle', [
    { id: 'sr1', patch: { dueAt: null, settledAt: now } },
    { id: 'sr3', patch: { attempts: 1, error: 'away' } },
  ]);
  await s.write('statusReports', 'wakeWorkspace', workspaceUuid, now);
  await s.write('statusReports', 'wakeAll', now);
  await s.write('statusReports', 'claimDue', 9, now, now + 100);
}

async function people(s: Script): Promise<void> {
  const session = { id: 'ws1', userUuid: '{ada}', userName: 'Ada', createdAt: now, seenAt: now };
  await s.write('webSessions', 'insert', { ...session, expiresAt: now + 9 });
  await s.write('webSessions', 'insert', { ...session, id: 'ws2', expiresAt: now + 1 });
  await s.write('webSessions', 'insert', { ...session, id: 'ws3', expiresAt: now + 9 });
  await s.write('webSessions', 'seen', 'ws1', now + 5);
  await s.read('webSessions', 'byId', 'ws1');
  await s.read('webSessions', 'ofUser', '{ada}');
  await s.write('webSessions', 'removeSpent', now + 2, now, 9);
  await s.write('webSessions', 'remove', 'ws1');
  await s.write('webSessions', 'removeOfUser', '{ada}');
  await s.write('grants', 'save', rows.grant('g1'));
  await s.write('grants', 'save', rows.grant('g1', { scopes: 'account' }));
  await s.read('grants', 'byId', 'g1');
  await s.read('grants', 'ofUser', '{ada}', 'c');
  await s.read('grants', 'ofRepository', '{1}', 'c');
  await s.read('grants', 'repositoriesOf', '{ada}');
  await s.read('grants', 'lapsing', now + 1, 9);
  await s.write('grants', 'claimRenewal', { id: 'g1', version: 1 }, 'me', now, now + 9);
  await s.write('grants', 'claimRenewal', { id: 'g1', version: 1 }, 'other', now, now + 9);
  await s.write('grants', 'releaseRenewal', 'g1', 'other');
  await s.write('grants', 'releaseRenewal', 'g1', 'me');
  await s.write('grants', 'claimRenewal', { id: 'g1', version: 1 }, 'other', now, now + 9);
  await s.write('grants', 'endRenewals');
  await s.write('grants', 'update', 'g1', 1, { state: 'broken', brokenReason: 'refused' });
  await s.write('grants', 'update', 'g1', 1, { state: 'active' });
  await s.read('grants', 'byId', 'g1');
  await s.write('workspaceCredentials', 'save', rows.credential('wc1'));
  await s.write('workspaceCredentials', 'save', rows.credential('wc1', { scopes: 'x' }));
  await s.write('workspaceCredentials', 'save', rows.credential('wc2', { serves: 'r2' }));
  await s.read('workspaceCredentials', 'byId', 'wc1');
  await s.read('workspaceCredentials', 'ofWorkspace', workspaceUuid);
  await s.write('workspaceCredentials', 'claimChecks', 1, now, now + 5);
  await s.write('workspaceCredentials', 'claimChecks', 9, now, now + 5);
  await s.write('workspaceCredentials', 'remove', 'wc2');
  const place = { table: 'oauth_grants', column: 'refresh_sealed', idColumn: 'id' };
  await s.write('sealed', 'notUnder', '0123456789ab', place, '', 9);
  await s.write('sealed', 'notUnder', 'fedcba987654', place, '', 9);
  await s.write('sealed', 'replace', place, 'g1', 'v1.fedcba987654.r', 'v1.0123456789ab.r');
  await s.write('sealed', 'replace', place, 'g1', 'v1.fedcba987654.r', 'v1.0123456789ab.q');
  const forge = { installationId: 'i1', environmentId: 'e', environmentType: 'PRODUCTION' };
  const seen = { tokenSealed: 'v1.0123456789ab.t', tokenExpiresAt: now, seenAt: now };
  await s.write('forge', 'save', { ...forge, ...seen, refusedSince: null, endedBy: null });
  await s.write('forge', 'save', { ...forge, ...seen, refusedSince: now, endedBy: null });
  await s.read('forge', 'ofInstallation', 'i1');
  await s.read('forge', 'tokensOf', workspaceUuid);
  await s.read('forge', 'silentSince', now + 1, 9);
  await s.write('nameLookups', 'ask', ['n1', 'n2'], now);
  await s.write('nameLookups', 'ask', ['n2', 'n3'], now + 5);
  await s.read('nameLookups', 'nextDue');
  await s.write('nameLookups', 'claimDue', 9, now, now + 9);
  await s.write('nameLookups', 'again', 'n1', now + 90);
  await s.write('nameLookups', 'done', 'n2');
  await s.read('nameLookups', 'nextDue');
  await personNames(s);
  const entry = { workspaceUuid, repositoryId: null, by: 'Ada', says: 'saved it', at: now };
  await s.write('audit', 'add', { ...entry, id: 'au1' });
  await s.write('audit', 'add', { ...entry, id: 'au2' });
  await s.read('audit', 'recent', workspaceUuid, { limit: 9 });
  await s.read('audit', 'recent', workspaceUuid, { limit: 9, before: 'au2' });
}

async function personNames(s: Script): Promise<void> {
  const { id: repositoryId } = (await repository(s, '{1}')) as { id: string };
  const eve = { workspaceUuid, personUuid: '{eve}' };
  const bob = { workspaceUuid, personUuid: '{bob}' };
  await s.write('personNames', 'save', [
    { ...eve, name: null, askedAt: now },
    { ...bob, name: 'Bob', askedAt: now - 9 },
    { ...bob, workspaceUuid: '{other}', name: null, askedAt: now },
  ]);
  await s.read('personNames', 'find', [eve, bob, { ...eve, personUuid: '{none}' }]);
  await s.write('personNames', 'save', [{ ...eve, name: 'Eve "E" %_', askedAt: now + 1 }]);
  await s.read('personNames', 'find', [eve]);
  const nameless = { actor: { uuid: '{eve}', name: null }, repositoryId };
  await s.write('events', 'insertNew', [
    rows.event('e21', 's1', nameless),
    rows.event('e22', 's1', nameless),
    rows.event('e23', 's1', { ...nameless, actor: { uuid: '{bob}', name: null } }),
    rows.event('e24', 's1', { ...nameless, repositoryId: 'elsewhere' }),
  ]);
  await s.write('events', 'insertRefChanges', [
    rows.refChange('p21', 'e21', { repositoryId }),
    rows.refChange('p23', 'e23', { repositoryId }),
  ]);
  const pushed = { refChangeId: 'p21', causedBy: null };
  await s.write('deployments', 'insert', [
    rows.deployment('d21', 't9', pushed),
    rows.deployment('d22', 't9', { ...pushed, cause: 'reconcile' }),
    rows.deployment('d23', 't9', { ...pushed, causedBy: 'Ada' }),
    rows.deployment('d24', 't9', { ...pushed, refChangeId: 'p23' }),
  ]);
  for (let slice = 0; slice < 3; slice += 1) {
    await s.write('personNames', 'spread', { ...eve, name: 'Eve "E" %_' }, 1);
  }
  for (const id of ['e21', 'e22', 'e23', 'e24']) await s.read('events', 'byId', id);
  await s.read('deployments', 'byIds', ['d21', 'd22', 'd23', 'd24']);
  const byEve = { person: 'Eve "E" %_' };
  await s.read('events', 'recentRefChanges', repositoryId, 9, byEve);
  await s.write('personNames', 'prune', now, 9);
  await s.read('care', 'personNamesOf', workspaceUuid);
}

async function nodes(s: Script): Promise<void> {
  const node = { id: 'node-1', name: 'one', roles: 'web,worker', masterKeyId: '0123456789ab' };
  const at = { baseUrl: 'https://s.example', startedAt: now, seenAt: now };
  await s.write('nodes', 'seen', { ...node, ...at });
  await s.write('nodes', 'seen', { ...node, ...at, roles: 'web' });
  await s.write('nodes', 'seen', { ...node, ...at, id: 'node-2', name: 'Two', seenAt: now - 9 });
  await s.read('nodes', 'alive', now - 10);
  await s.read('nodes', 'alive', now - 5);
  const use = { nodeId: 'node-1', credential: 'c', calls: 5, pausedUntil: 0, seenAt: now };
  await s.write('nodes', 'noteUse', [use, { ...use, nodeId: 'node-2' }]);
  await s.write('nodes', 'noteUse', [{ ...use, nodeId: 'node-2', calls: 7, pausedUntil: now }]);
  await s.read('nodes', 'useByOthers', 'node-1', now - 1);
  await s.read('nodes', 'useByOthers', 'node-1', now);
  await s.write('nodes', 'leave', 'node-1');
  await s.write('nodes', 'forgetBefore', now);
  await s.read('nodes', 'alive', 0);
  await s.read('nodes', 'useByOthers', 'none', 0);
}

async function notices(s: Script): Promise<void> {
  await s.write('notices', 'add', rows.notice('n1'));
  await s.write('notices', 'add', rows.notice('n2', { dedupeKey: 'key-n1' }));
  await s.write('notices', 'add', rows.notice('n3', { workspaceUuid: null }));
  await s.read('notices', 'open', {});
  await s.read('notices', 'open', { workspaceUuid, repositoryId: 'r1', userUuid: '{ada}' });
  const channel = { id: 'ch1', workspaceUuid, kind: 'chat', name: 'Ops' } as const;
  const sealed = { addressSealed: 'v1.0123456789ab.c', lastError: null, lastSentAt: null };
  const made = { createdBy: 'Ada', createdAt: now };
  await s.write('noticeChannels', 'insert', { ...channel, ...sealed, ...made });
  await s.write('noticeChannels', 'insert', { ...channel, ...sealed, ...made, id: 'ch2' });
  await s.read('noticeChannels', 'byId', 'ch1');
  await s.read('noticeChannels', 'ofWorkspace', workspaceUuid);
  await s.write('noticeChannels', 'noteOutcome', 'ch1', { at: now, error: null });
  await s.write('noticeChannels', 'noteOutcome', 'ch1', { at: now + 1, error: 'gone' });
  await s.read('noticeChannels', 'byId', 'ch1');
  await s.read('noticeDeliveries', 'untold', 9);
  await s.write('noticeDeliveries', 'markTold', 'n1', { opened: now, resolved: null });
  await s.write('noticeDeliveries', 'insert', [
    rows.noticeDelivery('nd1', 'n1', 'ch1'),
    rows.noticeDelivery('nd2', 'n1', 'ch2'),
  ]);
  await s.read('noticeDeliveries', 'hasDue', now);
  await s.read('noticeDeliveries', 'notice', 'n1');
  await s.write('noticeDeliveries', 'claimDue', 9, now, now + 9);
  await s.read('noticeDeliveries', 'hasDue', now);
  await s.write('noticeDeliveries', 'settle', 'nd1', { dueAt: null, settledAt: now });
  await s.write('notices', 'resolve', 'subject-n1', now + 1);
  await s.write('notices', 'resolve', 'subject-n1', now + 1);
  await s.read('noticeDeliveries', 'untold', 9);
  await s.write('noticeDeliveries', 'markTold', 'n1', { opened: now, resolved: now + 1 });
  await s.write('notices', 'add', rows.notice('n4', { dedupeKey: 'key-n1' }));
  await s.write('notices', 'resolveAll', ['subject-n3', 'none'], now);
  await s.read('notices', 'open', {});
  await s.write('noticeChannels', 'remove', 'ch2');
  await s.write('noticeDeliveries', 'prune', now + 9, 1);
  await s.write('noticeDeliveries', 'prune', now + 9, 9);
}

async function care(s: Script): Promise<void> {
  const { id: repositoryId } = (await repository(s, '{1}')) as { id: string };
  await s.read('care', 'workload', now + 55);
  for (const filter of [
    {},
    { states: ['failed', 'live'] },
    { workspaceSlug: 'acme', repositoryFullName: 'acme/Zebra', targetId: 't1' },
  ] as const) {
    await s.read('care', 'deliveries', filter, 9);
  }
  await s.read('care', 'delivery', 'd5');
  await s.read('care', 'deadLetters', { since: 0 }, 9);
  await s.read('care', 'deadLetters', { since: 0, targetId: 't2', workspaceUuid }, 9);
  await s.read('care', 'statusReports', ['d1', 'd5']);
  await s.read('care', 'attempts', ['d1', 'd5']);
  await s.read('care', 'backendReports', ['d1']);
  await s.read('care', 'decisions', ['p1', 'p2']);
  await s.read('care', 'workspaceOf', workspaceUuid);
  await s.read('care', 'connectionsOf', workspaceUuid);
  await s.read('care', 'installationsOf', workspaceUuid);
  await s.read('care', 'sourceIdsOf', workspaceUuid);
  await s.read('care', 'eventsOfSource', 's1', 'delivery-e1', 9);
  for (const kind of ['refs', 'refChanges', 'deployments'] as const) {
    await s.read('care', 'rowsOf', kind, 'r1', '', 2);
  }
  await s.read('care', 'targets', '', 9);
  await s.read('care', 'repositoriesOf', workspaceUuid);
  await s.read('care', 'everyTargetOf', repositoryId);
  await s.read('care', 'abandonedWorkspaces', now + 1, 9);
  const limits = {
    ...{ keepNewest: 1, keepLive: 0, mostPerTarget: 99 },
    ...{ endedBefore: now + 9, settledBefore: now + 9 },
  };
  const target = rows.target('t1', repositoryId);
  await s.read('care', 'keptDeployments', target, limits);
  const kept = { newestId: 'd9', byAge: 'd9', byCount: null, ids: ['d2'] };
  await s.read('care', 'hasSpentDeployments', 't2', kept, limits);
  await s.write('care', 'pruneDeployments', 't2', kept, limits, 1);
  await s.write('care', 'pruneDeployments', 't2', kept, limits, 99);
  const walk = { after: '', limit: 9, before: now + 9 };
  await s.read('care', 'spentRefChanges', walk);
  await s.write('care', 'deleteRefChanges', ['p2', 'p3'], 1);
  await s.write('care', 'deleteRefChanges', ['p2', 'p3'], 9);
  await s.read('care', 'spentEvents', walk);
  await s.write('care', 'deleteEvents', ['e2', 'none']);
  await s.write('care', 'deleteRemovedTarget', 't1');
  await s.write('care', 'deleteRemovedTarget', 't3');
  for (const id of ['r1', repositoryId]) {
    for (let slice = 0; slice < 12; slice += 1) await s.write('care', 'deleteRepository', id, 9);
  }
  for (let slice = 0; slice < 4; slice += 1) {
    await s.write('care', 'deleteWorkspace', workspaceUuid, 9);
  }
  await s.read('installations', 'byId', 'i1');
}
