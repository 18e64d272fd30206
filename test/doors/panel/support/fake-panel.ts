import { z } from 'zod';
import type {
  Backend,
  CheckWarning,
  CreationProposal,
  CreationResult,
  FieldMeta,
  TargetListing,
} from '../../../../src/core/backend.js';
import type { PreflightStep } from '../../../../src/core/preflight.js';
import { InputError, StateError } from '../../../../src/core/errors.js';
import type {
  Attempt,
  Connection,
  Decision,
  Deployment,
  DeploymentState,
  Hook,
  Repository,
  StatusReport,
  Target,
} from '../../../../src/core/model/index.js';
import type {
  Arrival,
  Reader,
  RefChangeFilter,
  RefChangeWithDecisions,
  RepositoryPermission,
} from '../../../../src/core/ports.js';
import type { PanelServices, SaveTargetInput } from '../../../../src/doors/panel/panel-services.js';
import { byStep, type FakeSteps } from './fake-steps.js';

const field = (meta: FieldMeta) => ({ ...meta });

export const startOfTime = Date.UTC(2026, 10, 23, 13, 0, 0);

export function aRepository(over: Partial<Repository> = {}): Repository {
  return {
    id: 'R1',
    uuid: '{repo-1}',
    workspaceUuid: '{ws-1}',
    fullName: 'acme/shop',
    name: 'shop',
    mainBranch: 'main',
    isPrivate: true,
    state: 'active',
    baselineAt: null,
    reconcileDueAt: null,
    createdAt: startOfTime,
    updatedAt: startOfTime,
    ...over,
  };
}

export function aTarget(over: Partial<Target> = {}): Target {
  return {
    id: 'T1',
    repositoryId: 'R1',
    backend: 'local',
    connectionId: null,
    name: 'Production',
    branchPattern: 'main',
    tagPattern: null,
    includePaths: null,
    excludePaths: null,
    honourSkipMarkers: true,
    newerPush: 'finish',
    afterTargetId: null,
    promote: 'automatic',
    state: 'active',
    settings: {},
    secretsSealed: null,
    hold: null,
    liveDeploymentId: null,
    version: 1,
    createdBy: 'Ada',
    createdAt: startOfTime,
    updatedAt: startOfTime,
    ...over,
  };
}

export function aDeployment(over: Partial<Deployment> = {}): Deployment {
  const id = over.id ?? 'D1';
  return {
    id,
    pageToken: `token-of-${id.toLowerCase()}-0123456789`,
    targetId: 'T1',
    repositoryId: 'R1',
    refChangeId: null,
    slot: 'branch:main',
    slotSince: startOfTime,
    pendingChecks: [],
    refType: 'branch',
    refName: 'main',
    commit: 'a1b2c3d4e5f60718293a4b5c6d7e8f9012345678',
    message: 'Show prices with tax\n\nLonger text that no list shows.',
    author: 'Ada Lovelace',
    cause: 'push',
    causedBy: 'Ada Lovelace',
    rollbackOf: null,
    state: 'live',
    reason: null,
    supersededBy: null,
    backendRef: `ref-${id}`,
    builtCommit: null,
    url: null,
    progress: null,
    logTail: null,
    cancelRequestedBy: null,
    waitsFor: null,
    approvalUntil: null,
    approvedBy: null,
    clonedWith: null,
    createdAt: startOfTime - 120_000,
    startedAt: startOfTime - 118_000,
    finishedAt: startOfTime - 84_000,
    updatedAt: startOfTime,
    ...over,
  };
}

export function aPush(over: Partial<RefChangeWithDecisions> = {}): RefChangeWithDecisions {
  return {
    id: 'C1',
    eventId: 'E1',
    position: 0,
    repositoryId: 'R1',
    refType: 'branch',
    name: 'main',
    from: '0'.repeat(40),
    to: 'a1b2c3d4e5f60718293a4b5c6d7e8f9012345678',
    kind: 'update',
    message: 'Show prices with tax',
    author: 'Ada Lovelace',
    sourceId: 'S1',
    moveKey: 'M1',
    occurrence: 1,
    sameAs: null,
    createdAt: startOfTime - 120_000,
    actorName: 'Ada Lovelace',
    receivedAt: startOfTime - 120_000,
    decisions: [],
    ...over,
  };
}

export function anAttempt(over: Partial<Attempt> = {}): Attempt {
  return {
    id: 'A1',
    deploymentId: 'D1',
    kind: 'trigger',
    number: 1,
    fencing: 1,
    startedAt: startOfTime - 118_000,
    finishedAt: startOfTime - 117_000,
    outcome: 'accepted',
    detail: null,
    exchanges: null,
    ...over,
  };
}

export function aStatusReport(over: Partial<StatusReport> = {}): StatusReport {
  return {
    id: 'B1',
    deploymentId: 'D1',
    repositoryId: 'R1',
    commit: 'a1b2c3d4e5f60718293a4b5c6d7e8f9012345678',
    key: 'slipway-T1',
    state: 'SUCCESSFUL',
    name: 'Production',
    description: 'Live',
    url: 'https://slipway.example.com/d/token',
    refName: 'main',
    dueAt: null,
    attempts: 1,
    settledAt: startOfTime - 80_000,
    error: null,
    createdAt: startOfTime - 84_000,
    ...over,
  };
}

export function aDecision(over: Partial<Decision> = {}): Decision {
  return {
    refChangeId: 'C1',
    targetId: 'T1',
    outcome: 'skip',
    reasonCode: 'no_match',
    reason: 'Branch docs does not match main.',
    deploymentId: null,
    createdAt: startOfTime,
    ...over,
  };
}

const capabilities: Backend['capabilities'] = {
  commit: 'exact',
  branch: 'any',
  lookup: true,
  idempotent: true,
  cancel: true,
  rollback: true,
  logs: true,
  tags: true,
};

const refuse = () => Promise.reject(new Error('The panel never calls a backend itself'));

export function aBackend(over: Partial<Backend> = {}): Backend {
  return {
    id: 'local',
    label: 'This server',
    description: 'Builds the app and serves it on this machine.',
    capabilities,
    settings: localSettings,
    check: refuse,
    trigger: refuse,
    ...over,
  };
}

export const localSettings = z.object({
  buildCommand: z
    .string()
    .max(200)
    .default('')
    .meta(
      field({
        label: 'Build command',
        help: 'Empty: npm run build, when package.json has one.',
        placeholder: 'npm run build',
      }),
    ),
  size: z
    .enum(['small', 'large'])
    .default('small')
    .meta(field({ label: 'Size' })),
  keep: z
    .number()
    .int()
    .min(1)
    .max(50)
    .default(5)
    .meta(field({ label: 'Releases to keep', advanced: true })),
  spa: z
    .boolean()
    .default(false)
    .meta(field({ label: 'Serve index.html for unknown paths', advanced: true })),
  environment: z
    .string()
    .default('')
    .meta(
      field({
        label: 'Environment variables',
        help: 'One NAME=value a line.',
        placeholder: 'API_URL=https://api.example.com',
        input: 'environment',
        advanced: true,
      }),
    ),
  token: z
    .string()
    .optional()
    .meta(field({ label: 'Registry token', secret: true, advanced: true })),
});

/** With accounts, what they list, and something new to be made. */
export const appBackend = aBackend({
  id: 'apps',
  label: 'App cloud',
  description: 'Deploys an app of an account.',
  capabilities: { ...capabilities, commit: 'head', branch: 'fixed', tags: false },
  settings: z.object({ app: z.string().meta(field({ label: 'App', listed: true })) }),
  account: {
    settings: z.object({ token: z.string().meta(field({ label: 'Token', secret: true })) }),
    help: 'Made there.',
    test: refuse,
    listTargets: refuse,
    creation: {
      label: 'Create an app',
      extraRights: 'app:create',
      propose: refuse,
      create: refuse,
    },
  },
});

export function aConnection(over: Partial<Connection> = {}): Connection {
  return {
    ...{ id: 'K1', workspaceUuid: '{ws-1}', backend: 'apps', name: 'Team', state: 'ok' },
    ...{ brokenReason: null, brokenSince: null, settings: {}, secretsSealed: 'sealed' },
    ...{ account: 'ada@example.com', expiresAt: null, testedAt: 0, lastUsedAt: null, version: 1 },
    ...{ createdBy: 'Ada', createdAt: 0, updatedBy: 'Ada', updatedAt: 0 },
    ...over,
  };
}

export const hookBackend = aBackend({
  id: 'signed-webhook',
  label: 'Signed webhook',
  description: 'Calls an address of yours, signed, and follows its answers.',
  capabilities: { ...capabilities, cancel: false, rollback: false, tags: false },
  settings: z.object({
    url: z
      .string()
      .meta(field({ label: 'Address', placeholder: 'https://deploy.example.com/hook' })),
    secret: z.string().meta(field({ label: 'Signing secret', secret: true })),
  }),
});

export interface FakePanel extends PanelServices {
  repositories: Repository[];
  targets: Target[];
  /** Newest first. */
  deployments: Deployment[];
  pushes: RefChangeWithDecisions[];
  /** By ref change. */
  arrivals: Map<string, Arrival[]>;
  attempts: Attempt[];
  statusReports: StatusReport[];
  permissionIs: RepositoryPermission | Error;
  branchNames: string[];
  changedFiles: string[] | null;
  calls: { name: string; input: unknown }[];
  refuseNext: Error | null;
  connections: Connection[];
  listing: TargetListing;
  proposal: CreationProposal;
  created: CreationResult;
  warnings: CheckWarning[];
  steps: PreflightStep[];
  beforeStep: FakeSteps['beforeStep'];
  hook: Hook | null;
  /** Ids of what failed last, oldest first. */
  deadLetters: string[];
}

export function fakePanel(over: Partial<FakePanel> = {}): FakePanel {
  const silent = () => undefined;
  const logger: PanelServices['logger'] = {
    debug: silent,
    info: silent,
    warn: silent,
    error: silent,
    child: () => logger,
  };
  const fake: FakePanel = {
    repositories: [aRepository()],
    targets: [],
    deployments: [],
    connections: [],
    listing: { ok: true, choices: [], next: null },
    proposal: { kind: 'pending', reason: 'It is looking.' },
    created: { kind: 'unknown', reason: 'No answer.' },
    warnings: [],
    steps: [],
    beforeStep: () => Promise.resolve(),
    pushes: [],
    arrivals: new Map(),
    attempts: [],
    statusReports: [],
    permissionIs: 'admin',
    branchNames: ['main', 'develop'],
    changedFiles: null,
    calls: [],
    refuseNext: null,
    hook: null,
    deadLetters: [],
    backends: [aBackend()],
    logger,
    // Cast: the panel reads these only; anything else it touches fails loudly.
    read: {
      repositories: {
        byUuid: (uuid: string) => later(fake.repositories.find((one) => one.uuid === uuid)),
        byId: (id: string) => later(fake.repositories.find((one) => one.id === id)),
      },
      targets: {
        byId: (id: string) => later(fake.targets.find((one) => one.id === id)),
        ofRepository: (id: string) =>
          later(fake.targets.filter((one) => one.repositoryId === id && one.state !== 'removed')),
      },
      connections: {
        ofWorkspace: (uuid: string) =>
          later(fake.connections.filter(({ workspaceUuid }) => workspaceUuid === uuid)),
      },
      deployments: {
        byId: (id: string) => later(fake.deployments.find((one) => one.id === id)),
        byIds: (ids: readonly string[]) =>
          later(fake.deployments.filter(({ id }) => ids.includes(id))),
        byPageToken: (token: string) =>
          later(fake.deployments.find((one) => one.pageToken === token)),
        recent: (where: Where, page: { limit: number; before?: string }) =>
          later(recent(fake, where, page)),
      },
      attempts: {
        ofDeployment: (id: string) => later(fake.attempts.filter((one) => one.deploymentId === id)),
      },
      hooks: { ofRepository: () => later(fake.hook) },
      installations: { ofWorkspace: () => later([]) },
      events: {
        recentRefChanges: (repositoryId: string, limit: number, where: RefChangeFilter = {}) =>
          later(
            fake.pushes
              .filter((one) => one.repositoryId === repositoryId)
              .filter(({ name }) => where.refName === undefined || name === where.refName)
              .slice(0, limit),
          ),
        decision: (refChangeId: string, targetId: string) =>
          later(
            fake.pushes
              .flatMap(({ decisions }) => decisions)
              .find((one) => one.refChangeId === refChangeId && one.targetId === targetId),
          ),
        arrivals: (id: string) => later(fake.arrivals.get(id) ?? []),
      },
      care: {
        deadLetters: (_where: object, limit: number) =>
          later(fake.deadLetters.slice(0, limit).map((id) => ({ id }))),
        attempts: (ids: readonly string[]) =>
          later(fake.attempts.filter(({ deploymentId }) => ids.includes(deploymentId))),
        statusReports: (ids: readonly string[]) =>
          later(fake.statusReports.filter(({ deploymentId }) => ids.includes(deploymentId))),
      },
    } as unknown as Reader,
    openRepository: async (workspaceUuid, uuid) => {
      const found = await fake.read.repositories.byUuid(uuid);
      if (found?.workspaceUuid !== workspaceUuid) throw new InputError('repository_gone');
      return found;
    },
    personName: () => Promise.resolve(null),
    permission: () =>
      fake.permissionIs instanceof Error
        ? Promise.reject(fake.permissionIs)
        : Promise.resolve(fake.permissionIs),
    branches: () => Promise.resolve(fake.branchNames),
    changedPaths: () => Promise.resolve(fake.changedFiles),
    saveTarget: async (input) =>
      act(fake, 'saveTarget', input, () => ({
        target: save(fake, input),
        ...{ warnings: fake.warnings, steps: fake.steps },
      })),
    saveTargetByStep: (input, checked) =>
      byStep(fake, checked, { isSave: true, end: () => fake.saveTarget(input) }),
    checkTargetByStep: (input, checked) =>
      byStep(fake, checked, { isSave: false, end: () => fake.checkTarget(input) }),
    checkTarget: (input) =>
      act(fake, 'checkTarget', input, () => ({ warnings: fake.warnings, steps: fake.steps })),
    listTargets: () => Promise.resolve(fake.listing),
    proposeCreation: (input) => act(fake, 'proposeCreation', input, () => fake.proposal),
    createAtBackend: (input) => act(fake, 'createAtBackend', input, () => fake.created),
    fixTarget: (input) => act(fake, 'fixTarget', input, () => []),
    removeTarget: async (input) =>
      act(fake, 'removeTarget', input, () => patch(fake, input.targetId, { state: 'removed' })),
    setAutomatic: async (input) =>
      act(fake, 'setAutomatic', input, () =>
        patch(fake, input.targetId, { state: input.on ? 'active' : 'paused', hold: null }),
      ),
    deployNow: async (input) =>
      act(fake, 'deployNow', input, () =>
        add(fake, { targetId: input.targetId, refName: input.refName, cause: 'person' }),
      ),
    redeploy: async (input) =>
      act(fake, 'redeploy', input, () => add(fake, { cause: 'retry', causedBy: input.by.name })),
    cancel: async (input) =>
      act(fake, 'cancel', input, () => {
        const one = fake.deployments.find(({ id }) => id === input.deploymentId);
        if (one) Object.assign(one, { cancelRequestedBy: input.by.name });
      }),
    rollBack: async (input) =>
      act(fake, 'rollBack', input, () =>
        add(fake, { cause: 'rollback', rollbackOf: input.deploymentId }),
      ),
    retryFailed: async (input) =>
      act(fake, 'retryFailed', input, () => {
        const { wish } = input;
        const ids = 'ids' in wish ? wish.ids : fake.deadLetters;
        const retried = fake.deadLetters.filter((id) => ids.includes(id));
        fake.deadLetters = fake.deadLetters.filter((id) => !retried.includes(id));
        for (const id of retried) {
          const earlier = fake.deployments.find((one) => one.id === id);
          add(fake, { ...earlier, id: `${id}-again`, ...waitsAgain, causedBy: input.by.name });
        }
        return { retried, refused: [], more: false };
      }),
    approve: async (input) => act(fake, 'approve', input, () => decideOn(fake, input, 'queued')),
    decline: async (input) => act(fake, 'decline', input, () => decideOn(fake, input, 'stopped')),
    confirmLive: async (input) =>
      act(fake, 'confirmLive', input, () => decideOn(fake, input, 'live')),
    hooks: {
      ensure: (wish) => act(fake, 'hooks.ensure', wish, () => undefined),
      remove: (wish) =>
        act(fake, 'hooks.remove', wish, () => ({ removedAtBitbucket: true, problem: null })),
      check: (wish) => act(fake, 'hooks.check', wish, () => fake.hook?.health ?? null),
    },
    buildLog: ({ id }) => Promise.resolve(`whole log of ${id}\n<script>alert(1)</script>\n`),
    ...over,
  };
  return fake;
}

interface Where {
  repositoryId?: string;
  targetId?: string;
  states?: readonly DeploymentState[];
  refName?: string;
  causedBy?: string;
}

/** As a store answers: later, and with null for what is not there. */
function later<T>(value: T | undefined): Promise<T | null> {
  return Promise.resolve(value ?? null);
}

async function act<T>(fake: FakePanel, name: string, input: unknown, work: () => T): Promise<T> {
  fake.calls.push({ name, input });
  await Promise.resolve();
  const refusal = fake.refuseNext;
  fake.refuseNext = null;
  if (refusal !== null) throw refusal;
  return work();
}

function recent(
  fake: FakePanel,
  where: Where,
  page: { limit: number; before?: string },
): Deployment[] {
  const all = fake.deployments.filter(
    (one) =>
      (where.repositoryId === undefined || one.repositoryId === where.repositoryId) &&
      (where.targetId === undefined || one.targetId === where.targetId) &&
      (where.states === undefined || where.states.includes(one.state)) &&
      (where.refName === undefined || one.refName === where.refName) &&
      (where.causedBy === undefined || one.causedBy === where.causedBy),
  );
  const from = page.before === undefined ? 0 : all.findIndex(({ id }) => id === page.before) + 1;
  return all.slice(from, from + page.limit);
}

function save(fake: FakePanel, input: SaveTargetInput): Target {
  const stored = fake.targets.find(({ id }) => id === input.targetId);
  if (stored && stored.version !== input.expectedVersion) throw new StateError('target_changed');
  const { name, backend, branchPattern, tagPattern, settings } = input;
  const { includePaths, excludePaths, honourSkipMarkers } = input;
  const values = {
    ...{ name, backend, branchPattern, tagPattern, settings },
    ...{ includePaths, excludePaths, honourSkipMarkers },
  };
  if (stored) return Object.assign(stored, values, { version: stored.version + 1 });
  const target = aTarget({ id: `T${fake.targets.length + 1}`, ...values });
  fake.targets.push(target);
  return target;
}

function patch(fake: FakePanel, id: string, values: Partial<Target>): void {
  const one = fake.targets.find((target) => target.id === id);
  if (one) Object.assign(one, values);
}

function add(fake: FakePanel, values: Partial<Deployment>): Deployment {
  const one = aDeployment({
    id: `D${fake.deployments.length + 100}`,
    state: 'queued',
    startedAt: null,
    finishedAt: null,
    backendRef: null,
    causedBy: 'Grace',
    createdAt: startOfTime,
    ...values,
  });
  fake.deployments.unshift(one);
  return one;
}

const waitsAgain = {
  ...({ state: 'queued', cause: 'retry', reason: null, logTail: null } as const),
  ...{ startedAt: null, finishedAt: null },
};

function decideOn(
  fake: FakePanel,
  input: { deploymentId: string },
  state: 'queued' | 'stopped' | 'live',
) {
  const one = fake.deployments.find(({ id }) => id === input.deploymentId);
  if (one) Object.assign(one, { state, approvalUntil: null });
}
