import assert from 'node:assert/strict';
import { Webhook } from 'standardwebhooks';
import type { Deployment, Target } from '../../../src/core/model/index.js';
import { BitbucketError } from '../../../src/core/errors.js';
import { newSecret } from '../../../src/lib/standard-webhooks.js';
import { FakeReceiver } from '../../backends/signed-webhook/support/fake-receiver.js';
import { openSlipway, type TestSlipway } from '../../backends/signed-webhook/support/slipway.js';
import { change, commit } from '../../support/engine.js';

const minute = 60_000;

describe('the API for receivers', () => {
  const secret = newSecret();
  const previousSecret = newSecret();
  let slipway: TestSlipway;
  let receiver: FakeReceiver;
  let target: Target;
  let deployment: Deployment;
  let token: string;

  /** One deployment, sent and accepted. */
  beforeEach(async () => {
    slipway = await openSlipway();
    receiver = await FakeReceiver.open(() => [secret]);
    const { engine } = slipway;
    target = await engine.target({ settings: { url: receiver.url, secret, previousSecret } });
    deployment = await push('a');
    token = String(receiver.calls.at(-1)?.data['credential_token']);
  });

  afterEach(async () => {
    await receiver.close();
    await slipway.close();
  });

  async function push(digit: string): Promise<Deployment> {
    await slipway.engine.push([change({ to: commit(digit) })]);
    while ((await slipway.engine.step()) > 0);
    return stored(digit);
  }

  async function stored(digit = 'a'): Promise<Deployment> {
    const all = await slipway.engine.deployments(target.id);
    return all.find((one) => one.commit === commit(digit)) ?? assert.fail('no deployment');
  }

  interface Call {
    path?: string;
    body?: unknown;
    with?: string;
    headers?: Record<string, string | undefined>;
    ageMs?: number;
  }

  async function post(call: Call): Promise<Response> {
    const { path = `/api/deployments/${deployment.id}/events`, body } = call;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const at = new Date(slipway.engine.clock.now() - (call.ageMs ?? 0));
    const id = 'msg_1';
    const headers: Record<string, string | undefined> = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(call.with ?? secret).sign(id, at, text),
      ...call.headers,
    };
    const given = Object.entries(headers).filter((entry) => entry[1] !== undefined);
    return fetch(slipway.baseUrl + path, {
      method: 'POST',
      headers: Object.fromEntries(given) as Record<string, string>,
      body: text,
    });
  }

  function report(state: string, sequence: number, more: object = {}): object {
    return { type: `deployment.${state}`, data: { sequence, ...more } };
  }

  /** The lane looks when it was woken, and only then: its own next look is minutes away. */
  async function look(): Promise<Deployment> {
    while ((await slipway.engine.step()) > 0);
    return stored();
  }

  async function send(state: string, sequence: number, more: object = {}): Promise<number> {
    return (await post({ body: report(state, sequence, more) })).status;
  }

  describe('reports', () => {
    it('take a deployment to its end, at once', async () => {
      assert.equal(await send('building', 1, { message: 'Installing packages' }), 204);
      let now = await look();
      assert.deepEqual([now.state, now.progress], ['building', { step: 'Installing packages' }]);
      assert.equal(await send('deploying', 2), 204);
      assert.equal((await look()).state, 'deploying');
      const end = { url: 'https://ferry.example/', commit: commit('a') };
      assert.equal(await send('live', 5, end), 204);
      now = await look();
      assert.deepEqual([now.state, now.url, now.reason], ['live', 'https://ferry.example/', null]);
      await slipway.engine.settle();
      const states = slipway.engine.bitbucket.statuses.map(({ status }) => status.state);
      assert.deepEqual(states, ['INPROGRESS', 'SUCCESSFUL']);
    });

    it('are not needed by a receiver that answers with the end at once', async () => {
      await send('live', 1);
      await look();
      receiver.answers(200, { state: 'live', url: 'https://ferry.example/' });
      await push('b');
      await slipway.engine.settle(minute);
      const { state, url } = await stored('b');
      assert.deepEqual([state, url], ['live', 'https://ferry.example/']);
    });

    it('never come from a receiver that says so, and the commit says that, too', async () => {
      await send('live', 1);
      await look();
      receiver.answers(204);
      await push('b');
      await slipway.engine.settle(minute);
      const { state, reason } = await stored('b');
      assert.equal(state, 'handed_off');
      assert.equal(reason, 'Handed to the receiver; it does not report the result.');
      const last = slipway.engine.bitbucket.statuses.at(-1)?.status;
      assert.deepEqual([last?.state, last?.description], ['SUCCESSFUL', reason]);
    });

    it('say why it failed, in one plain line without secrets', async () => {
      const message = `npm ERR!\n${secret} at https://x-token-auth:tok3n@bitbucket.org/a.git`;
      const more = { message, log_url: 'https://ci.example/log/1' };
      assert.equal(await send('failed', 1, more), 204);
      const { state, reason, logTail } = await look();
      assert.equal(state, 'failed');
      assert.equal(reason, 'npm ERR! [hidden] at https://[hidden]@bitbucket.org/a.git');
      assert.deepEqual(logTail, ['Log: https://ci.example/log/1']);
      assert.doesNotMatch(JSON.stringify(await slipway.report(deployment.id)), /tok3n|whsec_/);
    });

    it('keep what an earlier one said, when two come before the lane looks', async () => {
      await send('deploying', 1, { url: 'https://ferry.example/' });
      await send('live', 2);
      const { state, url } = await look();
      assert.deepEqual([state, url], ['live', 'https://ferry.example/']);
    });

    it('with a lower or equal sequence change nothing', async () => {
      await send('deploying', 5);
      for (const sequence of [5, 4, 1]) assert.equal(await send('failed', sequence), 204);
      assert.equal((await look()).state, 'deploying');
      assert.equal(await send('failed', 6), 204);
      assert.equal((await look()).state, 'failed');
    });

    it('after an end change nothing, seen by the lane or not', async () => {
      await send('live', 1);
      assert.equal(await send('failed', 2), 204);
      assert.equal((await look()).state, 'live');
      assert.equal(await send('failed', 3), 204);
      assert.equal((await look()).state, 'live');
    });

    it('after we gave up waiting change nothing', async () => {
      slipway.engine.clock.advance(61 * minute);
      const ended = await look();
      assert.equal(ended.state, 'stopped');
      assert.match(ended.reason ?? '', /reported nothing for 60 minutes/);
      assert.equal(await send('live', 1), 204);
      assert.equal((await look()).state, 'stopped');
      assert.equal(await slipway.report(deployment.id), null);
    });

    it('may be signed with the previous secret during a rotation', async () => {
      const answer = await post({ body: report('building', 1), with: previousSecret });
      assert.equal(answer.status, 204);
    });

    it('count although the answer to our call was lost', async () => {
      receiver.respond = (_call, _response, request) => request.socket.destroy();
      await send('live', 1);
      await look();
      const second = await push('b');
      assert.equal(second.state, 'unknown');
      const path = `/api/deployments/${second.id}/events`;
      assert.equal((await post({ path, body: report('live', 1) })).status, 204);
      while ((await slipway.engine.step()) > 0);
      assert.equal((await stored('b')).state, 'live');
      const types = receiver.calls.map(({ type }) => type);
      assert.ok(!types.includes('deployment.lookup_requested'), types.join());
    });

    for (const [what, body, why] of [
      ['an unknown type', { type: 'deployment.exploded', data: { sequence: 1 } }, /^type: /],
      ['no sequence', { type: 'deployment.live', data: {} }, /^data\.sequence: /],
      ['a sequence of 0', report('live', 0), /^data\.sequence: /],
      ['a sequence that is no whole number', report('live', 1.5), /^data\.sequence: /],
      [
        'a script for an address',
        report('live', 1, { url: 'javascript:alert(1)' }),
        /^data\.url: /,
      ],
      ['a commit that is none', report('live', 1, { commit: 'main' }), /^data\.commit: /],
      ['no JSON', 'hello', /JSON object/],
      ['a list', [], /JSON object/],
      ['nothing', '', /JSON object/],
    ] as [string, unknown, RegExp][]) {
      it(`with ${what} are answered 400, with the reason`, async () => {
        const answer = await post({ body });
        assert.equal(answer.status, 400);
        const { error } = (await answer.json()) as { error: { code: string; message: string } };
        assert.equal(error.code, 'body_unreadable');
        assert.match(error.message, why);
        assert.equal(await slipway.report(deployment.id), null);
      });
    }
  });

  describe('what does not verify', () => {
    const wrong: Record<string, () => Call> = {
      'another secret': () => ({ with: newSecret() }),
      'no signature': () => ({ headers: { 'webhook-signature': undefined } }),
      'another id than signed': () => ({ headers: { 'webhook-id': 'msg_2' } }),
      'a timestamp of six minutes ago': () => ({ ageMs: 6 * minute }),
      'a timestamp of the future': () => ({ ageMs: -6 * minute }),
      'a deployment that does not exist': () => ({ path: '/api/deployments/d_none/events' }),
      'no deployment that does exist, and another secret': () => ({
        path: '/api/deployments/d_none/events',
        with: newSecret(),
      }),
      'the body of a report on another deployment': () => ({
        body: report('live', 1, { deployment_id: 'd_other' }),
      }),
    };

    async function answerTo(call: Call): Promise<unknown> {
      const answer = await post({ body: report('live', 1), ...call });
      const headers = Object.fromEntries(answer.headers);
      delete headers['date'];
      return { status: answer.status, headers, body: await answer.text() };
    }

    it('is all answered the same, and changes nothing', async () => {
      const answers = new Set<string>();
      for (const [what, call] of Object.entries(wrong)) {
        const answer = await answerTo(call());
        assert.equal((answer as { status: number }).status, 401, what);
        answers.add(JSON.stringify(answer));
      }
      assert.equal(answers.size, 1, [...answers].join('\n'));
      assert.equal(await slipway.report(deployment.id), null);
      assert.equal((await look()).state, 'building');
    });

    it('includes a target without a signing secret, such as one of another backend', async () => {
      slipway.deps.signingSecrets = () => [];
      const answer = await post({ body: report('live', 1) });
      assert.equal(answer.status, 401);
    });

    it('is answered the same for credentials', async () => {
      const path = (id: string) => `/api/deployments/${id}/credential`;
      const body = { type: 'credential.requested', data: { token } };
      for (const call of [
        { path: path(deployment.id), body, with: newSecret() },
        { path: path('d_none'), body },
      ]) {
        const answer = await post(call);
        assert.equal(answer.status, 401);
        assert.deepEqual(await answer.json(), {
          error: { code: 'not_verified', message: 'The request is not signed as it should be.' },
        });
      }
    });
  });

  it('reads 64 KiB and no more, and nothing inflated', async () => {
    const padded = (bytes: number) => {
      const text = JSON.stringify(report('building', 1, { message: '' }));
      return text.replace('""', `"${'x'.repeat(bytes - text.length)}"`);
    };
    assert.equal((await post({ body: padded(64 * 1024) })).status, 204);
    assert.equal((await post({ body: padded(64 * 1024 + 1) })).status, 413);
    const packed = await post({ body: '{}', headers: { 'content-encoding': 'gzip' } });
    assert.equal(packed.status, 415);
  });

  describe('clone credentials', () => {
    const credential = (more: Call = {}, data: object = { token }) =>
      post({
        path: `/api/deployments/${deployment.id}/credential`,
        body: { type: 'credential.requested', data },
        ...more,
      });

    async function gone(answer: Response): Promise<string> {
      assert.equal(answer.status, 410);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      const { error } = (await answer.json()) as { error: { code: string; message: string } };
      assert.equal(error.code, 'credential_gone');
      return error.message;
    }

    it('are given once for a token, to be stored nowhere', async () => {
      const answer = await credential();
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      assert.deepEqual(await answer.json(), {
        username: 'x-token-auth',
        password: 'clone-password',
        clone_url: 'https://bitbucket.example/acme/site.git',
        expires_at: '+275760-09-13T00:00:00.000Z',
      });
      assert.match(await gone(await credential()), /used before/);
    });

    it('are followed by another one where git refused the first, until none is left', async () => {
      slipway.engine.bitbucket.nextPasswords = ['second-password'];
      const refused = { token, refused: true };
      const password = async (answer: Response) =>
        ((await answer.json()) as { password: string }).password;
      assert.equal(await password(await credential()), 'clone-password');
      assert.equal(await password(await credential({}, refused)), 'second-password');
      assert.match(await gone(await credential({}, refused)), /refused every credential/);
      assert.match(await gone(await credential()), /used before/);
    });

    it('are not given for a refusal of what was never issued to a token', async () => {
      assert.match(
        await gone(await credential({}, { token: 'made-up', refused: true })),
        /not offered/,
      );
    });

    it('are given once also when the clock jumps, days forward or hours back', async () => {
      const { clock } = slipway.engine;
      clock.advance(3 * 24 * 60 * minute);
      assert.equal((await credential()).status, 200, 'what runs is not held up');
      for (const jump of [3 * 24 * 60, -6 * 24 * 60, -5 * 60]) {
        clock.advance(jump * minute);
        assert.match(await gone(await credential()), /used before/);
      }
    });

    it('are not given for a request that was signed before the clock went back', async () => {
      slipway.engine.clock.advance(-5 * 60 * minute);
      assert.equal((await credential({ ageMs: -5 * 60 * minute })).status, 401);
      assert.equal((await credential()).status, 200);
    });

    it('are given once even when asked for twice at the same moment', async () => {
      const answers = await Promise.all([credential(), credential(), credential()]);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 410, 410]);
    });

    it('are given while our call still waits for its answer', async () => {
      await send('live', 1);
      await look();
      const during: Promise<Response>[] = [];
      receiver.respond = (call, response) => {
        const { deployment_id: id, credential_token } = call.data;
        const asked = post({
          path: `/api/deployments/${String(id)}/credential`,
          body: { type: 'credential.requested', data: { token: credential_token } },
        });
        during.push(asked);
        void asked.then(() => response.writeHead(202).end());
      };
      await push('b');
      assert.deepEqual(
        (await Promise.all(during)).map(({ status }) => status),
        [200],
      );
    });

    it('are not given for a made-up token, or that of another deployment', async () => {
      assert.match(await gone(await credential({}, { token: 'made-up' })), /not offered/);
      await send('live', 1);
      await look();
      await push('b');
      const other = String(receiver.calls.at(-1)?.data['credential_token']);
      assert.notEqual(other, token);
      assert.match(await gone(await credential({}, { token: other })), /not offered/);
    });

    it('are not given once the deployment is over', async () => {
      await send('live', 1);
      await look();
      assert.match(await gone(await credential()), /not running/);
    });

    it('are not given for a try that was followed by another', async () => {
      await send('failed', 1);
      await look();
      receiver.answers(503);
      deployment = await push('b');
      const first = String(receiver.calls.at(-1)?.data['credential_token']);
      assert.match(await gone(await credential({}, { token: first })), /not running/);
      receiver.answers(202);
      await slipway.engine.settle(minute);
      const second = String(receiver.calls.at(-1)?.data['credential_token']);
      assert.match(await gone(await credential({}, { token: first })), /sent again/);
      assert.equal((await credential({}, { token: second })).status, 200);
    });

    it('are not given for a removed target', async () => {
      await slipway.engine.storage.write((tx) => tx.targets.touch(target.id, { state: 'removed' }));
      assert.match(await gone(await credential()), /removed/);
    });

    it('cost no token while Bitbucket gives none', async () => {
      const { bitbucket } = slipway.engine;
      bitbucket.failures = [
        new BitbucketError('bitbucket_rate_limited', 'GET /secret-detail', { retryAfterMs: 8_500 }),
        new Error('something of ours'),
      ];
      const limited = await credential();
      assert.equal(limited.status, 503);
      assert.equal(limited.headers.get('retry-after'), '9');
      assert.doesNotMatch(await limited.text(), /secret-detail/);
      const broken = await credential();
      assert.equal(broken.status, 503);
      assert.doesNotMatch(await broken.text(), /something of ours/);
      assert.equal((await credential()).status, 200);
    });

    it('need the right body', async () => {
      for (const body of ['', '{}', { type: 'deployment.live', data: { token } }]) {
        assert.equal((await credential({ body })).status, 400);
      }
      assert.equal((await credential()).status, 200);
    });

    it('leave no trace in log and store: no token, no credential', async () => {
      await credential();
      await credential();
      await credential({ with: newSecret() });
      const kept = JSON.stringify([
        slipway.logger.lines,
        slipway.engine.logger.lines,
        await slipway.grantsUsedAt(),
        await stored(),
      ]);
      assert.doesNotMatch(kept, /clone-password/);
      assert.ok(!kept.includes(token));
      assert.ok(slipway.logger.lines.some(({ message }) => message === 'credential.issued'));
    });
  });

  it('answers nothing but POST', async () => {
    for (const path of ['events', 'credential']) {
      const answer = await fetch(`${slipway.baseUrl}/api/deployments/${deployment.id}/${path}`);
      assert.equal(answer.status, 404);
    }
  });
});
