import assert from 'node:assert/strict';
import { statusFor, statusKey } from '../../src/core/delivery/build-status.js';
import type { DeploymentState } from '../../src/core/model/index.js';

describe('build status', () => {
  const at = (state: DeploymentState, more: object = {}) =>
    statusFor({ state, reason: null, url: null, supersededBy: null, ...more }, 'Production');

  it('maps every state, and says nothing before anything was sent', () => {
    const states: Record<DeploymentState, string | undefined> = {
      waiting: undefined,
      queued: undefined,
      building: 'INPROGRESS',
      deploying: 'INPROGRESS',
      unknown: 'INPROGRESS',
      live: 'SUCCESSFUL',
      handed_off: 'SUCCESSFUL',
      failed: 'FAILED',
      stopped: 'STOPPED',
      superseded: 'STOPPED',
    };
    for (const [state, expected] of Object.entries(states)) {
      assert.equal(at(state as DeploymentState)?.state, expected, state);
    }
  });

  it('gives the reason, and names the commit that superseded', () => {
    assert.equal(at('failed', { reason: 'npm ci failed' })?.description, 'npm ci failed');
    assert.match(at('superseded', { supersededBy: 'b'.repeat(40) })?.description ?? '', /b{12}$/);
  });

  it('keeps the key within Bitbucket’s 40 characters', () => {
    assert.equal(statusKey('01J0000000000000000000000X'), 'slipway-01J0000000000000000000000X');
    assert.ok(statusKey('x'.repeat(100)).length <= 40);
  });
});
