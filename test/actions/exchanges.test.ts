import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TriggerOutcome, TriggerRequest } from '../../src/core/backend.js';
import { runDeliveriesCommand } from '../../src/commands/deliveries.js';
import { run } from '../commands/capture.js';
import { change, commit, createEngine, type Engine } from '../support/engine.js';
import { FakeBackend } from '../support/fake-backend.js';

const token = 'dop_v1_7Hq"zP2/kV9+x';
const spellings = [
  token,
  '7Hq"zP2/kV9+x',
  JSON.stringify(token).slice(1, -1),
  encodeURIComponent(token),
  Buffer.from(token).toString('base64'),
];

/** Tells of a call that holds the target's secret, and others, wherever one can stand. */
class TalkativeBackend extends FakeBackend {
  override async trigger(request: TriggerRequest): Promise<TriggerOutcome> {
    const { password } = await request.cloneCredential();
    for (let call = 1; call <= this.calls; call += 1) {
      request.record?.({
        at: 1_000 * call,
        ms: 12,
        method: 'POST',
        url: `https://someone:pass@api.example.com/v2/${encodeURIComponent(token)}/go?key=${password}`,
        requestHeaders: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        requestBody: JSON.stringify({ call, mine: token, password, credential_token: 'once-only' }),
        status: 202,
        responseHeaders: { 'set-cookie': 'session=abcdefgh', 'x-request-id': `of ${token}` },
        responseBody: `${'a'.repeat(2_030)}${token}${'b'.repeat(100)} ${spellings.join(' ')}`,
        failure: null,
      });
    }
    return super.trigger(request);
  }

  calls = 1;
}

describe('what is kept of the calls to a backend', () => {
  let engine: Engine;
  let backend: TalkativeBackend;

  beforeEach(async () => {
    backend = new TalkativeBackend();
    engine = await createEngine({ backend });
  });

  afterEach(() => engine.close());

  const kept = async () => {
    const target = await engine.target({ settings: { token } });
    await engine.push([change({ to: commit('a') })]);
    await engine.settle(60_000);
    const [deployment] = await engine.deployments(target.id);
    assert.ok(deployment);
    const [attempt] = await engine.storage.read.attempts.ofDeployment(deployment.id);
    return { deployment, exchanges: attempt?.exchanges ?? [] };
  };

  it('is method, host and path, status, harmless headers and the head of both bodies', async () => {
    const { exchanges } = await kept();
    const [one] = exchanges;
    assert.ok(one);
    assert.equal(one.method, 'POST');
    assert.equal(one.address, 'https://api.example.com/v2/[hidden]/go');
    assert.deepEqual(one.requestHeaders, { 'content-type': 'application/json' });
    assert.deepEqual(one.responseHeaders, { 'x-request-id': 'of [hidden]' });
    assert.equal(one.status, 202);
    assert.deepEqual(JSON.parse(one.requestBody ?? ''), {
      call: 1,
      mine: '[hidden]',
      password: '[hidden]',
      credential_token: '[hidden]',
    });
    assert.ok(Buffer.byteLength(one.responseBody ?? '') <= 2_048 + 3);
    assert.match(one.responseBody ?? '', /^a{2030}\[hidden\]b+…$/);
  });

  it('holds no byte of a secret, neither in the database nor in what is shown', async () => {
    const { deployment } = await kept();
    const shown = await run(runDeliveriesCommand, ['show', deployment.id], {
      dataDir: engine.dataDir,
      now: engine.clock.now,
    });
    assert.match(shown.out, /→ POST https:\/\/api\.example\.com\/v2\/\[hidden\]\/go/);
    assert.match(shown.out, /← answered 202 after 12 ms/);
    const files = readdirSync(engine.dataDir).filter((name) => name.startsWith('slipway.sqlite'));
    const all = Buffer.concat([
      Buffer.from(shown.out),
      ...files.map((name) => readFileSync(join(engine.dataDir, name))),
    ]);
    const { password } = await engine.bitbucket.cloneCredential();
    for (const secret of [
      ...spellings,
      password,
      'once-only',
      'session=abcdefgh',
      'someone:pass',
    ]) {
      assert.equal(all.includes(secret), false, `${secret} is to be found`);
    }
  });

  it('is at most four calls of one attempt: how it began and how it ended', async () => {
    backend.calls = 9;
    const { exchanges } = await kept();
    assert.deepEqual(
      exchanges.map(({ at }) => at),
      [1_000, 2_000, 3_000, 9_000],
    );
  });
});
