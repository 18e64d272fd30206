import assert from 'node:assert/strict';
import { Webhook } from 'standardwebhooks';
import { commit, openBench } from './support/bench.js';

type Bench = Awaited<ReturnType<typeof openBench>>;

describe('what the receiver is sent', () => {
  let bench: Bench;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    bench = await openBench();
  });

  afterEach(() => bench.close());

  it('is a deployment with all that a receiver needs, and no credential', async () => {
    const outcome = await bench.backend.trigger(bench.request(), signal);
    const observation = { state: 'queued', pollAfterMs: 5 * 60_000 };
    assert.deepEqual(outcome, { kind: 'accepted', backendRef: 'd_1', observation });
    const [call] = bench.receiver.calls;
    const [offer] = bench.offers;
    assert.equal(call?.id, 'deploy_d_1');
    assert.equal(call?.type, 'deployment.requested');
    assert.deepEqual(call?.data, {
      deployment_id: 'd_1',
      fencing: 7,
      target: { id: 't_1', name: 'Production', environment: 'Production' },
      repository: {
        uuid: '{7c1e}',
        full_name: 'harbour-team/ferry-desk',
        clone_url: 'https://bitbucket.org/harbour-team/ferry-desk.git',
      },
      ref: { type: 'branch', name: 'main' },
      commit: { hash: commit, message_subject: 'Fix timetable', author: 'Mara Lind' },
      cause: { kind: 'push', actor: 'Ada Example' },
      attempt: 1,
      previous_commit: null,
      callback_url: 'https://slipway.example/api/deployments/d_1/events',
      credential_url: 'https://slipway.example/api/deployments/d_1/credential',
      credential_token: offer?.token,
    });
    assert.deepEqual([offer?.deploymentId, offer?.fencing], ['d_1', 7]);
    const { timestamp } = JSON.parse(call?.body ?? '') as { timestamp: string };
    assert.equal(new Date(timestamp).toISOString(), timestamp);
    assert.equal(call?.headers['content-type'], 'application/json');
    assert.equal(call?.headers['user-agent'], 'Slipway/1');
    assert.ok(Buffer.byteLength(call?.body ?? '') < 20_000);
  });

  it('verifies with either secret during a rotation, and with one when there is one', async () => {
    await bench.backend.trigger(bench.request(), signal);
    const { previousSecret: _, ...one } = bench.target.secrets;
    await bench.backend.trigger(
      bench.request({ target: { ...bench.target, secrets: one } }),
      signal,
    );
    const [both, alone] = bench.receiver.calls;
    assert.equal(alone, undefined);
    assert.equal(both?.headers['webhook-signature']?.toString().split(' ').length, 2);
    for (const secret of [bench.secret, bench.previousSecret]) {
      new Webhook(secret).verify(both?.body ?? '', both?.headers as Record<string, string>);
    }
    // The receiver here wants both; the one signature was the only thing wrong with the second call.
    assert.deepEqual(bench.receiver.unverified, ['No matching signature found']);
  });

  it('cuts a message to its subject', async () => {
    const subjects = [];
    for (const message of [null, '', `${'🙂'.repeat(300)}\nmore`, '\n\nLate subject\r\nbody']) {
      await bench.backend.trigger(bench.request({ message }), signal);
      const data = bench.receiver.calls.at(-1)?.data['commit'] as { message_subject: string };
      subjects.push(data.message_subject);
    }
    assert.deepEqual(subjects, [null, '', '🙂'.repeat(200), 'Late subject']);
  });

  it('has a new credential token with every try, under the same webhook-id', async () => {
    bench.receiver.answers(503);
    await bench.backend.trigger(bench.request({ fencing: 1 }), signal);
    await bench.backend.trigger(bench.request({ fencing: 2 }), signal);
    const [first, second] = bench.receiver.calls;
    assert.equal(first?.id, second?.id);
    assert.notEqual(first?.data['credential_token'], second?.data['credential_token']);
    assert.deepEqual([first?.data['fencing'], second?.data['fencing']], [1, 2]);
  });

  it('names both deployments of a rollback, and offers no credential', async () => {
    bench.receiver.answers(202, { external_id: 'run-1' });
    const outcome = await bench.backend.rollback?.(bench.rollbackRequest(), signal);
    const observation = { state: 'queued', pollAfterMs: 5 * 60_000 };
    assert.deepEqual(outcome, { kind: 'accepted', backendRef: 'run-1', observation });
    const [call] = bench.receiver.calls;
    assert.equal(call?.id, 'rollback_d_1');
    assert.equal(call?.type, 'deployment.rollback_requested');
    assert.deepEqual(call?.data, {
      deployment_id: 'd_1',
      fencing: 7,
      target: { id: 't_1', name: 'Production', environment: 'Production' },
      commit: { hash: commit },
      to: { deployment_id: 'd_0', external_id: 'run-0' },
      callback_url: 'https://slipway.example/api/deployments/d_1/events',
    });
    assert.deepEqual(bench.offers, []);
  });

  it('asks to cancel under one id, and to look up or ping under a new one each time', async () => {
    const { deploymentId, target } = bench.request();
    const deployment = { deploymentId, target, commit, backendRef: 'run-1' };
    for (let round = 0; round < 2; round += 1) {
      await bench.backend.cancel?.(deployment, signal);
      await bench.backend.lookup?.(deployment, signal);
      await bench.backend.check(target, signal);
    }
    const of = (type: string) => bench.receiver.calls.filter((call) => call.type === type);
    assert.deepEqual(
      of('deployment.cancel_requested').map(({ id }) => id),
      ['cancel_d_1', 'cancel_d_1'],
    );
    assert.equal(new Set(of('deployment.lookup_requested').map(({ id }) => id)).size, 2);
    assert.equal(new Set(of('target.ping').map(({ id }) => id)).size, 2);
    assert.deepEqual(of('deployment.lookup_requested')[0]?.data, {
      deployment_id: 'd_1',
      external_id: 'run-1',
      target: { id: 't_1', name: 'Production', environment: 'Production' },
      commit: { hash: commit },
    });
    assert.deepEqual(of('target.ping')[0]?.data, {
      target: { id: 't_1', name: 'Production', environment: 'Production' },
    });
  });
});
