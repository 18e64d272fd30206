import assert from 'node:assert/strict';
import type { Deployment } from '../../../../src/core/model/index.js';
import type { Surroundings } from '../../../../src/doors/panel/view/deployments.js';
import {
  publicSteps,
  timelineView,
  type PushStory,
} from '../../../../src/doors/panel/view/timeline.js';
import {
  aBackend,
  aDecision,
  aDeployment,
  anAttempt,
  aRepository,
  aStatusReport,
  aTarget,
  startOfTime,
} from '../support/fake-panel.js';

const around: Surroundings = {
  repository: aRepository(),
  targets: new Map([['T1', aTarget({ liveDeploymentId: 'D1' })]]),
  backends: [aBackend()],
  places: { baseUrl: 'https://slipway.example.com', bitbucketUrl: 'https://bitbucket.org' },
  rights: 'read',
  now: startOfTime,
};

const arrival = {
  door: 'connect',
  receivedAt: startOfTime - 120_000,
  attemptNumber: 1,
} as const;

function story(over: Partial<PushStory>): PushStory {
  return { arrivals: [arrival], decisions: [], journeys: new Map(), later: [], ...over };
}

function deployed(deployment: Deployment, more: object = {}): PushStory {
  const decision = aDecision({
    outcome: 'deploy',
    reason: 'Branch main matches main.',
    deploymentId: deployment.id,
  });
  const journey = { deployment, attempts: [], statuses: [], ...more };
  return story({ decisions: [decision], journeys: new Map([[deployment.id, journey]]) });
}

const says = (steps: readonly { says: string; because: string | null }[]): string[] =>
  steps.map((step) => (step.because === null ? step.says : `${step.says} | ${step.because}`));

describe('story of a push', () => {
  it('says how it came and how it was verified', () => {
    const { arrived } = timelineView(story({}), around);
    assert.deepEqual(says(arrived), [
      'Received through the app’s webhook',
      'Verified | Signed by the app’s installation in this workspace.',
    ]);
    assert.equal(arrived[0]?.at?.text, '2 min ago');
  });

  it('says that Bitbucket had to send it again', () => {
    const arrivals = [{ ...arrival, door: 'oauth' as const, attemptNumber: 3 }];
    assert.match(
      says(timelineView(story({ arrivals }), around).arrived).join('\n'),
      /through the repository’s webhook \| Bitbucket had to send it 3 times until it was stored\./,
    );
  });

  it('tells a copy from the push, and a webhook that came late', () => {
    const copy = { ...arrival, door: 'forge', receivedAt: startOfTime - 90_000 } as const;
    assert.equal(
      says(timelineView(story({ arrivals: [arrival, copy] }), around).arrived).at(-1),
      'Told of once more, through Forge | The same push: nothing is deployed twice.',
    );
    const found = { ...arrival, door: 'reconcile' } as const;
    assert.deepEqual(
      says(timelineView(story({ arrivals: [found, { ...copy }] }), around).arrived),
      [
        'Found by looking at the branch | No webhook had told of this push when Slipway compared the branch with Bitbucket.',
        'Its webhook came, 30 s late | The same push: nothing is deployed twice.',
      ],
    );
  });

  it('gives the reason where nothing was deployed', () => {
    const [branch] = timelineView(story({ decisions: [aDecision()] }), around).branches;
    assert.deepEqual(branch && says(branch.steps), [
      'Decided not to deploy | Branch docs does not match main.',
    ]);
    assert.equal(branch?.state, null);
  });

  it('follows a deployment through its tries to its end and its build status', () => {
    const deployment = aDeployment({
      startedAt: startOfTime - 100_000,
      url: 'https://shop.example/',
    });
    const [branch] = timelineView(
      deployed(deployment, {
        attempts: [
          anAttempt({ outcome: 'retry', detail: 'It answered 503.' }),
          anAttempt({ id: 'A2', number: 2 }),
        ],
        statuses: [aStatusReport({ state: 'INPROGRESS' }), aStatusReport({ id: 'B2' })],
      }),
      around,
    ).branches;
    assert.deepEqual(branch && says(branch.steps), [
      'Decided to deploy | Branch main matches main.',
      'Queued | It waited 20 s for its turn.',
      'Sent: to be tried again | It answered 503.',
      'Sent (try 2): accepted',
      'Live | Took 16 s.',
      'Build status on the commit: successful',
    ]);
    assert.equal(branch?.steps[4]?.link?.href, 'https://shop.example/');
    assert.match(branch?.page ?? '', /^https:\/\/slipway\.example\.com\/d\//);
  });

  it('says by which commit it was overtaken', () => {
    const deployment = aDeployment({
      state: 'superseded',
      startedAt: null,
      supersededBy: 'feedc0de'.repeat(5),
    });
    const [branch] = timelineView(deployed(deployment), around).branches;
    assert.deepEqual(branch && says(branch.steps.slice(1)), [
      'Queued',
      'Superseded | The newer commit feedc0de took its place.',
    ]);
  });

  it('shows what runs, and that the build status is still owed', () => {
    const deployment = aDeployment({
      state: 'building',
      finishedAt: null,
      progress: { step: 'Installing packages', done: 2, total: 5 },
    });
    const statuses = [aStatusReport({ state: 'INPROGRESS', settledAt: null, error: '429' })];
    const [branch] = timelineView(deployed(deployment, { statuses }), around).branches;
    assert.deepEqual(branch && says(branch.steps.slice(-2)), [
      'Building | Installing packages (2 of 5)',
      'Build status “in progress” is being written | Bitbucket did not take it yet: 429',
    ]);
  });

  it('keeps for the anonymous what backend and Bitbucket said word by word', () => {
    const journey = {
      deployment: aDeployment({ state: 'failed', reason: 'The build broke.' }),
      attempts: [anAttempt({ outcome: 'rejected', detail: 'key sk-123 is not known' })],
      statuses: [aStatusReport({ state: 'FAILED', error: 'internal words' })],
    };
    const steps = says(publicSteps({ arrivals: [], decision: null, journey }, around));
    assert.deepEqual(steps.slice(1), [
      'Sent: refused',
      'Failed | The build broke.',
      'Build status “failed” was not written | Bitbucket refused it.',
    ]);
  });

  it('says what it waits for, whom it asks, and who let it go on', () => {
    const words = (over: Partial<Deployment>): string | undefined => {
      const deployment = aDeployment({
        waitsFor: 'D0',
        state: 'waiting',
        finishedAt: null,
        ...over,
      });
      const [branch] = timelineView(deployed(deployment), around).branches;
      return branch && says(branch.steps)[1];
    };
    const never = { startedAt: null, reason: 'Waits for Staging.' };
    assert.equal(words(never), 'Waits for another target | Waits for Staging.');
    const reason = 'Live on Staging; waits for a person to let it go on.';
    const asked = { startedAt: null, approvalUntil: startOfTime, reason };
    assert.equal(words(asked), `Waits for a person | ${reason}`);
    const live = aDeployment({ waitsFor: 'D0', approvedBy: 'Grace Hopper' });
    const [branch] = timelineView(deployed(live), around).branches;
    assert.deepEqual(branch && says(branch.steps).slice(1, 3), [
      'Waited for another target | It waited 2 s for its turn.',
      'Grace Hopper let it go on',
    ]);
  });

  it('offers admins what can be done now, with the last deployment that came of the push', () => {
    const failed = aDeployment({ state: 'failed', reason: 'npm ended with 1.' });
    const again = aDeployment({ ...failed, id: 'D2', state: 'building', finishedAt: null });
    const later = { ...again, cause: 'person', causedBy: 'Grace Hopper', reason: null } as const;
    const acts = (story: PushStory, rights: 'admin' | 'read') =>
      timelineView(story, { ...around, rights }).branches.map(({ acts }) => [
        acts?.id,
        acts?.actions.map(({ label }) => label),
      ]);
    assert.deepEqual(acts(deployed(failed), 'admin'), [['D1', ['Try again']]]);
    assert.deepEqual(acts(deployed(failed), 'read'), [[undefined, undefined]]);
    const retold = { ...deployed(failed), later: [later] };
    assert.deepEqual(acts(retold, 'admin'), [['D2', ['Cancel']]]);
    const [branch] = timelineView(retold, around).branches;
    assert.equal(branch?.steps.at(-1)?.says, 'Deployed again by Grace Hopper: Building');
  });

  it('offers no link that is no web address', () => {
    const deployment = aDeployment({ url: 'javascript:alert(1)' });
    const [branch] = timelineView(deployed(deployment), around).branches;
    assert.ok(branch?.steps.every(({ link }) => link === null));
  });
});
