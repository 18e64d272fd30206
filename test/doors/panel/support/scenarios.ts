import type { Deployment } from '../../../../src/core/model/index.js';
import type { ServeOptions } from './serve-panel.js';
import {
  aBackend,
  aDecision,
  aDeployment,
  aPush,
  aRepository,
  aStatusReport,
  anAttempt,
  aTarget,
  fakePanel,
  hookBackend,
  type FakePanel,
} from './fake-panel.js';
import { tour } from './tour.js';

export interface Scenario {
  services: () => FakePanel;
  options?: ServeOptions;
}

const minute = 60_000;
const hour = 60 * minute;

/** Everything a person can meet, for screenshots, axe and the browser test. Times count back from `now`. */
export function scenarios(now: number): Record<string, Scenario> {
  return {
    empty: { services: () => fakePanel() },
    'empty-two-backends': {
      services: () => fakePanel({ backends: [aBackend(), hookBackend] }),
    },
    'no-backends': { services: () => fakePanel({ backends: [] }) },
    everything: { services: () => everything(now) },
    'read-only': {
      services: () => Object.assign(everything(now), { permissionIs: 'write' as const }),
    },
    tour: { services: () => tour(now) },
    'read-only-empty': { services: () => fakePanel({ permissionIs: 'read' }) },
    'one-after-another': { services: () => oneAfterAnother(now) },
    'hard-names': { services: () => hardNames(now) },
  };
}

/** Staging is live with it, Production waits for a person, Archive for Production. */
function oneAfterAnother(now: number): FakePanel {
  const waiting = {
    ...({ state: 'waiting', startedAt: null, finishedAt: null, backendRef: null } as const),
    ...{ createdAt: now - 4 * minute, commit: '77aa01bc77aa01bc77aa01bc77aa01bc77aa01bc' },
  };
  return fakePanel({
    targets: [
      aTarget({ id: 'T1', name: 'Staging', liveDeploymentId: 'D1' }),
      aTarget({ id: 'T2', name: 'Production', afterTargetId: 'T1', promote: 'person' }),
      aTarget({ id: 'T3', name: 'Archive', afterTargetId: 'T2' }),
    ],
    deployments: [
      aDeployment({
        ...waiting,
        ...{ id: 'D3', targetId: 'T3', waitsFor: 'D2', reason: 'Waits for Production.' },
      }),
      aDeployment({
        ...waiting,
        ...{ id: 'D2', targetId: 'T2', waitsFor: 'D1', approvalUntil: now + 160 * hour },
        reason: 'Live on Staging; waits for a person to let it go on.',
      }),
      aDeployment({
        ...waiting,
        ...{ id: 'D1', targetId: 'T1', state: 'live' },
        startedAt: now,
        finishedAt: now,
      }),
    ],
  });
}

function everything(now: number): FakePanel {
  const targets = [
    aTarget({
      branchPattern: 'main',
      tagPattern: 'v*',
      liveDeploymentId: 'D-live',
      settings: { buildCommand: 'npm run build', size: 'large', environment: 'A=1\nB=2' },
      secretsSealed: 'sealed',
    }),
    aTarget({
      id: 'T2',
      name: 'Staging',
      backend: 'signed-webhook',
      branchPattern: 'develop, release/*',
      hold: {
        since: now - 3 * hour,
        by: 'Grace Hopper',
        reason: 'rolled back to 77aa01bc because of the broken checkout',
      },
    }),
    aTarget({
      id: 'T3',
      name: 'Preview',
      branchPattern: 'feature/**',
      includePaths: 'packages/shop, package-lock.json',
      excludePaths: '**/*.md',
      honourSkipMarkers: false,
      state: 'paused',
    }),
    aTarget({ id: 'T4', name: 'Old place', backend: 'gone', branchPattern: 'main' }),
  ];
  const pushes = [
    aPush({
      id: 'C1',
      receivedAt: now - 20_000,
      decisions: [
        aDecision({
          outcome: 'deploy',
          reasonCode: 'matched',
          reason: 'Branch main matches main.',
          deploymentId: 'D-building',
        }),
        aDecision({
          targetId: 'T2',
          reason: 'Branch main does not match develop, release/*.',
        }),
      ],
    }),
    aPush({
      id: 'C2',
      name: 'docs',
      to: '55aa66bb77cc55aa66bb77cc55aa66bb77cc55aa',
      message: 'Say how to install it',
      receivedAt: now - 12 * minute,
      decisions: [
        aDecision({ refChangeId: 'C2' }),
        aDecision({
          refChangeId: 'C2',
          targetId: 'T3',
          outcome: 'pending',
          reason: 'Branch docs matches feature/**; which files changed is looked at first.',
        }),
      ],
    }),
    aPush({
      id: 'C5',
      message: 'Upgrade the bundler',
      receivedAt: now - 26 * minute,
      decisions: [
        aDecision({
          refChangeId: 'C5',
          outcome: 'deploy',
          reasonCode: 'matched',
          reason: 'Branch main matches main.',
          deploymentId: 'D-failed',
        }),
      ],
    }),
    aPush({
      id: 'C3',
      name: 'old-idea',
      kind: 'delete',
      to: null,
      message: null,
      actorName: null,
      receivedAt: now - 2 * hour,
      decisions: [
        aDecision({
          refChangeId: 'C3',
          reasonCode: 'ref_deleted',
          reason: 'The branch was deleted; there is nothing to deploy.',
        }),
      ],
    }),
    aPush({
      id: 'C4',
      refType: 'tag',
      name: 'v1.0',
      kind: 'create',
      message: 'Release 1.0',
      receivedAt: now - 50 * hour,
    }),
  ];
  return fakePanel({
    backends: [aBackend(), hookBackend],
    targets,
    pushes,
    deployments: [...everyState(now), ...earlierOnes(now)],
    deadLetters: ['D-earlier-2', 'D-failed'],
    arrivals: new Map([
      [
        'C1',
        [
          { door: 'connect', receivedAt: now - 20_000, attemptNumber: 2 },
          { door: 'oauth', receivedAt: now - 17_000, attemptNumber: 1 },
        ],
      ],
    ]),
    attempts: [
      anAttempt({
        deploymentId: 'D-building',
        startedAt: now - 18_000,
        outcome: 'retry',
        detail: 'deploy.example.com answered 503.',
      }),
      anAttempt({ id: 'A2', deploymentId: 'D-building', number: 2, startedAt: now - 12_000 }),
    ],
    statusReports: [
      aStatusReport({
        deploymentId: 'D-building',
        state: 'INPROGRESS',
        settledAt: null,
        error: 'Bitbucket answered 429',
      }),
    ],
  });
}

/** A month of one target, so that its picture has something to show. */
function earlierOnes(now: number): Deployment[] {
  return Array.from({ length: 24 }, (_, index) => {
    const startedAt = now - (3 + index) * 26 * hour;
    const took = 34_000 + ((index * 7_919) % 41) * 1_000;
    return aDeployment({
      id: `D-earlier-${index}`,
      state: ['live', 'live', 'failed', 'live', 'live', 'superseded'][index % 6] as 'live',
      message: `Change number ${200 - index}`,
      createdAt: startedAt - 1_000,
      startedAt,
      finishedAt: startedAt + took,
    });
  });
}

function everyState(now: number): Deployment[] {
  const common = { finishedAt: null, startedAt: null, createdAt: now - 10_000, backendRef: null };
  const ended = (ago: number, took: number) => ({
    createdAt: now - ago,
    startedAt: now - ago + 2_000,
    finishedAt: now - ago + 2_000 + took,
  });
  return [
    aDeployment({ ...common, id: 'D-queued', state: 'queued', message: 'Round the corners' }),
    aDeployment({
      ...common,
      id: 'D-building',
      state: 'building',
      createdAt: now - 20_000,
      startedAt: now - 18_000,
      backendRef: 'ref',
      progress: { step: 'Installing packages', done: 2, total: 5 },
      logTail: ['$ npm ci', 'added 214 packages in 6s', '$ npm run build', 'vite v7.0.0 building…'],
      refChangeId: 'C1',
    }),
    aDeployment({
      ...common,
      id: 'D-deploying',
      state: 'deploying',
      targetId: 'T2',
      refName: 'release/2026-11',
      cause: 'person',
      causedBy: 'Grace Hopper',
      startedAt: now - 95_000,
      progress: { step: 'Waiting until the new release answers' },
    }),
    aDeployment({ ...common, id: 'D-waiting', state: 'waiting', reason: 'Waits for Staging.' }),
    aDeployment({
      ...common,
      id: 'D-unknown',
      state: 'unknown',
      startedAt: now - 70_000,
      targetId: 'T2',
      reason: 'deploy.example.com did not answer within 10 seconds; looking it up.',
    }),
    aDeployment({
      ...ended(9 * minute, 34_000),
      id: 'D-live',
      commit: '77aa01bc77aa01bc77aa01bc77aa01bc77aa01bc',
      message: 'Fix the checkout on small screens',
      url: 'https://shop.example.com/',
      logTail: ['Listening on 3000', 'Health check passed'],
    }),
    aDeployment({
      ...ended(26 * minute, 12_000),
      id: 'D-failed',
      state: 'failed',
      message: 'Upgrade the bundler',
      reason: 'npm run build ended with 1.',
      logTail: [
        '$ npm run build',
        'src/cart.ts(14,3): error TS2322: Type "string" is not assignable to type "number".',
        'npm error code 1',
      ],
      refChangeId: 'C5',
    }),
    aDeployment({
      ...ended(hour, 51_000),
      id: 'D-was-live',
      commit: 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00',
      message: 'Cart keeps its items after signing in',
      url: 'https://shop.example.com/',
    }),
    aDeployment({
      ...ended(3 * hour, 0),
      id: 'D-superseded',
      state: 'superseded',
      startedAt: null,
      backendRef: null,
      supersededBy: '77aa01bc77aa01bc77aa01bc77aa01bc77aa01bc',
    }),
    aDeployment({
      ...ended(5 * hour, 4_000),
      id: 'D-stopped',
      state: 'stopped',
      reason: 'Stopped by Grace Hopper.',
      cause: 'rollback',
      causedBy: 'Grace Hopper',
    }),
    aDeployment({
      ...ended(26 * hour, 900),
      id: 'D-handed',
      state: 'handed_off',
      targetId: 'T2',
      cause: 'reconcile',
      causedBy: null,
      refType: 'tag',
      refName: 'v1.0',
    }),
    aDeployment({
      ...ended(40 * 24 * hour, 3 * hour),
      id: 'D-old',
      state: 'live',
      targetId: 'T-removed',
      cause: 'retry',
    }),
  ];
}

export const wild = {
  rtl: 'שלום ‮evil‬ مرحبا',
  emoji: '🚢🚀👩‍👩‍👧‍👦 Ship it',
  markup: '<img src=x onerror=alert(1)><script>alert(2)</script>"\'&amp;',
  long: 'very-long-name-without-any-space-'.repeat(6).slice(0, 200),
};

function hardNames(now: number): FakePanel {
  return fakePanel({
    repositories: [aRepository({ name: `${wild.rtl} ${wild.long}`, mainBranch: wild.long })],
    branchNames: [wild.long, wild.markup],
    targets: [
      aTarget({ name: wild.long, branchPattern: wild.long, liveDeploymentId: 'D2' }),
      aTarget({ id: 'T2', name: wild.markup, branchPattern: `${wild.emoji}, ${wild.rtl}` }),
    ],
    deadLetters: ['D1', 'D3'],
    deployments: [
      aDeployment({
        ...{ id: 'D3', state: 'failed', refName: wild.long, targetId: 'T1' },
        ...{ reason: wild.rtl, causedBy: wild.markup, createdAt: now - 9 * minute },
      }),
      aDeployment({
        id: 'D1',
        message: wild.markup,
        refName: wild.rtl,
        causedBy: wild.emoji,
        targetId: 'T2',
        state: 'failed',
        reason: `${wild.markup} ${wild.long}`,
        createdAt: now - 3 * minute,
        logTail: [wild.markup, wild.long],
      }),
      aDeployment({
        id: 'D2',
        message: wild.long,
        refName: wild.long,
        causedBy: wild.long,
        url: 'javascript:alert(1)',
        createdAt: now - 5 * minute,
      }),
    ],
    pushes: [
      aPush({
        name: wild.long,
        message: wild.rtl,
        actorName: wild.markup,
        receivedAt: now - minute,
        decisions: [aDecision({ reason: `Branch ${wild.long} does not match ${wild.rtl}.` })],
      }),
    ],
  });
}
