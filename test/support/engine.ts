import { randomBytes } from 'node:crypto';
import { acceptEvents, type Accepted, type InboundEvent } from '../../src/actions/accept-events.js';
import { reconcileDue } from '../../src/actions/reconcile.js';
import { createStatusReporter } from '../../src/actions/report-status.js';
import type { RequestDeps } from '../../src/actions/request-deployment.js';
import { saveTarget, type TargetForm } from '../../src/actions/save-target.js';
import { createLanes, type LaneDeps } from '../../src/actions/step-lane.js';
import { Breakers } from '../../src/core/delivery/breaker.js';
import { HostSlots } from '../../src/core/delivery/host-slots.js';
import type { Backend } from '../../src/core/backend.js';
import type { RefChange, Repository, Source, Target } from '../../src/core/model/index.js';
import { createIds } from '../../src/lib/ids.js';
import { digest } from '../../src/lib/digest.js';
import {
  matchesPathPattern,
  matchesRefPattern,
  pathPatternProblem,
  refPatternProblem,
} from '../../src/lib/patterns.js';
import { openStorage } from '../../src/storage/open-storage.js';
import type { OpenStorage } from '../../src/storage/storage.js';
import { createKeyRing } from '../../src/vault/key-ring.js';
import { createVault } from '../../src/vault/vault.js';
import { FakeBackend } from './fake-backend.js';
import { FakeBitbucket } from './fake-bitbucket.js';
import { silentLogger } from './silent-logger.js';
import { tempFolder } from './temp-folder.js';
import { testClock } from './test-clock.js';

export const workspaceUuid = '{7d3f0c52-1111-4a2b-9c3d-0123456789ab}';
export const repositoryUuid = '{0a1b2c3d-0000-4000-8000-000000000001}';

/** A 40-digit hash that can be told apart at a glance: commit('a') = aaaa… */
export function commit(digit: string): string {
  return digit.repeat(40);
}

/** Stands for "wherever the ref is"; `push` puts the last pushed commit in its place. */
const anywhere = commit('0');

export function change(overrides: Partial<RefChange> = {}): RefChange {
  return {
    refType: 'branch',
    name: 'main',
    from: anywhere,
    to: commit('a'),
    kind: 'update',
    message: 'Change something',
    author: 'Ada Example',
    ...overrides,
  };
}

export interface EngineOptions {
  dataDir?: string;
  /** A database on PostgreSQL; without it, SQLite in the folder. */
  databaseUrl?: string | undefined;
  /** Looked at late: it may be set after the engine is there. Known as `fake`, too. */
  backend?: Backend;
  /** Of an earlier engine on the same folder, so that this one goes on from there. */
  before?: { masterKey: Buffer; clock: ReturnType<typeof testClock> };
  /** Around the store, as the context puts something around it. */
  wrap?: (storage: OpenStorage) => OpenStorage;
}

/**
 * The domain on a real database, with a fake backend and a fake Bitbucket around it, and a clock that stands still. Work
 * is done step by step by `settle()`, so that nothing needs to be waited for.
 */
export async function createEngine(options: EngineOptions = {}) {
  const folder = options.dataDir === undefined ? tempFolder('engine') : null;
  const dataDir = options.dataDir ?? folder?.path ?? '';
  const clock = options.before?.clock ?? testClock();
  const masterKey = options.before?.masterKey ?? randomBytes(32);
  const ids = createIds();
  const logger = silentLogger();
  const opened: OpenStorage = await openStorage({
    dataDir,
    databaseUrl: options.databaseUrl ?? null,
    newId: () => ids.next(),
    startIdsAfter: (id) => ids.startAfter(id),
    now: clock.now,
    logger,
  });
  const storage = options.wrap?.(opened) ?? opened;
  const vault = createVault(createKeyRing([masterKey]));
  const backend = new FakeBackend();
  const bitbucket = new FakeBitbucket();
  const used = (): Backend => options.backend ?? backend;
  const find = (id: string): Backend | null => ([used().id, 'fake'].includes(id) ? used() : null);
  const routing = {
    matches: matchesRefPattern,
    matchesPath: matchesPathPattern,
    backendFacts: (id: string) => {
      const found = find(id);
      return found && { label: found.label, tags: found.capabilities.tags };
    },
  };
  const accept = storage.batched(acceptEvents({ ...routing, clock: clock.now, ids, digest }));
  const laneDeps: LaneDeps = {
    storage,
    bitbucket,
    vault,
    backend: find,
    breakers: new Breakers(),
    slots: new HostSlots(32),
    statusesDue: () => undefined,
    routing,
    node: null,
    clock: clock.now,
    ids,
    random: () => 0.5,
    logger,
    pageUrl: (token) => `https://slipway.example/d/${token}`,
  };
  const lanes = createLanes(laneDeps);
  const reportStatuses = createStatusReporter({
    ...{ storage, bitbucket, clock: clock.now, logger },
    random: () => 0.5,
  });
  const reconcileDeps = {
    ...laneDeps,
    ...routing,
    bitbucket,
    digest,
    waker: { wake: () => undefined },
  };
  const requestDeps: RequestDeps = { ...laneDeps, bitbucket, waker: { wake: () => undefined } };
  const source: Source = {
    id: ids.next(),
    door: 'connect',
    key: 'client-key',
    installationId: null,
    createdAt: clock.now(),
  };
  await storage.write((tx) => tx.installations.saveSource(source));

  /** Leases what is due and plans it, as a worker does before it calls anybody. */
  const begin = (limit = 100) =>
    lanes.begin({ limit, owner: 'test', leaseMs: 15_000, servedLately: [] });

  /** Steps every lane that is due now, or so many of them, once; returns how many. */
  async function step(limit?: number): Promise<number> {
    const { claimed, steps } = await begin(limit);
    for (const one of steps) await lanes.run(one);
    return claimed;
  }

  let deliveries = 0;
  /** What was last pushed to a ref: where the next push to it begins, unless it says otherwise. */
  const pushed = new Map<string, string | null>();
  const chained = (one: RefChange): RefChange => {
    const key = `${one.refType}:${one.name}`;
    const before = pushed.get(key);
    pushed.set(key, one.to);
    if (one.from !== anywhere) return one;
    if (before !== undefined) return { ...one, from: before };
    return one.name === 'main' ? one : { ...one, from: null, kind: 'create' };
  };
  return {
    dataDir,
    databaseUrl: options.databaseUrl,
    masterKey,
    storage,
    vault,
    backend,
    bitbucket,
    clock,
    ids,
    logger,
    laneDeps,
    lanes,
    begin,
    requestDeps,
    source,
    step,
    /** Steps until nothing is due, moving the clock at most `withinMs` forward; then reports the build statuses. */
    async settle(withinMs = 0): Promise<void> {
      const deadline = clock.now() + withinMs;
      for (;;) {
        while ((await step()) > 0);
        const reported = await reportStatuses(100);
        const reconciled = await reconcileDue(reconcileDeps, 100);
        if (reported + reconciled > 0) continue;
        const due = await storage.read.lanes.nextDue();
        if (due === null || due > deadline) return;
        clock.advance(Math.max(due - clock.now(), 1));
      }
    },
    push(changes: RefChange[], more: Partial<InboundEvent> = {}): Promise<Accepted> {
      return accept({
        source,
        workspaceUuid,
        deliveryId: `delivery-${++deliveries}`,
        eventKey: 'repo:push',
        attemptNumber: 1,
        receivedAt: clock.now(),
        event: {
          kind: 'push',
          repository: facts(),
          actor: { uuid: '{ada}', name: 'Ada Example' },
          changes: changes.map(chained),
        },
        ...more,
      });
    },
    accept,
    async repository(): Promise<Repository> {
      return storage.write((tx) => tx.repositories.saveFacts(facts(), workspaceUuid, clock.now()));
    },
    /** As reconcile leaves it: the branch is known to stand there. */
    async knowHead(name: string, head: string): Promise<void> {
      const { id: repositoryId } = await this.repository();
      const ref = {
        id: ids.next(),
        repositoryId,
        refType: 'branch',
        name,
        head,
        carefulUntil: 0,
        unknownHead: null,
        unknownSince: null,
        updatedAt: 0,
      };
      await storage.write((tx) => tx.refs.save([ref]));
    },
    /** A saved target; the branch main is known to stand where the first push to it begins. */
    async target(form: Partial<TargetForm> = {}): Promise<Target> {
      await this.knowHead('main', anywhere);
      const { target } = await saveTarget(
        {
          targetId: null,
          expectedVersion: 0,
          repository: await this.repository(),
          backend: used().id,
          name: 'Production',
          branchPattern: 'main',
          tagPattern: null,
          settings: {},
          by: { name: 'Ada Example' },
          ...form,
        },
        {
          storage,
          vault,
          clock: clock.now,
          ids,
          backend: find,
          bitbucket,
          tryFetch: () => Promise.resolve({ kind: 'done' as const }),
          matches: matchesRefPattern,
          patternProblem: refPatternProblem,
          pathProblem: pathPatternProblem,
        },
      );
      return target;
    },
    async deployments(targetId: string) {
      const newestFirst = await storage.read.deployments.recent({ targetId }, { limit: 10_000 });
      return newestFirst.reverse();
    },
    async close(): Promise<void> {
      await storage.close();
      folder?.remove();
    },
  };
}

export type Engine = Awaited<ReturnType<typeof createEngine>>;

export function facts() {
  return {
    uuid: repositoryUuid,
    workspaceUuid,
    workspaceSlug: 'acme',
    workspaceName: 'Acme',
    fullName: 'acme/site',
    name: 'site',
    mainBranch: 'main',
    isPrivate: true,
  };
}
