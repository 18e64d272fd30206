import type { Deployment } from '../../../../src/core/model/index.js';
import {
  aBackend,
  aDecision,
  aDeployment,
  anAttempt,
  aPush,
  aStatusReport,
  aTarget,
  fakePanel,
  hookBackend,
  type FakePanel,
} from './fake-panel.js';

const minute = 60_000;
const hour = 60 * minute;

const people = ['Ada Lovelace', 'Grace Hopper', 'Edsger Dijkstra'];
const messages = [
  'Show prices with tax',
  'Upgrade the bundler',
  'Fix the checkout on small screens',
  'Cart keeps its items after signing in',
  'Cache product pictures for a day',
  'Say why a coupon was refused',
  'Sort orders by date',
];

/** A repository on an ordinary day, for the pictures in the documentation. */
export function tour(now: number): FakePanel {
  const newest: Deployment[] = [
    aDeployment({
      ...facts(0, now - 40_000),
      ...{ id: 'D1', state: 'building', finishedAt: null, refChangeId: 'C1' },
      progress: { step: 'Building', done: 3, total: 5 },
      logTail: ['$ npm ci', 'added 214 packages in 6s', '$ npm run build'],
    }),
    aDeployment({
      ...facts(1, now - 26 * minute),
      ...{ id: 'D2', state: 'failed', refChangeId: 'C3' },
      reason: 'npm run build ended with 1.',
      logTail: [
        '$ npm run build',
        'src/cart.ts(14,3): error TS2322: Type "string" is not assignable to type "number".',
        'npm error code 1',
      ],
    }),
    aDeployment({
      ...facts(2, now - 2 * hour),
      ...{ id: 'D3', url: 'https://shop.example.com/', refChangeId: 'C4' },
    }),
  ];
  const earlier = Array.from({ length: 24 }, (_, index) =>
    aDeployment({
      ...facts(3 + index, now - (5 + index * 9) * hour),
      id: `D${4 + index}`,
      state: index % 7 === 3 ? 'failed' : 'live',
      reason: index % 7 === 3 ? 'npm run build ended with 1.' : null,
    }),
  );
  const deployed = (id: string, deploymentId: string) =>
    aDecision({
      ...{ refChangeId: id, outcome: 'deploy', reasonCode: 'matched', deploymentId },
      ...{ reason: 'Branch main matches main.', createdAt: now - 40_000 },
    });
  return fakePanel({
    backends: [aBackend(), hookBackend],
    targets: [
      aTarget({ liveDeploymentId: 'D3', excludePaths: 'docs, **/*.md' }),
      aTarget({
        id: 'T2',
        name: 'Previews',
        backend: 'signed-webhook',
        branchPattern: 'feature/*',
      }),
    ],
    branchNames: ['main', 'feature/coupons', 'feature/search', 'docs'],
    deployments: [...newest, ...earlier],
    pushes: [
      aPush({
        ...pushed(0, now - 41_000),
        id: 'C1',
        decisions: [deployed('C1', 'D1'), notPreviews('C1', 'main', now - 41_000)],
      }),
      aPush({
        ...pushed(5, now - 12 * minute),
        ...{ id: 'C2', name: 'docs', message: 'Say how to install it' },
        decisions: [aDecision({ refChangeId: 'C2' }), notPreviews('C2', 'docs', now - 12 * minute)],
      }),
      aPush({
        ...pushed(1, now - 26 * minute),
        ...{
          id: 'C3',
          decisions: [deployed('C3', 'D2'), notPreviews('C3', 'main', now - 26 * minute)],
        },
      }),
      aPush({
        ...pushed(2, now - 2 * hour),
        ...{
          id: 'C4',
          decisions: [deployed('C4', 'D3'), notPreviews('C4', 'main', now - 2 * hour)],
        },
      }),
    ],
    arrivals: new Map([
      [
        'C1',
        [
          { door: 'connect', receivedAt: now - 41_000, attemptNumber: 1 },
          { door: 'oauth', receivedAt: now - 39_500, attemptNumber: 1 },
        ],
      ],
    ]),
    attempts: [
      anAttempt({
        ...{ startedAt: now - 40_000, outcome: 'retry' },
        detail: 'The build machine is busy; tried again in 2 s.',
      }),
      anAttempt({ id: 'A2', number: 2, startedAt: now - 38_000, outcome: 'accepted' }),
    ],
    statusReports: [aStatusReport({ state: 'INPROGRESS', settledAt: now - 37_000 })],
  });
}

function notPreviews(refChangeId: string, branch: string, createdAt: number) {
  const reason = `Branch ${branch} does not match feature/*.`;
  return aDecision({ refChangeId, targetId: 'T2', reason, createdAt });
}

function hash(n: number): string {
  return ((n + 3) * 2_654_435_761).toString(16).padEnd(40, '7a2c9e04b1d8').slice(0, 40);
}

function facts(n: number, at: number) {
  return {
    ...{ commit: hash(n), message: messages[n % messages.length] ?? '' },
    ...{ causedBy: people[n % people.length] ?? '', author: people[n % people.length] ?? '' },
    ...{ createdAt: at, startedAt: at + 2_000, finishedAt: at + 36_000 + ((n * 7) % 23) * 1_000 },
  };
}

function pushed(n: number, at: number) {
  return {
    ...{ to: hash(n), message: messages[n % messages.length] ?? '', receivedAt: at },
    actorName: people[n % people.length] ?? '',
  };
}
